using System.Collections.Concurrent;
using System.Numerics;
using Tcm.Detect.Geometry;
using Tcm.Kernels;

namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// From PAN's maps to text regions: pixel aggregation, selection by size and mean probability, and the smallest rectangle or
/// the outline of what is left (heads.md section 3.3). Thread-safe; working memory is kept between calls.
/// </summary>
public sealed class PanPostProcessor
{
    private const int MaxSide = 1 << 16;

    private readonly ConcurrentBag<Workspace> _idle = [];
    private readonly PanPostProcessingOptions _options;

    /// <summary>A post-processor with the given settings.</summary>
    /// <exception cref="OptionException">A setting makes no sense.</exception>
    public PanPostProcessor(PanPostProcessingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
    }

    /// <summary>Finds the text regions of one picture.</summary>
    /// <param name="maps">The head's result, (6, height/4, width/4); values that are no numbers are no text.</param>
    /// <param name="width">Columns of the network's input.</param>
    /// <param name="height">Rows of the network's input.</param>
    /// <param name="scaleX">Network pixels per source pixel, horizontally.</param>
    /// <param name="scaleY">Network pixels per source pixel, vertically.</param>
    /// <returns>Regions in pixels of the source picture, in the order of the first pixels of their kernels.</returns>
    /// <exception cref="ShapeException">The sizes do not fit the number of values.</exception>
    public IReadOnlyList<TextRegion> Detect(ReadOnlySpan<float> maps, int width, int height, double scaleX, double scaleY)
    {
        int columns = width / PanMaps.Stride, rows = height / PanMaps.Stride;
        if (columns < 1 || rows < 1 || width > MaxSide || height > MaxSide || maps.Length != (long)PanMaps.Channels * columns * rows)
        {
            throw new ShapeException($"PanPostProcessor: {maps.Length} values for a picture of {width}x{height}");
        }
        if (!(scaleX > 0) || !(scaleY > 0))
        {
            throw new TcmException($"PanPostProcessor: scale factors {scaleX} and {scaleY} are not positive");
        }
        var workspace = _idle.TryTake(out var idle) ? idle : new Workspace();
        try
        {
            workspace.Pixels.Run(maps, columns, rows, _options);
            var found = new List<TextRegion>();
            for (int i = 0; i < workspace.Pixels.Regions.Count; i++)
            {
                var region = workspace.Pixels.Regions[i];
                if (region.Count >= _options.MinArea && region.Score > _options.BoxThreshold
                    && Outline(workspace, i + 1, region, scaleX, scaleY) is { } text)
                {
                    found.Add(text);
                }
            }
            return found;
        }
        finally
        {
            _idle.Add(workspace);
        }
    }

    private TextRegion? Outline(Workspace workspace, int label, AggregatedRegion region, double scaleX, double scaleY)
    {
        var quad = new Vector2[4];
        workspace.Rectangle.Of(workspace.Ends(label, region)).Corners(quad);
        ToSource(quad, scaleX, scaleY);
        var corners = Array.AsReadOnly(quad);
        if (!_options.Polygons)
        {
            return new TextRegion(corners, corners, (float)region.Score);
        }
        var contour = workspace.Contour(label, region);
        if (contour.Length < 4)
        {
            return null;
        }
        var polygon = new Vector2[contour.Length];
        for (int i = 0; i < polygon.Length; i++)
        {
            polygon[i] = new Vector2(region.Left + contour[i].X, region.Top + contour[i].Y);
        }
        ToSource(polygon, scaleX, scaleY);
        return new TextRegion(Array.AsReadOnly(polygon), corners, (float)region.Score);
    }

    private static void ToSource(Span<Vector2> points, double scaleX, double scaleY)
    {
        foreach (ref var p in points)
        {
            p = new Vector2((float)(p.X * PanMaps.Stride / scaleX), (float)(p.Y * PanMaps.Stride / scaleY));
        }
        PolygonMeasures.OrderForScreen(points);
    }

    private sealed class Workspace
    {
        private readonly ContourTracer _contours = new();
        private readonly PixelPointList _ends = new();

        public PixelAggregation Pixels { get; } = new();

        public MinAreaRectangle Rectangle { get; } = new();

        /// <summary>First and last pixel of each row of a region: the others do not touch its convex hull.</summary>
        public ReadOnlySpan<PixelPoint> Ends(int label, AggregatedRegion region)
        {
            _ends.Clear();
            for (int y = region.Top; y <= region.Bottom; y++)
            {
                var row = Pixels.Row(y)[region.Left..(region.Right + 1)];
                // A region is connected: it has pixels in each of its rows.
                _ends.Add(new PixelPoint(region.Left + row.IndexOf(label), y));
                _ends.Add(new PixelPoint(region.Left + row.LastIndexOf(label), y));
            }
            return _ends.Span;
        }

        /// <summary>The region's outer contour, counted from its left upper corner; valid until the next use.</summary>
        public ReadOnlySpan<PixelPoint> Contour(int label, AggregatedRegion region)
        {
            int columns = region.Right - region.Left + 1;
            _contours.Begin(columns, region.Bottom - region.Top + 1);
            for (int y = region.Top; y <= region.Bottom; y++)
            {
                var mask = _contours.Row(y - region.Top);
                var row = Pixels.Row(y).Slice(region.Left, columns);
                for (int x = 0; x < columns; x++)
                {
                    mask[x] = row[x] == label ? (sbyte)1 : (sbyte)0;
                }
            }
            _contours.Trace(ContourMode.OuterOnly, simplify: true);
            return _contours[0];
        }
    }
}
