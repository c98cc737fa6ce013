namespace Tcm.Detect.Geometry;

/// <summary>Which borders of a mask are followed.</summary>
internal enum ContourMode
{
    /// <summary>Outer borders and the borders of holes.</summary>
    All,
    /// <summary>Only the outer borders of components that do not lie in a hole of another one.</summary>
    OuterOnly,
}

/// <summary>
/// Border following (Suzuki and Abe 1985) with the conventions of OpenCV's <c>findContours</c>: foreground is
/// 8-connected, a hole's contour runs on the foreground pixels around it, and contours come in reverse order of discovery.
/// The object is a workspace: it keeps its memory from one mask to the next and serves one thread at a time.
/// </summary>
internal sealed unsafe class ContourTracer
{
    // Marks of visited border pixels. The sign bit says that the pixel right of it was seen to be background.
    private const sbyte Visited = 2;
    private const sbyte VisitedRight = -126;

    private static readonly int[] StepX = [1, 1, 0, -1, -1, -1, 0, 1];
    private static readonly int[] StepY = [0, -1, -1, -1, 0, 1, 1, 1];

    private readonly PixelPointList _points = new();
    private readonly List<int> _starts = [];
    private sbyte[] _pixels = [];
    private int _width;
    private int _height;
    private int _stride;

    /// <summary>Contours found by the last <see cref="Trace"/>.</summary>
    public int Count => _starts.Count;

    /// <summary>Points of all contours together.</summary>
    public int TotalPoints => _points.Count;

    /// <summary>Contour <paramref name="index"/> in OpenCV's order; valid until the next use.</summary>
    public ReadOnlySpan<PixelPoint> this[int index]
    {
        get
        {
            int found = _starts.Count - 1 - index;
            int end = found + 1 < _starts.Count ? _starts[found + 1] : _points.Count;
            return _points.Span[_starts[found]..end];
        }
    }

    /// <summary>Starts an empty mask; its rows are then written through <see cref="Row"/>.</summary>
    public void Begin(int width, int height)
    {
        _width = width;
        _height = height;
        // A frame of background lets the follower look at all eight neighbours of every pixel.
        _stride = width + 2;
        int size = checked(_stride * (height + 2));
        if (_pixels.Length < size)
        {
            _pixels = new sbyte[size];
        }
        else
        {
            _pixels.AsSpan(0, size).Clear();
        }
    }

    /// <summary>Pixels of row <paramref name="y"/>: 1 foreground, 0 background. <see cref="Trace"/> overwrites them.</summary>
    public Span<sbyte> Row(int y) => _pixels.AsSpan((y + 1) * _stride + 1, _width);

    /// <summary>Follows the borders of the mask.</summary>
    /// <param name="mode">Which borders.</param>
    /// <param name="simplify">Only the end points of horizontal, vertical and diagonal runs.</param>
    /// <param name="keep">
    /// Only this many contours are needed, counted in the order of the indexer. Older ones are forgotten on the way, so that
    /// a mask full of specks costs no more memory than its candidates.
    /// </param>
    public void Trace(ContourMode mode, bool simplify, int keep = int.MaxValue)
    {
        _points.Clear();
        _starts.Clear();
        int* offsets = stackalloc int[16];
        for (int i = 0; i < 16; i++)
        {
            offsets[i] = StepY[i & 7] * _stride + StepX[i & 7];
        }
        fixed (sbyte* pixels = _pixels)
        {
            for (int y = 1; y <= _height; y++)
            {
                ScanRow(pixels, y, mode, simplify, keep, offsets);
            }
        }
        Forget(keep);
    }

    private void ScanRow(sbyte* pixels, int y, ContourMode mode, bool simplify, int keep, int* offsets)
    {
        sbyte* row = pixels + y * _stride;
        sbyte previous = 0;
        sbyte lastBorder = 0;
        int x = 1;
        int end = _width + 2;
        while (x < end)
        {
            int same = new ReadOnlySpan<sbyte>(row + x, end - x).IndexOfAnyExcept(previous);
            if (same < 0)
            {
                return;
            }
            x += same;
            sbyte pixel = row[x];
            bool outer = previous == 0 && pixel == 1;
            bool hole = pixel == 0 && previous >= 1 && mode == ContourMode.All;
            // A border pixel with a positive mark further left means that we are inside a component already followed.
            if (hole || (outer && (mode == ContourMode.All || lastBorder <= 0)))
            {
                if (_starts.Count >= 2L * keep + 64)
                {
                    Forget(keep);
                }
                _starts.Add(_points.Count);
                Follow(row + x - (hole ? 1 : 0), x - (hole ? 1 : 0), y, hole, simplify, offsets);
                pixel = row[x];
            }
            previous = pixel;
            if ((pixel & -2) != 0)
            {
                lastBorder = pixel;
            }
            x++;
        }
    }

    private void Forget(int keep)
    {
        int extra = _starts.Count - keep;
        if (extra <= 0)
        {
            return;
        }
        int shift = keep == 0 ? _points.Count : _starts[extra];
        _points.RemoveFirst(shift);
        _starts.RemoveRange(0, extra);
        for (int i = 0; i < _starts.Count; i++)
        {
            _starts[i] -= shift;
        }
    }

    // Directions are numbered counter-clockwise on the screen from 0 = right.
    private void Follow(sbyte* start, int x, int y, bool hole, bool simplify, int* offsets)
    {
        int direction = hole ? 0 : 4;
        int last = direction;
        sbyte* first;
        do
        {
            direction = (direction - 1) & 7;
            first = start + offsets[direction];
        }
        while (*first == 0 && direction != last);

        if (direction == last)
        {
            *start = VisitedRight;
            _points.Add(new PixelPoint(x - 1, y - 1));
            return;
        }
        sbyte* here = start;
        int written = direction ^ 4;
        while (true)
        {
            last = direction;
            sbyte* next;
            do
            {
                next = here + offsets[++direction];
            }
            while (*next == 0 && direction < 15);
            direction &= 7;
            if ((uint)(direction - 1) < (uint)last)
            {
                *here = VisitedRight;
            }
            else if (*here == 1)
            {
                *here = Visited;
            }
            if (direction != written || !simplify)
            {
                _points.Add(new PixelPoint(x - 1, y - 1));
                written = direction;
            }
            x += StepX[direction];
            y += StepY[direction];
            if (next == start && here == first)
            {
                return;
            }
            here = next;
            direction = (direction + 4) & 7;
        }
    }
}
