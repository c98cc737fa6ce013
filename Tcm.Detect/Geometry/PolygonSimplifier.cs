namespace Tcm.Detect.Geometry;

/// <summary>
/// Douglas-Peucker on a closed contour, step by step as in OpenCV's <c>approxPolyDP</c>, so that the same corners survive.
/// A workspace: one thread at a time.
/// </summary>
internal sealed class PolygonSimplifier
{
    private readonly List<(int Start, int End)> _open = [];
    private readonly PixelPointList _result = new();

    /// <summary>Length of the closed contour; single edges are rounded to float, as OpenCV's <c>arcLength</c> does.</summary>
    public static double ClosedLength(ReadOnlySpan<PixelPoint> contour)
    {
        if (contour.Length < 2)
        {
            return 0;
        }
        double length = 0;
        var previous = contour[^1];
        foreach (var point in contour)
        {
            float dx = point.X - previous.X;
            float dy = point.Y - previous.Y;
            length += MathF.Sqrt(dx * dx + dy * dy);
            previous = point;
        }
        return length;
    }

    /// <summary>The corners of <paramref name="contour"/> that stay; valid until the next call.</summary>
    public ReadOnlySpan<PixelPoint> Simplify(ReadOnlySpan<PixelPoint> contour, double tolerance)
    {
        _result.Clear();
        int count = contour.Length;
        if (count == 0)
        {
            return [];
        }
        double squared = tolerance * tolerance;
        Split(contour, squared);
        while (_open.Count > 0)
        {
            var (start, end) = _open[^1];
            _open.RemoveAt(_open.Count - 1);
            int farthest = Farthest(contour, start, end, squared);
            if (farthest < 0)
            {
                _result.Add(contour[start]);
            }
            else
            {
                _open.Add((farthest, end));
                _open.Add((start, farthest));
            }
        }
        return RemoveAlmostStraight(squared);
    }

    // Starts with two points that are far apart, found by walking three times to the farthest point.
    private void Split(ReadOnlySpan<PixelPoint> contour, double squared)
    {
        int count = contour.Length;
        int start = 0;
        int ahead = 0;
        bool small = false;
        for (int round = 0; round < 3; round++)
        {
            start = (start + ahead) % count;
            var from = contour[start];
            double most = 0;
            for (int j = 1, at = start; j < count; j++)
            {
                at = at + 1 == count ? 0 : at + 1;
                double dx = contour[at].X - from.X;
                double dy = contour[at].Y - from.Y;
                double distance = dx * dx + dy * dy;
                if (distance > most)
                {
                    most = distance;
                    ahead = j;
                }
            }
            small = most <= squared;
        }
        if (small)
        {
            _result.Add(contour[start]);
            return;
        }
        int other = (start + ahead) % count;
        _open.Add((other, start));
        _open.Add((start, other));
    }

    // Index of the point farthest from the chord, or -1 if all of them are within the tolerance.
    private static int Farthest(ReadOnlySpan<PixelPoint> contour, int start, int end, double squared)
    {
        int count = contour.Length;
        var from = contour[start];
        double dx = contour[end].X - from.X;
        double dy = contour[end].Y - from.Y;
        double most = 0;
        int farthest = -1;
        int at = start + 1 == count ? 0 : start + 1;
        while (at != end)
        {
            double distance = Math.Abs((contour[at].Y - from.Y) * dx - (contour[at].X - from.X) * dy);
            if (distance > most)
            {
                most = distance;
                farthest = at;
            }
            at = at + 1 == count ? 0 : at + 1;
        }
        return most * most <= squared * (dx * dx + dy * dy) ? -1 : farthest;
    }

    private ReadOnlySpan<PixelPoint> RemoveAlmostStraight(double squared)
    {
        int count = _result.Count;
        int left = count;
        int read = 0;
        int write = 0;
        var points = _result.Span;
        var start = points[count - 1];
        PixelPoint Next(Span<PixelPoint> from)
        {
            var point = from[read];
            read = read + 1 == count ? 0 : read + 1;
            return point;
        }
        var middle = Next(points);
        for (int i = 0; i < count && left > 2; i++)
        {
            var end = Next(points);
            double dx = end.X - start.X;
            double dy = end.Y - start.Y;
            double distance = Math.Abs((middle.X - start.X) * dy - (middle.Y - start.Y) * dx);
            double forward = (middle.X - start.X) * (double)(end.X - middle.X) + (middle.Y - start.Y) * (double)(end.Y - middle.Y);
            bool drop = distance * distance <= 0.5 * squared * (dx * dx + dy * dy) && dx != 0 && dy != 0 && forward >= 0;
            start = drop ? end : middle;
            points[write] = start;
            write = write + 1 == count ? 0 : write + 1;
            if (drop)
            {
                left--;
                i++;
                middle = Next(points);
            }
            else
            {
                middle = end;
            }
        }
        return points[..left];
    }
}
