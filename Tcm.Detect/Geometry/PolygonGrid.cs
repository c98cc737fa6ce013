namespace Tcm.Detect.Geometry;

/// <summary>The polygons that stay, by the cells of a grid which their bounding boxes touch. Reading is thread-safe.</summary>
internal sealed class PolygonGrid
{
    private const int LargestSide = 32;

    private readonly int _side;
    private readonly List<ScoredPolygon>?[] _cells;
    private readonly double _overlap, _left, _top, _cellWidth, _cellHeight;
    private bool _hasEmpty;

    /// <param name="all">Those that may be asked about or added, one or more.</param>
    /// <param name="overlap">Intersection over union above which a polygon suppresses another.</param>
    public PolygonGrid(ReadOnlySpan<ScoredPolygon> all, double overlap)
    {
        _overlap = overlap;
        (_left, _top) = (double.MaxValue, double.MaxValue);
        double right = double.MinValue, bottom = double.MinValue;
        foreach (var polygon in all)
        {
            (_left, right) = (Math.Min(_left, polygon.Left), Math.Max(right, polygon.Right));
            (_top, bottom) = (Math.Min(_top, polygon.Top), Math.Max(bottom, polygon.Bottom));
        }
        _side = Math.Clamp((int)Math.Sqrt(all.Length / 8.0), 1, LargestSide);
        _cells = new List<ScoredPolygon>?[_side * _side];
        (_cellWidth, _cellHeight) = ((right - _left + 1) / _side, (bottom - _top + 1) / _side);
    }

    public void Add(ScoredPolygon polygon)
    {
        polygon.Keep();
        polygon.Measure(out double area);
        _hasEmpty |= area == 0;
        var (left, top, right, bottom) = Cells(polygon);
        for (int y = top; y <= bottom; y++)
        {
            for (int x = left; x <= right; x++)
            {
                (_cells[(y * _side) + x] ??= []).Add(polygon);
            }
        }
    }

    /// <summary>Whether any polygon that was added overlaps this one too much.</summary>
    public bool Suppresses(ScoredPolygon polygon)
    {
        var parts = polygon.Measure(out double area);
        if (area == 0)
        {
            // Polygons without area count as the same one, wherever they are.
            return _hasEmpty && _overlap < 1;
        }
        var (left, top, right, bottom) = Cells(polygon);
        for (int y = top; y <= bottom; y++)
        {
            for (int x = left; x <= right; x++)
            {
                if (_cells[(y * _side) + x] is not { } cell)
                {
                    continue;
                }
                foreach (var kept in cell)
                {
                    if (kept.Overlaps(polygon, parts, area, _overlap))
                    {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private (int Left, int Top, int Right, int Bottom) Cells(ScoredPolygon p) =>
        ((int)((p.Left - _left) / _cellWidth), (int)((p.Top - _top) / _cellHeight),
            (int)((p.Right - _left) / _cellWidth), (int)((p.Bottom - _top) / _cellHeight));
}
