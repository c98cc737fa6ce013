using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Tests.Support;

namespace Tcm.Tests.Detector;

/// <summary>The shipped model at a size at which a picture takes some milliseconds, and pictures of several sizes with text in them.</summary>
internal static class ShippedDetector
{
    private static readonly Lazy<ImageBuffer> Sign =
        new(() => ImageFile.Read(Path.Combine(SharedData.RepositoryRoot, "Tcm.Tests", "Assets", "sample.png")));

    public static TextDetectorOptions Options { get; } = new() { ShortSide = 128, MaxSide = 320, Threads = 2 };

    /// <summary>Windows of the drawn sign, each of another size; the first two become inputs of one padded size.</summary>
    public static IReadOnlyList<ImageBuffer> Pictures { get; } =
    [
        Window(90, 60, 300, 120), Window(240, 60, 299, 120), Window(90, 90, 240, 60), Window(60, 40, 520, 320), Window(100, 80, 90, 170),
        Window(0, 0, 640, 400),
    ];

    public static TextDetector Open(TextDetectorOptions? options = null) => TextDetector.LoadShipped(options ?? Options);

    /// <summary>All of a result that shall repeat, to the bit.</summary>
    public static string Bits(DetectionResult result) => $"{result.Width}x{result.Height} {result.NetworkSize} " + string.Join(';',
        result.Regions.Select(r => $"{BitConverter.SingleToInt32Bits(r.Score)}:" + string.Join(',', r.Polygon.Concat(r.Quad)
            .Select(p => $"{BitConverter.SingleToInt32Bits(p.X)} {BitConverter.SingleToInt32Bits(p.Y)}"))));

    /// <summary>Results by one thread, which are known to be of use: most pictures have text that is found.</summary>
    public static string[] Expected(TextDetector detector)
    {
        var results = Pictures.Select(p => detector.Detect(p)).ToList();
        Assert.True(results.Count(r => r.Regions.Count > 0) >= 3, "the pictures show too little that is found");
        return [.. results.Select(Bits)];
    }

    /// <summary>The result of something that must not hang.</summary>
    public static Task<T> Soon<T>(Task<T> task) => task.WaitAsync(TimeSpan.FromMinutes(1));

    private static ImageBuffer Window(int left, int top, int width, int height)
    {
        var sign = Sign.Value;
        int from = 3 * ((top * sign.Width) + left);
        return ImageBuffer.From(sign.Rgb[from..], width, height, PixelFormat.Rgb24, 3 * sign.Width);
    }
}
