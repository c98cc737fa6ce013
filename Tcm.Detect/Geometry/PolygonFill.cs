namespace Tcm.Detect.Geometry;

/// <summary>
/// Even-odd fill of integer polygons, boundary pixels included, with the rasterisation of OpenCV's <c>fillPoly</c>: the
/// edges as Bresenham lines from left to right, the inside between edges that advance in 16.16 fixed point.
/// A workspace: one thread at a time.
/// </summary>
internal sealed class PolygonFill
{
    private const int Shift = 16;

    private struct Edge : IComparable<Edge>
    {
        public int Top;
        public int Bottom;
        public long X;
        public long Slope;

        public readonly int CompareTo(Edge other) =>
            Top != other.Top ? Top.CompareTo(other.Top) : X != other.X ? X.CompareTo(other.X) : Slope.CompareTo(other.Slope);
    }

    private Edge[] _edges = new Edge[32];
    private int[] _active = new int[32];
    private byte[] _mask = [];

    /// <summary>Writes <paramref name="value"/> into all pixels of the canvas that the polygon covers.</summary>
    /// <param name="polygon">Vertices; may lie outside the canvas.</param>
    /// <param name="canvas">Rows of <paramref name="width"/> values.</param>
    /// <param name="width">Columns of the canvas.</param>
    /// <param name="height">Rows of the canvas.</param>
    /// <param name="value">What is written.</param>
    /// <param name="left">The x of the canvas's first column.</param>
    /// <param name="top">The y of the canvas's first row.</param>
    public void Fill<T>(ReadOnlySpan<PixelPoint> polygon, Span<T> canvas, int width, int height, T value,
        int left = 0, int top = 0) where T : struct
    {
        if (polygon.Length == 0)
        {
            return;
        }
        if (_edges.Length < polygon.Length)
        {
            _edges = new Edge[2 * polygon.Length];
            _active = new int[2 * polygon.Length];
        }
        int count = 0;
        var from = polygon[^1];
        foreach (var to in polygon)
        {
            int x0 = from.X - left, y0 = from.Y - top, x1 = to.X - left, y1 = to.Y - top;
            Line(canvas, width, height, value, x0, y0, x1, y1);
            if (y0 != y1)
            {
                ref var edge = ref _edges[count++];
                edge.Top = Math.Min(y0, y1);
                edge.Bottom = Math.Max(y0, y1);
                edge.X = (long)(y0 < y1 ? x0 : x1) << Shift;
                edge.Slope = ((long)(x1 - x0) << Shift) / (y1 - y0);
            }
            from = to;
        }
        if (count >= 2)
        {
            _edges.AsSpan(0, count).Sort();
            FillInside(canvas, width, height, value, count);
        }
    }

    /// <summary>
    /// Mean of the map under the filled polygon, clipped to the map. Values that are no finite number count as 0. The
    /// polygon must touch the map, else the mean is 0.
    /// </summary>
    public double Mean(ReadOnlySpan<float> map, int width, int height, ReadOnlySpan<PixelPoint> polygon)
    {
        int x0 = int.MaxValue, y0 = int.MaxValue, x1 = int.MinValue, y1 = int.MinValue;
        foreach (var point in polygon)
        {
            x0 = Math.Min(x0, point.X);
            x1 = Math.Max(x1, point.X);
            y0 = Math.Min(y0, point.Y);
            y1 = Math.Max(y1, point.Y);
        }
        x0 = Math.Max(x0, 0);
        y0 = Math.Max(y0, 0);
        int w = Math.Min(x1, width - 1) - x0 + 1;
        int h = Math.Min(y1, height - 1) - y0 + 1;
        if (w <= 0 || h <= 0)
        {
            return 0;
        }
        if (_mask.Length < w * h)
        {
            _mask = new byte[Math.Max(w * h, 2 * _mask.Length)];
        }
        var mask = _mask.AsSpan(0, w * h);
        mask.Clear();
        Fill(polygon, mask, w, h, (byte)1, x0, y0);
        double sum = 0;
        long pixels = 0;
        for (int y = 0; y < h; y++)
        {
            var row = map.Slice((y0 + y) * width + x0, w);
            var under = mask.Slice(y * w, w);
            for (int x = 0; x < w; x++)
            {
                if (under[x] != 0)
                {
                    pixels++;
                    sum += float.IsFinite(row[x]) ? row[x] : 0;
                }
            }
        }
        return pixels == 0 ? 0 : sum / pixels;
    }

    private void FillInside<T>(Span<T> canvas, int width, int height, T value, int count)
    {
        int next = 0;
        int active = 0;
        int end = 0;
        for (int i = 0; i < count; i++)
        {
            end = Math.Max(end, _edges[i].Bottom);
        }
        end = Math.Min(end, height);
        for (int y = _edges[0].Top; y < end; y++)
        {
            active = Advance(y, count, ref next, active);
            if (y >= 0)
            {
                for (int i = 0; i + 1 < active; i += 2)
                {
                    long a = _edges[_active[i]].X;
                    long b = _edges[_active[i + 1]].X;
                    int from = (int)Math.Max((Math.Min(a, b) + (1 << Shift) - 1) >> Shift, 0);
                    int to = (int)Math.Min(Math.Max(a, b) >> Shift, width - 1);
                    if (from <= to)
                    {
                        canvas.Slice(y * width + from, to - from + 1).Fill(value);
                    }
                }
            }
            for (int i = 0; i < active; i++)
            {
                ref var edge = ref _edges[_active[i]];
                edge.X += edge.Slope;
            }
            SortActive(active);
        }
    }

    // Takes edges that end at row y out of the active list and puts those in that begin there.
    private int Advance(int y, int count, ref int next, int active)
    {
        int left = 0;
        for (int i = 0; i < active; i++)
        {
            if (_edges[_active[i]].Bottom != y)
            {
                _active[left++] = _active[i];
            }
        }
        for (; next < count && _edges[next].Top == y; next++, left++)
        {
            int at = left;
            for (; at > 0 && _edges[_active[at - 1]].X > _edges[next].X; at--)
            {
                _active[at] = _active[at - 1];
            }
            _active[at] = next;
        }
        return left;
    }

    private void SortActive(int active)
    {
        for (int i = 1; i < active; i++)
        {
            int edge = _active[i];
            int at = i;
            for (; at > 0 && _edges[_active[at - 1]].X > _edges[edge].X; at--)
            {
                _active[at] = _active[at - 1];
            }
            _active[at] = edge;
        }
    }

    /// <summary>
    /// Moves the ends of a line to the canvas's edges, first vertically, as OpenCV does before it draws: the line inside has
    /// the slope between the rounded ends. False where nothing is inside.
    /// </summary>
    private static bool Clip(int right, int bottom, ref int x0, ref int y0, ref int x1, ref int y1)
    {
        if (Math.Max(y0, y1) < 0 || Math.Min(y0, y1) > bottom || Math.Max(x0, x1) < 0 || Math.Min(x0, x1) > right)
        {
            return false;
        }
        ClipRow(ref x0, ref y0, x1, y1, bottom);
        ClipRow(ref x1, ref y1, x0, y0, bottom);
        if (Math.Max(x0, x1) < 0 || Math.Min(x0, x1) > right)
        {
            return false;
        }
        ClipRow(ref y0, ref x0, y1, x1, right);
        ClipRow(ref y1, ref x1, y0, x0, right);
        return true;
    }

    /// <summary>Moves (x,y) along the line to (otherX,otherY) until y lies in [0, most].</summary>
    private static void ClipRow(ref int x, ref int y, int otherX, int otherY, int most)
    {
        int edge = Math.Clamp(y, 0, most);
        if (edge != y)
        {
            x += (int)((double)(edge - y) * ((long)otherX - x) / ((long)otherY - y));
            y = edge;
        }
    }

    private static void Line<T>(Span<T> canvas, int width, int height, T value, int x0, int y0, int x1, int y1)
    {
        if (!Clip(width - 1, height - 1, ref x0, ref y0, ref x1, ref y1))
        {
            return;
        }
        if (x1 < x0)
        {
            (x0, y0, x1, y1) = (x1, y1, x0, y0);
        }
        long dx = (long)x1 - x0;
        long dy = Math.Abs((long)y1 - y0);
        int stepY = y1 < y0 ? -1 : 1;
        bool steep = dy > dx;
        long major = steep ? dy : dx;
        long minor = steep ? dx : dy;
        long error = major - 2 * minor;
        for (long i = 0; i <= major; i++)
        {
            if ((uint)x0 < (uint)width && (uint)y0 < (uint)height)
            {
                canvas[y0 * width + x0] = value;
            }
            bool both = error < 0;
            error += both ? 2 * major - 2 * minor : -2 * minor;
            if (steep)
            {
                y0 += stepY;
                x0 += both ? 1 : 0;
            }
            else
            {
                x0++;
                y0 += both ? stepY : 0;
            }
        }
    }
}
