using System.Runtime.CompilerServices;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Kernels;

namespace Tcm.Tests.Detector;

/// <summary>The examples of docs/api.md, which <see cref="ApiPageTests"/> compares with this file and runs.</summary>
internal static class ApiExamples
{
    public static void First(byte[] pixels, int width, int height, int stride, TextWriter output)
    {
        using var detector = TextDetector.LoadShipped();
        var result = detector.Detect(pixels, width, height, stride, PixelFormat.Bgra32);
        foreach (var region in result.Regions)
        {
            output.WriteLine($"{region.Score:F2} {string.Join(' ', region.Polygon)}");
        }
    }

    public static TextDetector Options(string path)
    {
        var options = new TextDetectorOptions
        {
            ShortSide = 736,                                       // what pictures are resized to
            Device = "cpu",                                        // never another one than that
            Order = RegionOrder.Reading,
            PostProcessingSettings = new Dictionary<string, double> { ["box-threshold"] = 0.5, ["polygons"] = 1 },
            Limits = new DetectorLimits { MaxPixels = 50_000_000 },
        };
        using var weights = File.OpenRead(path);
        return TextDetector.Load(weights, options);
    }

    public static async Task<DetectionResult> Async(TextDetector detector, ImageBuffer picture)
    {
        detector.WarmUp((1280, 720), (720, 1280));                 // the first picture is as fast as the others
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var result = await detector.DetectAsync(picture, patience.Token);
        detector.TrimMemory();                                     // before a long pause
        return result;
    }

    public static async Task Many(TextDetector detector, string folder, Func<string, ImageBuffer> decode, TextWriter output,
        CancellationToken cancellation)
    {
        var pictures = Directory.EnumerateFiles(folder).Order()
            .Select(file => DetectionInput.From(file, () => decode(file)))
            .ToAsyncEnumerable();
        await foreach (var (file, result, error) in detector.DetectManyAsync(pictures, cancellation: cancellation))
        {
            output.WriteLine(error is null ? $"{file}: {result!.Regions.Count} regions" : $"{file}: {error.Message}");
        }
    }

    public static async IAsyncEnumerable<DetectionOutput> Fetch(TextDetector detector, IReadOnlyList<Uri> addresses, HttpClient client,
        Func<byte[], ImageBuffer> decode, IProgress<DetectionProgress> progress, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var pictures = addresses.ToAsyncEnumerable().Select(address => new DetectionInput(address.ToString(),
            async stop => decode(await client.GetByteArrayAsync(address, stop))));
        var many = new DetectManyOptions { MaxPending = 8, BatchSize = 4, Progress = progress };
        await foreach (var output in detector.DetectManyAsync(pictures, many, cancellation))
        {
            yield return output;
        }
    }

    public static DetectionResult Maps(TextDetector detector, ImageBuffer picture, TextWriter output)
    {
        var maps = detector.Analyze(picture);                      // the network, once
        for (float threshold = 0.2f; threshold < 0.7f; threshold += 0.1f)
        {
            var settings = (DbPostProcessingOptions)maps.PostProcessing with { BinaryThreshold = threshold };
            output.WriteLine($"{threshold:F1}: {maps.PostProcess(settings).Regions.Count} regions");
        }
        var (text, score) = (maps.TextProbability, maps.LanguageScore);
        output.WriteLine($"{text.Width}x{text.Height} probabilities, a score for each {score?.Stride} of them");
        output.WriteLine($"the middle: {text[text.Width / 2, text.Height / 2]:F2} at {text.ToPicture(text.Width / 2, text.Height / 2)}");
        return maps.PostProcess();                                 // as detector.Detect(picture)
    }

    public static string Errors(TextDetector detector, ImageBuffer picture)
    {
        try
        {
            return $"{detector.Detect(picture).Regions.Count} regions";
        }
        catch (ImageLimitException e)
        {
            return $"too large: {e.Message}";                      // this picture
        }
        catch (DeviceException e)
        {
            return $"device: {e.Message}";                         // every picture: open a new detector
        }
        catch (TcmException e)
        {
            return e.Message;                                      // anything else that is not a bug
        }
    }
}
