using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Geometry;
using Tcm.Detect.Pipeline;

namespace Tcm.Tests.Detector;

/// <summary>Where the vertices of a region begin, and in which order regions are read.</summary>
public sealed class ReadingTests
{
    [Theory]
    [InlineData(40, 10, -44, 134)]
    [InlineData(40, 26, -44, 134)]
    [InlineData(40, 28, -44, 44)]
    [InlineData(10, 10.5, -44, 44)]
    public void Vertices_begin_top_left_as_the_reader_sees_it(double length, double height, int from, int to)
    {
        // Long text may be read at any angle from climbing by less than 45 degrees to falling by less than 135; compact text only to
        // the right.
        for (int degrees = from; degrees <= to; degrees++)
        {
            if (degrees == 45)
            {
                continue; // between the two ways of reading
            }
            var (sin, cos) = MathF.SinCos(degrees * MathF.PI / 180);
            Vector2 along = new Vector2(cos, sin) * (float)(length / 2), across = new Vector2(-sin, cos) * (float)(height / 2);
            var center = new Vector2(300, 200);
            Vector2[] quad = [center - along - across, center + along - across, center + along + across, center - along + across];
            // A hexagon with points in the middle of the long sides.
            Vector2[] polygon = [quad[0], center - across, quad[1], quad[2], center + across, quad[3]];
            for (int turn = 0; turn < 4; turn++)
            {
                var region = ReadingDirection.Order(new TextRegion(Turned(polygon, turn), Turned(quad, turn), 1));
                Assert.Equal(quad, region.Quad);
                Assert.Equal(polygon, region.Polygon);
                Assert.True(PolygonMeasures.SignedArea([.. region.Polygon]) > 0);
            }
        }
    }

    [Fact]
    public void Upright_regions_begin_as_post_processing_left_them()
    {
        Vector2[] quad = [new(10, 20), new(60, 20), new(60, 35), new(10, 35)];
        var region = new TextRegion(quad, quad, 1);
        Assert.Same(quad, ReadingDirection.Order(region).Quad);
        Assert.Same(quad, ReadingDirection.Order(region).Polygon);
        // Tall text is read downwards: its upper left corner is the upper right one of the screen.
        Vector2[] tall = [new(10, 20), new(25, 20), new(25, 70), new(10, 70)];
        Assert.Equal(new Vector2(25, 20), ReadingDirection.Order(new TextRegion(tall, tall, 1)).Quad[0]);
    }

    [Fact]
    public void Degenerate_rectangles_are_no_problem()
    {
        Vector2[][] quads = [[new(5, 5), new(5, 5), new(5, 5), new(5, 5)], [new(5, 5), new(9, 5), new(9, 5), new(5, 5)],
            [new(5, 5), new(5, 5), new(5, 9), new(5, 9)]];
        foreach (var quad in quads)
        {
            var direction = ReadingDirection.Of(quad);
            Assert.Equal(1, direction.Length(), 1e-6);
            Assert.Equal(4, ReadingDirection.Order(new TextRegion(quad, quad, 1)).Quad.Count);
        }
        Assert.Equal(Vector2.UnitX, ReadingDirection.Of(quads[1]));
        Assert.Equal(Vector2.UnitY, ReadingDirection.Of(quads[2]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(-25)]
    [InlineData(40)]
    public void Rows_are_read_from_top_to_bottom_and_from_left_to_right(int degrees)
    {
        var random = new Random(3);
        var tilt = Matrix3x2.CreateRotation(degrees * MathF.PI / 180, new Vector2(300, 200));
        var page = new List<TextRegion>();
        for (int row = 0; row < 6; row++)
        {
            for (int word = 0, x = 20; word < 8; word++)
            {
                int width = random.Next(30, 90);
                float y = 50 + (row * 50) + random.Next(-4, 5), height = 20 + random.Next(8);
                var quad = Box(x, y - (height / 2), width, height, 0).Quad.Select(p => Vector2.Transform(p, tilt)).ToArray();
                page.Add(new TextRegion(quad, quad, row + (word / 100f)));
                x += width + random.Next(10, 30);
            }
        }
        for (int shuffle = 0; shuffle < 5; shuffle++)
        {
            TextRegion[] shuffled = [.. page];
            random.Shuffle(shuffled);
            Assert.Equal(page.Select(r => r.Score), ReadingOrder.Sort(shuffled).Select(r => r.Score));
        }
        Assert.Empty(ReadingOrder.Sort([]));
    }

    [Fact]
    public void A_tall_region_does_not_join_rows()
    {
        // A poster over two lines at the left, and small print beside the first.
        var poster = Box(0, 0, 40, 100, 0);
        TextRegion[] lines = [Box(50, 10, 100, 20, 1), Box(160, 14, 30, 10, 2), Box(50, 70, 100, 20, 3)];
        Assert.Equal([1f, 2, 0, 3], ReadingOrder.Sort([lines[2], lines[1], poster, lines[0]]).Select(r => r.Score));
    }

    private static TextRegion Box(float x, float y, float width, float height, float score)
    {
        Vector2[] quad = [new(x, y), new(x + width, y), new(x + width, y + height), new(x, y + height)];
        return new TextRegion(quad, quad, score);
    }

    private static Vector2[] Turned(Vector2[] polygon, int turn) => [.. polygon[turn..], .. polygon[..turn]];
}
