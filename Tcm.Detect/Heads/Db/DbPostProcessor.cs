using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.Intrinsics;
using Tcm.Detect.Geometry;
using Tcm.Kernels;
using Tcm.Kernels.Components;

namespace Tcm.Detect.Heads.Db;

/// <summary>
/// From DBNet's probability map to text regions: threshold, contours, simplification, mean probability, growing, and the
/// smallest rectangle or the grown outline (heads.md section 2.3). Thread-safe; working memory is kept between calls.
/// </summary>
public sealed class DbPostProcessor
{
    // Below this many contour points, starting other threads costs more than they save.
    private const int MinParallelPoints = 1500;
    private const int MaxSide = 1 << 16;

    private readonly ConcurrentBag<Workspace> _idle = [];
    private readonly DbPostProcessingOptions _options;

    /// <summary>A post-processor with the given settings.</summary>
    /// <exception cref="OptionException">A setting makes no sense.</exception>
    public DbPostProcessor(DbPostProcessingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
    }

    /// <summary>Finds the text regions of one map.</summary>
    /// <param name="probabilities">Rows of <paramref name="width"/> text probabilities; no finite number means no text.</param>
    /// <param name="width">Columns of the map, padding included.</param>
    /// <param name="height">Rows of the map, padding included.</param>
    /// <param name="validWidth">
    /// Columns that show the picture; whatever is right of them is taken for background. The reference looks at the padding
    /// too: pass <paramref name="width"/> for its behaviour.
    /// </param>
    /// <param name="validHeight">Rows that show the picture, likewise.</param>
    /// <param name="scaleX">Network pixels per source pixel, horizontally.</param>
    /// <param name="scaleY">Network pixels per source pixel, vertically.</param>
    /// <returns>Regions in pixels of the source picture, in the order of the reference (lowest contours first).</returns>
    /// <exception cref="ShapeException">The sizes do not fit the number of values.</exception>
    public IReadOnlyList<TextRegion> Detect(ReadOnlySpan<float> probabilities, int width, int height,
        int validWidth, int validHeight, double scaleX, double scaleY)
    {
        CheckScale(scaleX, scaleY);
        var workspace = Rent();
        try
        {
            FindContours(workspace, probabilities, width, height, validWidth, validHeight);
            return Regions(workspace, probabilities, width, height, scaleX, scaleY);
        }
        finally
        {
            _idle.Add(workspace);
        }
    }

    /// <summary>The same regions from what a device says of a map of that size; the report must be complete.</summary>
    internal IReadOnlyList<TextRegion> Detect(ComponentReport report, int width, int height, double scaleX, double scaleY)
    {
        CheckScale(scaleX, scaleY);
        var workspace = Rent();
        try
        {
            // Polygons lie inside the boxes of their components: what is between the boxes is never read.
            var map = workspace.Map(checked(width * height));
            report.Scatter(map);
            workspace.Contours.Begin(width, height);
            for (int y = 0; y < height; y++)
            {
                report.Row(y, workspace.Contours.Row(y));
            }
            Trace(workspace, keepAll: false);
            return Regions(workspace, map, width, height, scaleX, scaleY);
        }
        finally
        {
            _idle.Add(workspace);
        }
    }

    private static void CheckScale(double scaleX, double scaleY)
    {
        if (!(scaleX > 0) || !(scaleY > 0))
        {
            throw new TcmException($"DbPostProcessor: scale factors {scaleX} and {scaleY} are not positive");
        }
    }

    private IReadOnlyList<TextRegion> Regions(Workspace workspace, ReadOnlySpan<float> probabilities, int width, int height,
        double scaleX, double scaleY)
    {
        int candidates = workspace.Contours.Count;
        if (candidates == 0)
        {
            return [];
        }
        var found = new TextRegion?[candidates];
        if (workspace.Contours.TotalPoints >= MinParallelPoints && Environment.ProcessorCount > 1 && candidates > 1)
        {
            DetectInParallel(workspace, probabilities, width, height, scaleX, scaleY, found);
        }
        else
        {
            for (int i = 0; i < candidates; i++)
            {
                found[i] = Detect(workspace, workspace.Contours[i], probabilities, width, height, scaleX, scaleY);
            }
        }
        var regions = new List<TextRegion>(candidates);
        foreach (var region in found)
        {
            if (region is not null)
            {
                regions.Add(region);
            }
        }
        return regions;
    }

    /// <summary>What happens to every contour of the map, in the order of the reference.</summary>
    internal List<DbCandidate> Trace(ReadOnlySpan<float> probabilities, int width, int height)
    {
        var workspace = new Workspace();
        FindContours(workspace, probabilities, width, height, width, height, keepAll: true);
        var result = new List<DbCandidate>();
        for (int i = 0; i < workspace.Contours.Count; i++)
        {
            var candidate = new DbCandidate { Contour = workspace.Contours[i].ToArray() };
            candidate.Drop = i > _options.MaxCandidates
                ? DbDrop.CandidateCap
                : Process(workspace, candidate.Contour, probabilities, width, height, candidate, out _, out _);
            result.Add(candidate);
        }
        return result;
    }

    private Workspace Rent() => _idle.TryTake(out var workspace) ? workspace : new Workspace();

    private void FindContours(Workspace workspace, ReadOnlySpan<float> map, int width, int height, int validWidth,
        int validHeight, bool keepAll = false)
    {
        if (width <= 0 || height <= 0 || width > MaxSide || height > MaxSide || map.Length < (long)width * height
            || validWidth < 0 || validHeight < 0 || validWidth > width || validHeight > height)
        {
            throw new ShapeException(
                $"DbPostProcessor: {map.Length} values for a map of {width}x{height} that is valid in {validWidth}x{validHeight}");
        }
        var contours = workspace.Contours;
        contours.Begin(width, height);
        for (int y = 0; y < validHeight; y++)
        {
            Threshold(map.Slice(y * width, validWidth), contours.Row(y), _options.BinaryThreshold);
        }
        Trace(workspace, keepAll);
    }

    // The reference compares the index with > and so takes one more than it says.
    private void Trace(Workspace workspace, bool keepAll) => workspace.Contours.Trace(ContourMode.All, simplify: true,
        keepAll ? int.MaxValue : (int)Math.Min(_options.MaxCandidates + 1L, int.MaxValue));

    // 1 where threshold < value <= greatest float, which leaves out NaN and both infinities.
    private static void Threshold(ReadOnlySpan<float> values, Span<sbyte> mask, float threshold)
    {
        int x = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            var least = Vector256.Create(threshold);
            var most = Vector256.Create(float.MaxValue);
            for (; x <= values.Length - 32; x += 32)
            {
                var a = Above(values[x..], least, most);
                var b = Above(values[(x + 8)..], least, most);
                var c = Above(values[(x + 16)..], least, most);
                var d = Above(values[(x + 24)..], least, most);
                var bytes = Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d));
                (-bytes).CopyTo(mask[x..]);
            }
        }
        for (; x < values.Length; x++)
        {
            mask[x] = values[x] > threshold && values[x] <= float.MaxValue ? (sbyte)1 : (sbyte)0;
        }
    }

    private static Vector256<int> Above(ReadOnlySpan<float> values, Vector256<float> least, Vector256<float> most)
    {
        var v = Vector256.Create(values);
        return (Vector256.GreaterThan(v, least) & Vector256.LessThanOrEqual(v, most)).AsInt32();
    }

    private unsafe void DetectInParallel(Workspace contours, ReadOnlySpan<float> probabilities, int width, int height,
        double scaleX, double scaleY, TextRegion?[] found)
    {
        fixed (float* pinned = probabilities)
        {
            // Lambdas cannot hold pointers, but the map stays pinned until all candidates are done.
            nint address = (nint)pinned;
            int length = probabilities.Length;
            Parallel.For(0, found.Length, Rent, (i, _, workspace) =>
            {
                var map = new ReadOnlySpan<float>((float*)address, length);
                found[i] = Detect(workspace, contours.Contours[i], map, width, height, scaleX, scaleY);
                return workspace;
            }, _idle.Add);
        }
    }

    private TextRegion? Detect(Workspace workspace, ReadOnlySpan<PixelPoint> contour, ReadOnlySpan<float> map, int width,
        int height, double scaleX, double scaleY)
    {
        if (Process(workspace, contour, map, width, height, null, out var rectangle, out double score) != DbDrop.None)
        {
            return null;
        }
        var quad = new Vector2[4];
        rectangle.Corners(quad);
        ToSource(quad, scaleX, scaleY);
        var polygon = quad;
        if (_options.Polygons)
        {
            var ring = workspace.Offset.Ring(0);
            polygon = new Vector2[ring.Length];
            for (int i = 0; i < ring.Length; i++)
            {
                polygon[i] = new Vector2(ring[i].X, ring[i].Y);
            }
            ToSource(polygon, scaleX, scaleY);
        }
        var outline = Array.AsReadOnly(polygon);
        return new TextRegion(outline, _options.Polygons ? Array.AsReadOnly(quad) : outline, (float)score);
    }

    private static void ToSource(Span<Vector2> points, double scaleX, double scaleY)
    {
        for (int i = 0; i < points.Length; i++)
        {
            points[i] = new Vector2((float)(points[i].X / scaleX), (float)(points[i].Y / scaleY));
        }
        PolygonMeasures.OrderForScreen(points);
    }

    // On success the grown ring is in workspace.Offset.
    private DbDrop Process(Workspace workspace, ReadOnlySpan<PixelPoint> contour, ReadOnlySpan<float> map, int width, int height,
        DbCandidate? trace, out RotatedRectangle rectangle, out double score)
    {
        rectangle = default;
        score = 0;
        var points = contour;
        if (_options.Simplify)
        {
            double length = PolygonSimplifier.ClosedLength(contour);
            points = workspace.Simplifier.Simplify(contour, _options.SimplifyRatio * length);
            if (trace is not null)
            {
                trace.ArcLength = length;
            }
        }
        if (trace is not null)
        {
            trace.Approximation = points.ToArray();
        }
        if (points.Length < 4)
        {
            return DbDrop.TooFewPoints;
        }
        score = workspace.Fill.Mean(map, width, height, points);
        if (trace is not null)
        {
            trace.Score = score;
        }
        if (score < _options.BoxThreshold)
        {
            return DbDrop.Score;
        }
        double area = Math.Abs(PolygonMeasures.TwiceSignedArea(points)) / 2.0;
        double perimeter = PolygonMeasures.Perimeter(points);
        double distance = area * _options.UnclipRatio / perimeter;
        if (trace is not null)
        {
            trace.Area = area;
            trace.Perimeter = perimeter;
        }
        int rings = workspace.Offset.Execute(points, distance);
        if (trace is not null)
        {
            trace.Rings = new PixelPoint[rings][];
            for (int i = 0; i < rings; i++)
            {
                trace.Rings[i] = workspace.Offset.Ring(i).ToArray();
            }
        }
        if (rings != 1)
        {
            return DbDrop.Rings;
        }
        var grown = workspace.Offset.Ring(0);
        rectangle = workspace.Rectangle.Of(grown);
        if (!LargeEnough(rectangle.ShortSide, grown.Length))
        {
            return DbDrop.Size;
        }
        if (trace is not null)
        {
            trace.Boundary = Boundary(rectangle, grown);
        }
        return DbDrop.None;
    }

    private Vector2[] Boundary(RotatedRectangle rectangle, ReadOnlySpan<PixelPoint> ring)
    {
        var result = new Vector2[_options.Polygons ? ring.Length : 4];
        if (!_options.Polygons)
        {
            rectangle.Corners(result);
            return result;
        }
        for (int i = 0; i < ring.Length; i++)
        {
            result[i] = new Vector2(ring[i].X, ring[i].Y);
        }
        return result;
    }

    // The reference compares quads with > and polygons, where it looks at their size at all, with >=.
    private bool LargeEnough(float shortSide, int vertices) => _options.Polygons
        ? vertices >= 4 && (!_options.FilterSmallPolygons || shortSide >= _options.MinSide)
        : shortSide > _options.MinSide;

    private sealed class Workspace
    {
        private float[] _map = [];

        /// <summary>Room for a map, contents undefined.</summary>
        public Span<float> Map(int length)
        {
            if (_map.Length < length)
            {
                _map = new float[length];
            }
            return _map.AsSpan(0, length);
        }

        public ContourTracer Contours { get; } = new();

        public PolygonSimplifier Simplifier { get; } = new();

        public PolygonFill Fill { get; } = new();

        public PolygonOffset Offset { get; } = new();

        public MinAreaRectangle Rectangle { get; } = new();
    }
}
