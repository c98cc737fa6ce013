using System.Numerics;
using CsCheck;
using Tcm.Detect.Geometry;

namespace Tcm.Tests.Geometry;

public class MinAreaRectangleTests
{
    private static RotatedRectangle Of(params int[] flat) => new MinAreaRectangle().Of(Flat.Points(flat));

    [Fact]
    public void Grown_block_of_the_specification_has_its_rectangle()
    {
        var r = Of(112, 33, 116, 36, 118, 42, 118, 58, 117, 62, 114, 66, 108, 68, 32, 68, 28, 67, 24, 64, 22, 58, 22, 42, 23,
            38, 26, 34, 32, 32, 108, 32);
        Assert.Equal(new Vector2(70, 50), r.Center);
        Assert.Equal((96f, 36f), (Math.Max(r.Width, r.Height), Math.Min(r.Width, r.Height)));
        var corners = new Vector2[4];
        r.Corners(corners);
        Vector2[] expected = [new(22, 68), new(22, 32), new(118, 32), new(118, 68)];
        Assert.All(expected, p => Assert.Contains(corners, q => Vector2.Distance(p, q) < 1e-3f));
    }

    [Fact]
    public void Degenerate_points_give_degenerate_rectangles()
    {
        Assert.Equal(default, new MinAreaRectangle().Of(ReadOnlySpan<PixelPoint>.Empty));
        Assert.Equal(new RotatedRectangle(new Vector2(3, 4), 0, 0, 0), Of(3, 4));
        Assert.Equal(new RotatedRectangle(new Vector2(3, 4), 0, 0, 0), Of(3, 4, 3, 4, 3, 4));
        var line = Of(0, 0, 2, 2, 4, 4, 1, 1, 4, 4);
        Assert.Equal(Math.Sqrt(32), line.Width, 1e-5);
        Assert.Equal(0, line.ShortSide);
        Assert.Equal(new Vector2(2, 2), line.Center);
        var upright = Of(5, 9, 5, 1, 5, 3);
        Assert.Equal((8f, 0f), (upright.Width, upright.Height));
    }

    [Fact]
    public void Rectangle_holds_all_points_and_none_of_its_sides_can_move_in() =>
        Flat.Cloud.Sample(points =>
        {
            var r = new MinAreaRectangle().Of(points);
            double radians = r.Angle * Math.PI / 180;
            var u = new Vector2((float)Math.Cos(radians), (float)Math.Sin(radians));
            var v = new Vector2(-u.Y, u.X);
            var along = points.Select(p => Vector2.Dot(new Vector2(p.X, p.Y) - r.Center, u)).ToArray();
            var across = points.Select(p => Vector2.Dot(new Vector2(p.X, p.Y) - r.Center, v)).ToArray();
            Assert.Equal(r.Width / 2, along.Max(), 1e-2);
            Assert.Equal(-r.Width / 2, along.Min(), 1e-2);
            Assert.Equal(r.Height / 2, across.Max(), 1e-2);
            Assert.Equal(-r.Height / 2, across.Min(), 1e-2);
        });

    [Fact]
    public void Area_does_not_change_when_the_points_turn_by_90_degrees() =>
        Flat.Cloud.Sample(points =>
        {
            var turned = points.Select(p => new PixelPoint(-p.Y, p.X)).ToArray();
            var a = new MinAreaRectangle().Of(points);
            var b = new MinAreaRectangle().Of(turned);
            Assert.Equal(a.Width * a.Height, b.Width * b.Height, 1e-2 + 1e-4 * a.Width * a.Height);
        });
}
