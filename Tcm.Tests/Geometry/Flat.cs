using CsCheck;
using Tcm.Detect.Geometry;

namespace Tcm.Tests.Geometry;

/// <summary>Points and polygons for the geometry tests.</summary>
internal static class Flat
{
    /// <summary>Points from x0, y0, x1, y1, ...</summary>
    public static PixelPoint[] Points(params int[] flat) =>
        [.. Enumerable.Range(0, flat.Length / 2).Select(i => new PixelPoint(flat[2 * i], flat[2 * i + 1]))];

    public static Gen<PixelPoint> Point { get; } = Gen.Select(Gen.Int[-100, 100], Gen.Int[-100, 100], (x, y) => new PixelPoint(x, y));

    public static Gen<PixelPoint[]> Cloud { get; } = Point.Array[1, 30];

    /// <summary>Star-shaped polygons: one vertex per direction, at any distance, so the outline never crosses itself.</summary>
    public static Gen<PixelPoint[]> Star { get; } = Gen.Int[8, 60].Array[4, 16].Select(radii =>
        radii.Select((r, i) => new PixelPoint(
            100 + (int)Math.Round(r * Math.Cos(2 * Math.PI * i / radii.Length)),
            100 + (int)Math.Round(r * Math.Sin(2 * Math.PI * i / radii.Length)))).ToArray());

    /// <summary>Convex polygons.</summary>
    public static Gen<PixelPoint[]> Convex { get; } = Cloud.Select(points =>
        new MinAreaRectangle().Hull(points).ToArray().Select(v => new PixelPoint((int)v.X, (int)v.Y)).ToArray())
        .Where(p => p.Length >= 3);

    /// <summary>Whether both hold the same vertices in the same cyclic order.</summary>
    public static bool SameCycle(ReadOnlySpan<PixelPoint> a, ReadOnlySpan<PixelPoint> b)
    {
        int shift = a.Length == b.Length && a.Length > 0 ? b.IndexOf(a[0]) : -1;
        for (int i = 0; shift >= 0 && i < a.Length; i++)
        {
            if (a[i] != b[(i + shift) % b.Length])
            {
                return false;
            }
        }
        return shift >= 0;
    }
}
