using System.Numerics;

namespace Tcm.Detect.Geometry;

/// <summary>A rectangle at any angle: centre, sides, and the angle of the first side in degrees.</summary>
internal readonly record struct RotatedRectangle(Vector2 Center, float Width, float Height, float Angle)
{
    /// <summary>The shorter side.</summary>
    public float ShortSide => Math.Min(Width, Height);

    /// <summary>Writes the four corners in the order of OpenCV's <c>boxPoints</c>.</summary>
    public void Corners(Span<Vector2> corners)
    {
        double radians = Angle * Math.PI / 180;
        float b = (float)Math.Cos(radians) * 0.5f;
        float a = (float)Math.Sin(radians) * 0.5f;
        corners[0] = new(Center.X - a * Height - b * Width, Center.Y + b * Height - a * Width);
        corners[1] = new(Center.X + a * Height - b * Width, Center.Y - b * Height - a * Width);
        corners[2] = 2 * Center - corners[0];
        corners[3] = 2 * Center - corners[1];
    }
}

/// <summary>
/// Convex hulls and the rectangle of least area around points. The rotating calipers work in float and break ties as
/// OpenCV 4.6's <c>minAreaRect</c> does, because symmetric outlines often have two equally good rectangles.
/// A workspace: one thread at a time.
/// </summary>
internal sealed class MinAreaRectangle
{
    private Vector2[] _sorted = new Vector2[64];
    private Vector2[] _hull = new Vector2[64];
    private Vector2[] _edges = new Vector2[64];

    /// <summary>The rectangle of least area that holds all points; zero sides for a single point.</summary>
    public RotatedRectangle Of(ReadOnlySpan<PixelPoint> points)
    {
        var hull = Hull(points);
        return Around(hull);
    }

    /// <inheritdoc cref="Of(ReadOnlySpan{PixelPoint})"/>
    public RotatedRectangle Of(ReadOnlySpan<Vector2> points)
    {
        Reserve(points.Length);
        points.CopyTo(_sorted);
        return Around(HullOfSorted(points.Length));
    }

    /// <summary>
    /// Corners of the convex hull, clockwise on the screen, without points on its edges; valid until the next call.
    /// </summary>
    public ReadOnlySpan<Vector2> Hull(ReadOnlySpan<PixelPoint> points)
    {
        Reserve(points.Length);
        for (int i = 0; i < points.Length; i++)
        {
            _sorted[i] = new Vector2(points[i].X, points[i].Y);
        }
        return HullOfSorted(points.Length);
    }

    private void Reserve(int count)
    {
        if (_sorted.Length < count)
        {
            _sorted = new Vector2[2 * count];
            _hull = new Vector2[2 * count + 2];
            _edges = new Vector2[2 * count];
        }
    }

    // Andrew's monotone chain: first the chain of small y from left to right, then the other one back.
    private ReadOnlySpan<Vector2> HullOfSorted(int count)
    {
        var points = _sorted.AsSpan(0, count);
        points.Sort(static (p, q) => p.X != q.X ? p.X.CompareTo(q.X) : p.Y.CompareTo(q.Y));
        int unique = 0;
        for (int i = 0; i < count; i++)
        {
            if (unique == 0 || points[i] != points[unique - 1])
            {
                points[unique++] = points[i];
            }
        }
        if (unique < 3)
        {
            return points[..unique];
        }
        if (_hull.Length < unique + 2)
        {
            _hull = new Vector2[2 * unique + 2];
        }
        int size = 0;
        for (int i = 0; i < unique; i++)
        {
            while (size >= 2 && Turn(_hull[size - 2], _hull[size - 1], points[i]) <= 0)
            {
                size--;
            }
            _hull[size++] = points[i];
        }
        int lower = size + 1;
        for (int i = unique - 2; i >= 0; i--)
        {
            while (size >= lower && Turn(_hull[size - 2], _hull[size - 1], points[i]) <= 0)
            {
                size--;
            }
            _hull[size++] = points[i];
        }
        return _hull.AsSpan(0, size - 1);
    }

    private static double Turn(Vector2 a, Vector2 b, Vector2 c) =>
        ((double)b.X - a.X) * ((double)c.Y - a.Y) - ((double)b.Y - a.Y) * ((double)c.X - a.X);

    private RotatedRectangle Around(ReadOnlySpan<Vector2> hull)
    {
        if (hull.Length == 0)
        {
            return default;
        }
        if (hull.Length == 1)
        {
            return new RotatedRectangle(hull[0], 0, 0, 0);
        }
        if (hull.Length == 2)
        {
            double dx = (double)hull[1].X - hull[0].X;
            double dy = (double)hull[1].Y - hull[0].Y;
            return new RotatedRectangle((hull[0] + hull[1]) * 0.5f, (float)Math.Sqrt(dx * dx + dy * dy), 0, Degrees(dx, dy));
        }
        var (corner, width, height) = Calipers(hull);
        var center = corner + (width + height) * 0.5f;
        return new RotatedRectangle(center, Norm(width), Norm(height), Degrees(width.X, width.Y));
    }

    private static float Degrees(double x, double y) => (float)((float)Math.Atan2(y, x) * 180 / Math.PI);

    private static float Norm(Vector2 v) => (float)Math.Sqrt((double)v.X * v.X + (double)v.Y * v.Y);

    // One corner and the two sides that leave it.
    private (Vector2 Corner, Vector2 Width, Vector2 Height) Calipers(ReadOnlySpan<Vector2> hull)
    {
        int n = hull.Length;
        // Hull points that touch the calipers: 0 smallest y, 1 largest x, 2 largest y, 3 smallest x.
        Span<int> touch = stackalloc int[4];
        touch.Clear();
        for (int i = 0; i < n; i++)
        {
            _edges[i] = hull[i + 1 == n ? 0 : i + 1] - hull[i];
            touch[0] = hull[i].Y < hull[touch[0]].Y ? i : touch[0];
            touch[1] = hull[i].X > hull[touch[1]].X ? i : touch[1];
            touch[2] = hull[i].Y > hull[touch[2]].Y ? i : touch[2];
            touch[3] = hull[i].X < hull[touch[3]].X ? i : touch[3];
        }
        float leastArea = float.MaxValue;
        Vector2 bestBase = default, bestLeft = default, bestBottom = default;
        float bestWidth = 0, bestHeight = 0;
        for (int k = 0; k < n; k++)
        {
            int main = 0;
            for (int i = 1; i < 4; i++)
            {
                var a = Turned(_edges[touch[i]], i);
                var b = Turned(_edges[touch[main]], main);
                main = a.Y * b.X - a.X * b.Y < 0 ? i : main;
            }
            var edge = _edges[touch[main]];
            float inverse = (float)(1 / Math.Sqrt((double)edge.X * edge.X + (double)edge.Y * edge.Y));
            var along = Turned(new Vector2(edge.X * inverse, edge.Y * inverse), main);
            touch[main] = touch[main] + 1 == n ? 0 : touch[main] + 1;

            var across = hull[touch[1]] - hull[touch[3]];
            float width = across.X * along.X + across.Y * along.Y;
            across = hull[touch[2]] - hull[touch[0]];
            float height = -across.X * along.Y + across.Y * along.X;
            float area = width * height;
            if (area <= leastArea)
            {
                leastArea = area;
                (bestBase, bestWidth, bestHeight) = (along, width, height);
                (bestLeft, bestBottom) = (hull[touch[3]], hull[touch[0]]);
            }
        }
        float a1 = bestBase.X, b1 = bestBase.Y, a2 = -bestBase.Y, b2 = bestBase.X;
        float c1 = a1 * bestLeft.X + bestLeft.Y * b1;
        float c2 = a2 * bestBottom.X + bestBottom.Y * b2;
        float inverseDeterminant = 1f / (a1 * b2 - a2 * b1);
        var corner = new Vector2((c1 * b2 - c2 * b1) * inverseDeterminant, (a1 * c2 - a2 * c1) * inverseDeterminant);
        return (corner, new Vector2(a1 * bestWidth, b1 * bestWidth), new Vector2(a2 * bestHeight, b2 * bestHeight));
    }

    // Brings the direction of a caliper back to that of the first one.
    private static Vector2 Turned(Vector2 v, int quarter) => quarter switch
    {
        0 => v,
        1 => new Vector2(v.Y, -v.X),
        2 => -v,
        _ => new Vector2(-v.Y, v.X),
    };
}
