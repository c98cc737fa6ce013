using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Plane-to-plane maps, and the convex quadrilaterals that they make of rectangles.</summary>
internal static class Homography
{
    // Beyond this share of the mean depth a near edge would be many times as large as the far one.
    private const float LargestDepth = 0.55f;

    /// <summary>
    /// A plane turned in front of a pinhole camera: the middle of <paramref name="bounds"/> goes to <paramref name="centre"/>,
    /// scaled there by <paramref name="scale"/>. Angles in radians: <paramref name="yaw"/> about the vertical axis,
    /// <paramref name="pitch"/> about the horizontal one, <paramref name="roll"/> within the picture.
    /// </summary>
    public static SKMatrix View(SKRect bounds, SKPoint centre, float scale, float yaw, float pitch, float roll)
    {
        var (sy, cy) = MathF.SinCos(yaw);
        var (sp, cp) = MathF.SinCos(pitch);
        var (sr, cr) = MathF.SinCos(roll);
        // Rz(roll) Ry(yaw) Rx(pitch): the first two columns, since the plane has z = 0.
        float x0 = cr * cy, y0 = cr * sy * sp - sr * cp;
        float x1 = sr * cy, y1 = sr * sy * sp + cr * cp;
        float x2 = -sy, y2 = cy * sp;
        float half = 0.5f * (Math.Abs(x2) * bounds.Width + Math.Abs(y2) * bounds.Height);
        float focal = Math.Max(2.2f * Math.Max(bounds.Width, bounds.Height), half / LargestDepth);
        var turned = new SKMatrix(x0, y0, 0, x1, y1, 0, x2 / focal, y2 / focal, 1);
        return SKMatrix.CreateTranslation(centre.X, centre.Y)
            .PreConcat(SKMatrix.CreateScale(scale, scale))
            .PreConcat(turned)
            .PreConcat(SKMatrix.CreateTranslation(-bounds.MidX, -bounds.MidY));
    }

    /// <summary>The corners of a rectangle, clockwise from the upper left one.</summary>
    public static SKPoint[] Corners(SKRect r) =>
        [new(r.Left, r.Top), new(r.Right, r.Top), new(r.Right, r.Bottom), new(r.Left, r.Bottom)];

    /// <summary>Whether two convex polygons have a point in common, by the theorem of the separating axis.</summary>
    public static bool Overlap(ReadOnlySpan<SKPoint> a, ReadOnlySpan<SKPoint> b) => !Separates(a, b) && !Separates(b, a);

    private static bool Separates(ReadOnlySpan<SKPoint> edges, ReadOnlySpan<SKPoint> other)
    {
        for (int i = 0; i < edges.Length; i++)
        {
            var from = edges[i];
            var to = edges[(i + 1) % edges.Length];
            var normal = new SKPoint(to.Y - from.Y, from.X - to.X);
            var (leastA, mostA) = Extent(edges, normal);
            var (leastB, mostB) = Extent(other, normal);
            if (mostA < leastB || mostB < leastA)
            {
                return true;
            }
        }
        return false;
    }

    private static (float Least, float Most) Extent(ReadOnlySpan<SKPoint> points, SKPoint axis)
    {
        float least = float.PositiveInfinity, most = float.NegativeInfinity;
        foreach (var point in points)
        {
            float at = point.X * axis.X + point.Y * axis.Y;
            least = Math.Min(least, at);
            most = Math.Max(most, at);
        }
        return (least, most);
    }
}
