using System.Numerics;
using CsCheck;
using Tcm.Detect.Geometry;

namespace Tcm.Tests.Geometry;

public class PolygonTests
{
    private static readonly PixelPoint[] Block = Flat.Points(20, 30, 120, 30, 120, 70, 20, 70);

    private static PixelPoint[][] Offset(PixelPoint[] polygon, double delta)
    {
        var offset = new PolygonOffset();
        int count = offset.Execute(polygon, delta);
        return [.. Enumerable.Range(0, count).Select(i => offset.Ring(i).ToArray())];
    }

    private static double Area(PixelPoint[] polygon) => Math.Abs(PolygonMeasures.TwiceSignedArea(polygon)) / 2.0;

    private static int Filled(PixelPoint[] polygon, int width = 260, int height = 260)
    {
        var mask = new byte[width * height];
        new PolygonFill().Fill<byte>(polygon, mask, width, height, 1);
        return mask.Count(v => v != 0);
    }

    [Fact]
    public void Measures_of_a_block()
    {
        Assert.Equal(2 * 4000, PolygonMeasures.TwiceSignedArea(Block));
        Assert.Equal(280, PolygonMeasures.Perimeter(Block));
        Vector2[] quad = [new(22, 68), new(118, 68), new(118, 32), new(22, 32)];
        PolygonMeasures.OrderForScreen(quad);
        Assert.Equal([new(22, 32), new(118, 32), new(118, 68), new(22, 68)], quad);
    }

    [Fact]
    public void Shrinking_and_growing_a_block_give_the_outlines_of_the_specification()
    {
        var shrunk = Assert.Single(Offset(Block, -12));
        Assert.True(Flat.SameCycle(Flat.Points(32, 42, 108, 42, 108, 58, 32, 58), shrunk));
        Assert.Equal(1309, Filled(shrunk));
        Assert.Equal(20, Assert.Single(Offset(Block, 12)).Length);
        Assert.Equal(16, Assert.Single(Offset(Flat.Points(32, 42, 32, 58, 108, 58, 108, 42), 9.913043)).Length);
        Assert.Equal(7973, Filled(Offset(Block, 12)[0]));
        Assert.Equal(1501, Filled(Offset(Block, -11)[0]));
        Assert.Equal(4141, Filled(Offset(Block, 0)[0]));
        Assert.Empty(Offset(Block, -20));
    }

    [Fact]
    public void Slanted_kernel_of_the_specification()
    {
        var quad = Flat.Points(30, 40, 110, 20, 118, 52, 38, 72);
        Assert.Equal(2720, Area(quad));
        Assert.Equal(230.8939, PolygonMeasures.Perimeter(quad), 1e-4);
        Assert.Equal(913, Filled(Assert.Single(Offset(quad, -10))));
        Assert.Equal(5517, Filled(Assert.Single(Offset(quad, 2720 * (1 - 0.16) / PolygonMeasures.Perimeter(quad)))));
    }

    [Fact]
    public void A_thin_waist_falls_apart_and_a_closed_pocket_leaves_a_hole()
    {
        var dumbbell = Flat.Points(0, 0, 40, 0, 40, 18, 100, 18, 100, 0, 140, 0, 140, 40, 100, 40, 100, 22, 40, 22, 40, 40, 0, 40);
        var parts = Offset(dumbbell, -4);
        Assert.Equal(2, parts.Length);
        Assert.All(parts, p => Assert.True(PolygonMeasures.TwiceSignedArea(p) > 0));
        var letterC = Flat.Points(0, 0, 100, 0, 100, 45, 90, 45, 90, 10, 10, 10, 10, 90, 90, 90, 90, 55, 100, 55, 100, 100, 0, 100);
        var rings = Offset(letterC, 7);
        Assert.Equal(2, rings.Length);
        Assert.Equal(1, rings.Count(r => PolygonMeasures.TwiceSignedArea(r) < 0));
    }

    [Fact]
    public void Offsets_of_degenerate_polygons_are_empty()
    {
        Assert.Empty(Offset([], 5));
        Assert.Empty(Offset(Flat.Points(1, 1), 5));
        Assert.Empty(Offset(Flat.Points(1, 1, 9, 9, 1, 1), 0));
        Assert.Empty(Offset(Flat.Points(1, 1, 9, 9, 5, 5, 1, 1), 0));
        Assert.Empty(Offset(Flat.Points(4, 4, 4, 4, 4, 4, 4, 4), 3));
    }

    [Fact]
    public void Growth_adds_what_Steiner_says() => Gen.Select(Flat.Convex, Gen.Double[1, 30]).Sample((polygon, delta) =>
    {
        // Past an almost straight corner Clipper keeps the old normal, and a sharp tip that follows loses its round cap.
        if (HasAlmostStraightCorner(polygon, delta))
        {
            return;
        }
        double area = Area(polygon), perimeter = PolygonMeasures.Perimeter(polygon);
        double expected = area + perimeter * delta + Math.PI * delta * delta;
        double tolerance = 1 + 1.5 * (perimeter + 2 * Math.PI * delta);
        Assert.Equal(expected, Area(Assert.Single(Offset(polygon, delta))), tolerance);
    });

    private static bool HasAlmostStraightCorner(PixelPoint[] polygon, double delta)
    {
        for (int i = 0; i < polygon.Length; i++)
        {
            var (a, b, c) = (polygon[i], polygon[(i + 1) % polygon.Length], polygon[(i + 2) % polygon.Length]);
            double ux = b.X - a.X, uy = b.Y - a.Y, vx = c.X - b.X, vy = c.Y - b.Y;
            double lengths = Math.Sqrt((ux * ux) + (uy * uy)) * Math.Sqrt((vx * vx) + (vy * vy));
            if ((ux * vx) + (uy * vy) > 0 && Math.Abs((ux * vy) - (uy * vx)) / lengths * delta < 1)
            {
                return true;
            }
        }
        return false;
    }

    [Fact]
    public void Larger_growth_gives_a_larger_area() => Gen.Select(Flat.Star, Gen.Double[2, 25]).Sample((polygon, delta) =>
    {
        double less = Offset(polygon, delta).Sum(r => PolygonMeasures.TwiceSignedArea(r));
        double more = Offset(polygon, delta + 3).Sum(r => PolygonMeasures.TwiceSignedArea(r));
        Assert.True(more > less && less > PolygonMeasures.TwiceSignedArea(polygon));
        Assert.True(Offset(polygon, -delta).Sum(Area) < Area(polygon));
    });

    [Fact]
    public void Offsets_are_clockwise_and_stay_at_their_distance() => Gen.Select(Flat.Star, Gen.Double[2, 25]).Sample((polygon, delta) =>
    {
        var outer = Offset(polygon, delta).Where(r => PolygonMeasures.TwiceSignedArea(r) > 0);
        Assert.All(Assert.Single(outer), p => Assert.InRange(Distance(p, polygon), delta - 1.6, delta + 1.2));
    });

    [Fact]
    public void Offsets_turn_with_the_polygon() => Gen.Select(Flat.Star, Gen.Double[2, 25]).Sample((polygon, delta) =>
    {
        var turned = polygon.Select(p => new PixelPoint(-p.Y, p.X)).ToArray();
        double area = Offset(polygon, delta).Sum(r => PolygonMeasures.TwiceSignedArea(r));
        Assert.Equal(area, Offset(turned, delta).Sum(r => PolygonMeasures.TwiceSignedArea(r)), 0.02 * area);
    });

    [Fact]
    public void Random_outlines_leave_the_area_with_positive_winding() => Flat.Point.Array[3, 14].Sample(outline =>
    {
        var winding = new PositiveWinding();
        int rings = winding.Execute(outline);
        int bad = 0, checkedPoints = 0;
        for (int y = -95; y < 100; y += 7)
        {
            for (int x = -95; x < 100; x += 7)
            {
                // Off the grid, so that no point lies on an edge; rounding may only matter close to one.
                double px = x + 0.37, py = y + 0.41;
                if (Distance(px, py, outline) < 1.5)
                {
                    continue;
                }
                int inside = 0;
                for (int i = 0; i < rings; i++)
                {
                    inside += Winding(px, py, winding.Ring(i));
                }
                checkedPoints++;
                bad += inside == (Winding(px, py, outline) > 0 ? 1 : 0) ? 0 : 1;
            }
        }
        Assert.True(bad == 0, $"{bad} of {checkedPoints} points");
    }, iter: 500);

    private static int Winding(double x, double y, ReadOnlySpan<PixelPoint> ring)
    {
        int winding = 0;
        for (int i = 0; i < ring.Length; i++)
        {
            PixelPoint a = ring[i], b = ring[(i + 1) % ring.Length];
            if (a.Y <= y != b.Y <= y)
            {
                double cross = a.X + (y - a.Y) * (b.X - a.X) / (b.Y - a.Y);
                winding += cross < x ? (a.Y <= y ? -1 : 1) : 0;
            }
        }
        return winding;
    }

    private static double Distance(PixelPoint p, PixelPoint[] polygon) => Distance(p.X, p.Y, polygon);

    private static double Distance(double x, double y, PixelPoint[] polygon) => Enumerable.Range(0, polygon.Length).Min(i =>
    {
        Vector2 a = new(polygon[i].X, polygon[i].Y), c = new((float)x, (float)y);
        var b = new Vector2(polygon[(i + 1) % polygon.Length].X, polygon[(i + 1) % polygon.Length].Y);
        float t = a == b ? 0 : Math.Clamp(Vector2.Dot(c - a, b - a) / (b - a).LengthSquared(), 0, 1);
        return (double)Vector2.Distance(c, a + t * (b - a));
    });

    [Fact]
    public void Filled_pixels_follow_from_the_area() => Flat.Star.Sample(polygon =>
    {
        // Pick: pixels inside and on the outline = area + boundary points / 2 + 1; Bresenham adds at most one per step.
        double perimeter = PolygonMeasures.Perimeter(polygon);
        Assert.InRange(Filled(polygon), Area(polygon), Area(polygon) + perimeter + polygon.Length);
    });

    [Fact]
    public void Fill_is_clipped_and_takes_lines_and_points()
    {
        Assert.Equal(1, Filled(Flat.Points(5, 5)));
        Assert.Equal(11, Filled(Flat.Points(5, 5, 15, 5)));
        Assert.Equal(11, Filled(Flat.Points(5, 5, 15, 15, 5, 5)));
        Assert.Equal(0, Filled([]));
        Assert.Equal(100, Filled(Flat.Points(-1000, -1000, 1000, -1000, 1000, 1000, -1000, 1000), 10, 10));
        Assert.Equal(30, Filled(Flat.Points(-5, 3, 40, 3, 40, 5, -5, 5), 10, 10));
        Assert.Equal(0, Filled(Flat.Points(20, 20, 30, 20, 30, 30), 10, 10));
    }

    [Fact]
    public void Score_of_the_specification()
    {
        var map = new float[20 * 12];
        for (int i = 0; i < 50; i++)
        {
            map[(5 + i / 10) * 20 + 5 + i % 10] = 0.35f + 0.6f * i / 49;
        }
        Assert.Equal(0.65, new PolygonFill().Mean(map, 20, 12, Flat.Points(5, 5, 5, 9, 14, 9, 14, 5)), 1e-6);
        Assert.Equal(0, new PolygonFill().Mean(map, 20, 12, Flat.Points(50, 5, 50, 9, 60, 9)));
    }

    [Fact]
    public void Simplified_contours_stay_within_the_tolerance() => Gen.Select(Flat.Star, Gen.Double[0.5, 8]).Sample((polygon, tolerance) =>
    {
        var corners = new PolygonSimplifier().Simplify(polygon, tolerance).ToArray();
        Assert.All(corners, c => Assert.Contains(c, polygon));
        Assert.All(polygon, p => Assert.True(Distance(p, corners) <= 2 * tolerance + 1e-4));
    });

    [Fact]
    public void Simplification_of_degenerate_contours()
    {
        var simplifier = new PolygonSimplifier();
        Assert.Empty(simplifier.Simplify([], 1).ToArray());
        Assert.Equal(Flat.Points(3, 4), simplifier.Simplify(Flat.Points(3, 4), 1).ToArray());
        Assert.Equal(2, simplifier.Simplify(Flat.Points(3, 4, 9, 4), 0).Length);
        Assert.Equal(0, PolygonSimplifier.ClosedLength(Flat.Points(3, 4)));
        Assert.Equal(280, PolygonSimplifier.ClosedLength(Block));
    }
}
