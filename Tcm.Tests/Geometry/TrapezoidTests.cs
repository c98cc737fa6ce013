using System.Numerics;
using Tcm.Detect.Evaluation;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads.Fce;

namespace Tcm.Tests.Geometry;

/// <summary>Areas by trapezoids against the overlay library that the evaluator uses, which repairs what crosses itself.</summary>
public sealed class TrapezoidTests
{
    [Theory]
    [InlineData(0.3, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 1 << 20)]
    [InlineData(10, 0)]
    public void Overlaps_of_predicted_contours_are_those_of_the_overlay_library(double wildness, int offset)
    {
        var random = new Random(5);
        var contour = new FourierContour(50);
        int repaired = 0, overlapping = 0;
        for (int round = 0; round < 300; round++)
        {
            PixelPoint[] a = Contour(), b = Contour();
            PolygonOverlap expectedA = Overlap(a), expectedB = Overlap(b);
            double both = expectedA.Intersection(expectedB), either = expectedA.Area + expectedB.Area - both;
            ScoredPolygon polygonA = new(a, 1), polygonB = new(b, 1);
            polygonA.Measure(out double areaA);
            Assert.Equal(expectedA.Area, areaA, 1e-7 * (1 + areaA));
            Assert.Equal(both / either, polygonA.IntersectionOverUnion(polygonB), 1e-7);
            repaired += Math.Abs(Math.Abs(PolygonMeasures.SignedArea(Vectors(a))) - areaA) > 1e-3 ? 1 : 0;
            overlapping += both > 0 ? 1 : 0;
        }
        Assert.True(overlapping > 100);
        Assert.Equal(wildness > 1, repaired > 30);

        PixelPoint[] Contour()
        {
            var parts = new float[FourierContour.Parts];
            for (int i = 0; i < parts.Length; i++)
            {
                parts[i] = (float)(((random.NextDouble() * 2) - 1) * wildness);
            }
            parts[FourierContour.Degree + 1] += 4;
            return [.. contour.Reconstruct(parts, random.Next(4), random.Next(4), 8)!.Select(p => new PixelPoint(p.X + offset, p.Y + offset))];
        }
    }

    [Fact]
    public void Random_corners_have_the_overlay_librarys_area()
    {
        var random = new Random(6);
        for (int round = 0; round < 2000; round++)
        {
            // On a small grid there are repeated points, spikes, edges on edges and crossings in vertices.
            PixelPoint[] a = Corners(), b = Corners();
            var (expectedA, expectedB) = (Overlap(a), Overlap(b));
            new ScoredPolygon(a, 1).Measure(out double area);
            Assert.Equal(expectedA.Area, area, 1e-9);
            double both = expectedA.Intersection(expectedB), either = expectedA.Area + expectedB.Area - both;
            Assert.Equal(either > 0 ? both / either : 1, new ScoredPolygon(a, 1).IntersectionOverUnion(new ScoredPolygon(b, 1)), 1e-9);
        }

        PixelPoint[] Corners() => [.. Enumerable.Range(0, random.Next(3, 9)).Select(_ => new PixelPoint(random.Next(7), random.Next(7)))];
    }

    private static Vector2[] Vectors(PixelPoint[] points) => [.. points.Select(p => new Vector2(p.X, p.Y))];

    private static PolygonOverlap Overlap(PixelPoint[] points) => new(Vectors(points));
}
