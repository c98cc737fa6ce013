using System.Diagnostics;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Nn;

namespace Tcm.Detect.Pipeline;

/// <summary>
/// The three stages of a detection: preprocessing, network, post-processing. Thread-safe; each looks at its token before it begins,
/// the network also between its blocks.
/// </summary>
/// <param name="model">The network; disposed by the owner.</param>
/// <param name="extractor">Makes post-processing, with its working memory.</param>
/// <param name="options">Sizes, limits, order.</param>
internal sealed class DetectorStages(TcmModel model, Func<RegionExtractor> extractor, TextDetectorOptions options)
{
    private readonly ResizePolicy _policy = new(options.MaxSide, options.ShortSide) { MaxPixels = options.Limits.MaxNetworkPixels };
    private volatile RegionExtractor _extractor = extractor();

    /// <summary>The network.</summary>
    public TcmModel Model => model;

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
        var prepared = Prepare(image, cancellation);
        var input = Input([prepared]);
        double preprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        start = Stopwatch.GetTimestamp();
        float[] maps = Forward(input, cancellation);
        double network = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return Finish(image.Width, image.Height, maps, prepared.Size, preprocess, network, cancellation);
    }

    /// <summary>Resizes a picture.</summary>
    /// <exception cref="ImageLimitException">It is, or would become, too large.</exception>
    public PreparedImage Prepare(ImageBuffer image, CancellationToken cancellation)
    {
        Enter("preprocess", cancellation);
        Limits.CheckPicture(image.Width, image.Height);
        return Preprocessor.Prepare(image, _policy);
    }

    /// <summary>Normalises and pads pictures of one padded size to the network's input (B,3,H,W); the caller's scope owns it.</summary>
    public Tensor Input(ReadOnlySpan<PreparedImage> pictures)
    {
        var (height, width) = (pictures[0].Size.PaddedHeight, pictures[0].Size.PaddedWidth);
        var input = new Tensor(model.Backend, [pictures.Length, 3, height, width]);
        long length = 3L * height * width;
        for (int i = 0; i < pictures.Length; i++)
        {
            var size = pictures[i].Size;
            Debug.Assert(size.PaddedHeight == height && size.PaddedWidth == width);
            model.Backend.Images.NormalizePad(pictures[i].Pixels.Span, pictures[i].RowStride, size.Height, size.Width, height, width,
                model.Config.Normalization, input.Data.Part(i * length, length));
        }
        return input;
    }

    /// <summary>The network's maps, picture after picture; the caller's scope owns what it takes on the device.</summary>
    public float[] Forward(Tensor input, CancellationToken cancellation)
    {
        Enter("network", cancellation);
        return model.Forward(input, new CancellationPoints(this, cancellation)).ToArray();
    }

    /// <summary>From maps to the result.</summary>
    public DetectionResult Finish(int width, int height, ReadOnlySpan<float> maps, NetworkSize size, double preprocess, double network,
        CancellationToken cancellation)
    {
        Enter("postprocess", cancellation);
        long start = Stopwatch.GetTimestamp();
        var found = _extractor(maps, size);
        IReadOnlyList<TextRegion> regions = Array.AsReadOnly(BestOf(found).Select(ReadingDirection.Order).ToArray());
        if (options.Order == RegionOrder.Reading)
        {
            regions = ReadingOrder.Sort(regions);
        }
        double postprocess = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return new DetectionResult(width, height, regions, new DetectionTimings(preprocess, network, postprocess))
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

    /// <summary>Gives memory back that no call is using.</summary>
    public void TrimMemory()
    {
        _extractor = extractor();
        model.Backend.TrimMemory();
    }

    private IEnumerable<TextRegion> BestOf(IReadOnlyList<TextRegion> found)
    {
        if (found.Count <= Limits.MaxRegions)
        {
            return found;
        }
        // Sorting is stable: of equal scores the first ones stay.
        return found.Index().OrderByDescending(r => r.Item.Score).Take(Limits.MaxRegions).OrderBy(r => r.Index).Select(r => r.Item);
    }
}
