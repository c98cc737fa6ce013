using System.Diagnostics;
using Tcm.Detect.Diagnostics;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Detect.Pipeline;

/// <summary>Post-processing of a model's head.</summary>
/// <param name="Extractor">From whole maps.</param>
/// <param name="Reduction">The part that a device can do, if any.</param>
/// <param name="Settings">What both follow.</param>
internal sealed record Extraction(RegionExtractor Extractor, MapReduction? Reduction, PostProcessingOptions Settings);

/// <summary>
/// The three stages of a detection: preprocessing, network, post-processing. Thread-safe; each looks at its token before it begins,
/// the network also between its blocks.
/// </summary>
/// <param name="model">The network; disposed by the owner.</param>
/// <param name="extraction">Makes post-processing, with its working memory.</param>
/// <param name="options">Sizes, limits, order.</param>
internal sealed class DetectorStages(TcmModel model, Func<Extraction> extraction, TextDetectorOptions options) : IDisposable
{
    private readonly ResizePolicy _policy = new(options.MaxSide, options.ShortSide) { MaxPixels = options.Limits.MaxNetworkPixels };
    private readonly bool _reduces = options.DeviceComponents ?? IsCuda(model);
    private volatile Extraction _extraction = extraction();

    /// <summary>Sizes that a CUDA device records unless somebody says otherwise.</summary>
    public const int DefaultSizes = 8;

    /// <summary>The network.</summary>
    public TcmModel Model => model;

    /// <summary>Runs the network.</summary>
    public NetworkPasses Passes { get; } = new(model, options.RecordedSizes ?? (IsCuda(model) ? DefaultSizes : 0));

    /// <summary>Of post-processing.</summary>
    public PostProcessingOptions Settings => _extraction.Settings;

    /// <summary>What is refused.</summary>
    public DetectorLimits Limits => options.Limits;

    /// <summary>Told of every stage and block before it begins; tests cancel there.</summary>
    internal Action<string>? Entering { get; set; }

    /// <summary>A stage or block begins, unless it is cancelled.</summary>
    public void Enter(string stage, CancellationToken cancellation)
    {
        Entering?.Invoke(stage);
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>All stages, one after the other.</summary>
    public DetectionResult Run(ImageBuffer image, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        using var scope = TensorScope.Begin();
        var (prepared, input) = PrepareInput(image, cancellation);
        double preprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        start = Stopwatch.GetTimestamp();
        using var maps = Recognize(input, prepared.Size, cancellation);
        double network = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        using var span = DetectorTelemetry.StartStage("postprocess");
        return Finish(image.Width, image.Height, maps, prepared.Size, preprocess, network, cancellation);
    }

    private (PreparedImage Prepared, Tensor Input) PrepareInput(ImageBuffer image, CancellationToken cancellation)
    {
        using var span = DetectorTelemetry.StartStage("preprocess");
        var prepared = Prepare(image, cancellation);
        return (prepared, Input([prepared]));
    }

    private PictureMaps Recognize(Tensor input, NetworkSize size, CancellationToken cancellation)
    {
        using var span = DetectorTelemetry.StartStage("network");
        var maps = Forward(input, [size], cancellation)[0];
        try
        {
            maps.Wait();
            return maps;
        }
        catch
        {
            maps.Dispose();
            throw;
        }
    }

    /// <summary>Preprocessing and network, with all values kept.</summary>
    public DetectionMaps Analyze(ImageBuffer image, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        using var scope = TensorScope.Begin();
        var (prepared, input) = PrepareInput(image, cancellation);
        double preprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        start = Stopwatch.GetTimestamp();
        var (maps, score) = Show(input, cancellation);
        double network = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return new DetectionMaps(HeadRegistry.Find(model.Config.Head), options, Settings, maps, score, image.Width,
            image.Height, prepared.Size, new DetectionTimings(preprocess, network, 0));
    }

    /// <summary>The maps and the score map of an input, not replayed: a graph shows nothing of its inside.</summary>
    private (float[] Maps, float[]? Score) Show(Tensor input, CancellationToken cancellation)
    {
        using var span = DetectorTelemetry.StartStage("network");
        Enter("network", cancellation);
        try
        {
            return Passes.WithMemory(() =>
            {
                var points = new AnalysisPoints(this, cancellation);
                return (model.Forward(input, points).ToArray(), points.Score);
            });
        }
        catch (OutOfMemoryException e)
        {
            throw OutOfMemory("the network", e);
        }
    }

    /// <summary>Resizes a picture.</summary>
    /// <exception cref="ImageLimitException">It is, or would become, too large.</exception>
    public PreparedImage Prepare(ImageBuffer image, CancellationToken cancellation)
    {
        Enter("preprocess", cancellation);
        Limits.CheckPicture(image.Width, image.Height);
        try
        {
            return Preprocessor.Prepare(image, _policy);
        }
        catch (OutOfMemoryException e)
        {
            throw OutOfMemory("resizing", e);
        }
    }

    /// <summary>Normalises and pads pictures of one padded size to the network's input (B,3,H,W); the caller's scope owns it.</summary>
    public Tensor Input(ReadOnlySpan<PreparedImage> pictures)
    {
        var (height, width) = (pictures[0].Size.PaddedHeight, pictures[0].Size.PaddedWidth);
        var half = model.Backend.HalfImages;
        var input = new Tensor(model.Backend, [pictures.Length, 3, height, width],
            half is null ? TensorFormat.Float : TensorFormat.HalfImage);
        long length = input.RawData.Length / pictures.Length;
        for (int i = 0; i < pictures.Length; i++)
        {
            var size = pictures[i].Size;
            Debug.Assert(size.PaddedHeight == height && size.PaddedWidth == width);
            var part = input.RawData.Part(i * length, length);
            if (half is null)
            {
                model.Backend.Images.NormalizePad(pictures[i].Pixels.Span, pictures[i].RowStride, size.Height, size.Width, height,
                    width, model.Config.Normalization, part);
            }
            else
            {
                half.NormalizePad(pictures[i].Pixels.Span, pictures[i].RowStride, size.Height, size.Width, height, width,
                    model.Config.Normalization, part);
            }
        }
        return input;
    }

    /// <summary>The network's maps of each picture, on their way where the device works by itself; the caller disposes them.</summary>
    /// <param name="input">(B,3,H,W).</param>
    /// <param name="sizes">Of each picture.</param>
    /// <param name="cancellation">Looked at between the blocks, where they are not replayed as one.</param>
    public IReadOnlyList<PictureMaps> Forward(Tensor input, IReadOnlyList<NetworkSize> sizes, CancellationToken cancellation)
    {
        Enter("network", cancellation);
        try
        {
            return Passes.Run(input, new CancellationPoints(this, cancellation), maps => Begin(maps, sizes));
        }
        catch (OutOfMemoryException e)
        {
            throw OutOfMemory("the network", e);
        }
    }

    // The collector's exception by the name that a device's has: the process goes on, and so does the detector.
    private static DeviceException OutOfMemory(string what, Exception e) =>
        new($"out of memory for {what}; smaller pictures take less", e) { IsOutOfMemory = true };

    // Tasks that run in parallel gather their exceptions.
    private static bool IsOutOfMemory(Exception e) => e is OutOfMemoryException
        || (e is AggregateException several && several.InnerExceptions.Any(IsOutOfMemory));

    private List<PictureMaps> Begin(Tensor maps, IReadOnlyList<NetworkSize> sizes)
    {
        var begun = new List<PictureMaps>(sizes.Count);
        long length = maps.Length / sizes.Count;
        var reduction = _reduces ? _extraction.Reduction : null;
        try
        {
            foreach (var size in sizes)
            {
                var part = maps.Data.Part(begun.Count * length, length);
                begun.Add(reduction?.Begin(model.Backend, part, size) ?? new WholeMaps(model.Backend.BeginDownload(part), size));
            }
            return begun;
        }
        catch
        {
            begun.ForEach(m => m.Dispose());
            throw;
        }
    }

    /// <summary>From maps to the result.</summary>
    public DetectionResult Finish(int width, int height, PictureMaps maps, NetworkSize size, double preprocess, double network,
        CancellationToken cancellation)
    {
        Enter("postprocess", cancellation);
        long start = Stopwatch.GetTimestamp();
        IReadOnlyList<TextRegion> found;
        try
        {
            found = maps.Extract(_extraction.Extractor);
        }
        catch (Exception e) when (IsOutOfMemory(e))
        {
            throw OutOfMemory("post-processing", e);
        }
        return Result(found, width, height, size, options, new DetectionTimings(preprocess, network, 0), start);
    }

    /// <summary>What was found, as callers get it: the best ones, each beginning where reading does, in order.</summary>
    /// <param name="found">All regions, in pixels of the picture.</param>
    /// <param name="width">Columns of the picture.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="size">What the network saw.</param>
    /// <param name="options">Order and limits.</param>
    /// <param name="before">Timings of the stages before.</param>
    /// <param name="start">When post-processing began.</param>
    public static DetectionResult Result(IReadOnlyList<TextRegion> found, int width, int height, NetworkSize size,
        TextDetectorOptions options, DetectionTimings before, long start)
    {
        IReadOnlyList<TextRegion> regions = Array.AsReadOnly(BestOf(found, options.Limits.MaxRegions).Select(ReadingDirection.Order)
            .ToArray());
        if (options.Order == RegionOrder.Reading)
        {
            regions = ReadingOrder.Sort(regions);
        }
        double postprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return new DetectionResult(width, height, regions, before with { Postprocess = postprocess })
        {
            NetworkSize = size,
            RegionsLeftOut = found.Count - regions.Count,
        };
    }

    /// <summary>Runs the network under somebody's eyes.</summary>
    public void Trace(ImageBuffer image, ForwardObserver observer, bool resize)
    {
        Limits.CheckPicture(image.Width, image.Height);
        using var scope = TensorScope.Begin();
        var policy = resize ? _policy : _policy with
        {
            LongSide = Math.Max(image.Width, image.Height),
            ShortSide = Math.Min(image.Width, image.Height),
        };
        model.Forward(Input([Preprocessor.Prepare(image, policy)]), observer);
    }

    /// <summary>Runs the network on grey of 32x32 pixels, past the sizes that are recorded.</summary>
    /// <exception cref="TcmException">It cannot, or its result is not a number.</exception>
    public void Probe(CancellationToken cancellation)
    {
        const int Side = 32;
        using var scope = TensorScope.Begin();
        var input = Input([new PreparedImage(new byte[3 * Side * Side], new NetworkSize(Side, Side, Side, Side, 1, 1))]);
        var maps = model.Forward(input, new CancellationPoints(this, cancellation));
        float[] values = new float[maps.Length];
        model.Backend.Download(maps.Data, values);
        if (!values.All(float.IsFinite))
        {
            throw new TcmException($"the network's result on {model.Backend.Name} is not finite");
        }
    }

    /// <summary>Gives memory back that no call is using.</summary>
    public void TrimMemory()
    {
        _extraction = extraction();
        Passes.Clear();
        model.Backend.TrimMemory();
    }

    /// <summary>Forgets recorded passes; the model stays.</summary>
    public void Dispose() => Passes.Dispose();

    private static bool IsCuda(TcmModel model) => model.Backend.Name.StartsWith("cuda", StringComparison.Ordinal);

    private static IEnumerable<TextRegion> BestOf(IReadOnlyList<TextRegion> found, int most)
    {
        if (found.Count <= most)
        {
            return found;
        }
        // Sorting is stable: of equal scores the first ones stay.
        return found.Index().OrderByDescending(r => r.Item.Score).Take(most).OrderBy(r => r.Index).Select(r => r.Item);
    }
}
