using System.Numerics;
using System.Runtime.CompilerServices;
using Tcm.Detect;
using Tcm.Detect.Heads;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Heads.Fce;
using Tcm.Detect.Heads.Pan;
using Tcm.Detect.Models;
using Tcm.Nn;
using Tcm.Tests.Checkpoints;

namespace Tcm.Tests.Detector;

/// <summary>Maps that are kept: post-processing repeated on them gives the bits of a whole detection.</summary>
public sealed class DetectionMapsTests
{
    [Fact]
    public void The_same_settings_give_the_bits_of_Detect()
    {
        using var detector = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(detector);
        Assert.Equal(expected, ShippedDetector.Pictures.Select(p => ShippedDetector.Bits(detector.Analyze(p).PostProcess())));
        var result = detector.Analyze(ShippedDetector.Pictures[0]).PostProcess();
        Assert.True(result.Timings is { Preprocess: > 0, Network: > 0, Postprocess: > 0 });
    }

    [Fact]
    public async Task Other_settings_give_the_bits_of_a_detector_that_has_them()
    {
        using var detector = ShippedDetector.Open();
        Dictionary<string, double>[] settings =
        [
            new() { ["threshold"] = 0.15, ["box-threshold"] = 0.1 }, new() { ["unclip"] = 2.5, ["polygons"] = 1 }, new() { ["min-side"] = 12 },
        ];
        var seen = new HashSet<string>();
        foreach (var values in settings)
        {
            using var other = ShippedDetector.Open(ShippedDetector.Options with { PostProcessingSettings = values });
            foreach (var picture in ShippedDetector.Pictures)
            {
                var maps = await detector.AnalyzeAsync(picture);
                string expected = ShippedDetector.Bits(other.Detect(picture));
                seen.Add(expected);
                Assert.Equal(expected, ShippedDetector.Bits(maps.PostProcess(maps.PostProcessing.With(values))));
            }
        }
        Assert.True(seen.Count > 6, "the settings change too little to be told apart");
    }

    [Theory]
    [InlineData("tiny", 1)]
    [InlineData("PAN", 4)]
    [InlineData("FCENet", 8)]
    [InlineData("plain", 1)]
    public void Every_head_has_maps(string name, int stride)
    {
        var config = ConfigVariationTests.Variations[name];
        using var weights = new FormulaWeights(config);
        PostProcessingOptions loose = config.Head switch
        {
            "pan" => new PanPostProcessingOptions { BoxThreshold = 0, TextThreshold = 0.01f, KernelThreshold = 0.01f, MinArea = 1 },
            "fce" => new FcePostProcessingOptions { Threshold = 0.05f },
            _ => new DbPostProcessingOptions { BoxThreshold = 0, BinaryThreshold = 0.5f },
        };
        var options = new TextDetectorOptions { ShortSide = 96, MaxSide = 200, PostProcessing = loose };
        using var detector = TextDetector.Load(weights, config, options);
        var picture = ShippedDetector.Pictures[3];
        var maps = detector.Analyze(picture);
        Assert.Equal(ShippedDetector.Bits(detector.Detect(picture)), ShippedDetector.Bits(maps.PostProcess()));
        var stages = new Stages();
        detector.Trace(picture, stages);

        var text = maps.TextProbability;
        Assert.Equal((stride, maps.NetworkSize.PaddedWidth / stride, maps.NetworkSize.PaddedHeight / stride), (text.Stride, text.Width, text.Height));
        Assert.Equal(Probability(config.Head, stages, text), text.Values.ToArray());
        Assert.All(text.Values.ToArray(), v => Assert.InRange(v, 0, 1));
        if (config.HasTextBranch)
        {
            Assert.Equal(32, maps.LanguageScore!.Stride);
            Assert.Equal(stages.Values["S"], maps.LanguageScore.Values.ToArray());
        }
        else
        {
            Assert.Null(maps.LanguageScore);
        }
    }

    [Fact]
    public void A_plane_tells_where_its_values_lie_in_the_picture()
    {
        using var detector = ShippedDetector.Open();
        // 520x320 becomes 208x128, padded to 224x128.
        var maps = detector.Analyze(ShippedDetector.Pictures[3]);
        var (text, score) = (maps.TextProbability, maps.LanguageScore!);
        Assert.Equal((224, 128, 208.0, 128.0), (text.Width, text.Height, text.PictureWidth, text.PictureHeight));
        Assert.Equal((7, 4, 6.5, 4.0), (score.Width, score.Height, score.PictureWidth, score.PictureHeight));
        // Half a square beyond the first column and row lies the picture's corner, half a pixel beyond its first pixel's centre.
        Near(new Vector2(-0.5f, -0.5f), score.ToPicture(-0.5f, -0.5f));
        Near(new Vector2(519.5f, 319.5f), score.ToPicture(6, 3.5f));
        Near(new Vector2(519.5f, 319.5f), text.ToPicture(207.5f, 127.5f));
        Assert.Equal(text.Values[(5 * 224) + 3], text[3, 5]);
        Assert.Throws<IndexOutOfRangeException>(() => text[224, 0]);
        Assert.Throws<IndexOutOfRangeException>(() => text[0, -1]);
        static void Near(Vector2 expected, Vector2 actual) => Assert.True(Vector2.Distance(expected, actual) < 1e-3f, $"{actual}, not {expected}");
    }

    [Fact]
    public void Eight_threads_share_maps_and_detector()
    {
        using var detector = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(detector);
        var maps = ShippedDetector.Pictures.Select(p => detector.Analyze(p)).ToList();
        var other = detector.PostProcessing.With(new Dictionary<string, double> { ["unclip"] = 3 });
        string[] wider = [.. maps.Select(m => ShippedDetector.Bits(m.PostProcess(other)))];
        int wrong = 0;
        var threads = Enumerable.Range(0, 8).Select(caller => new Thread(() =>
        {
            for (int i = 0; i < 24; i++)
            {
                int which = ((caller * 5) + i) % expected.Length;
                string bits = ShippedDetector.Bits(i % 4 == 0 ? detector.Analyze(ShippedDetector.Pictures[which]).PostProcess()
                    : maps[which].PostProcess(i % 2 == 0 ? other : maps[which].PostProcessing));
                Interlocked.Add(ref wrong, bits == (i % 4 != 0 && i % 2 == 0 ? wider : expected)[which] ? 0 : 1);
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Maps_outlive_the_detector_and_hold_none_of_its_memory()
    {
        var detector = ShippedDetector.Open();
        string expected = ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0]));
        long before = detector.Backend.Memory.InUse;
        var maps = detector.Analyze(ShippedDetector.Pictures[0]);
        Assert.Equal(before, detector.Backend.Memory.InUse);
        detector.Dispose();
        Assert.Equal((0, 0), (detector.Backend.Memory.InUse, detector.Backend.Memory.Pooled));
        Assert.Equal(expected, ShippedDetector.Bits(maps.PostProcess()));
        Assert.Throws<ObjectDisposedException>(() => detector.Analyze(ShippedDetector.Pictures[0]));
        Assert.Throws<ObjectDisposedException>(() => { _ = detector.AnalyzeAsync(ShippedDetector.Pictures[0]); });
    }

    [Fact]
    public void Nothing_keeps_maps_but_their_owner()
    {
        using var detector = ShippedDetector.Open();
        var maps = Analyzed(detector);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(maps.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Analyzed(TextDetector detector)
        {
            var maps = detector.Analyze(ShippedDetector.Pictures[0]);
            maps.PostProcess();
            return new WeakReference(maps);
        }
    }

    [Fact]
    public void An_analysis_can_be_cancelled_and_the_detector_goes_on()
    {
        using var detector = ShippedDetector.Open();
        string expected = ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0]));
        foreach (string stage in (string[])["preprocess", "network", "layer3"])
        {
            using var source = new CancellationTokenSource();
            detector.Stages.Entering = entered =>
            {
                if (entered == stage)
                {
                    source.Cancel();
                }
            };
            Assert.Throws<OperationCanceledException>(() => detector.Analyze(ShippedDetector.Pictures[0], source.Token));
            detector.Stages.Entering = null;
            Assert.Equal(expected, ShippedDetector.Bits(detector.Analyze(ShippedDetector.Pictures[0]).PostProcess()));
        }
    }

    [Fact]
    public void Settings_of_another_head_or_out_of_range_are_refused()
    {
        using var detector = ShippedDetector.Open();
        var maps = detector.Analyze(ShippedDetector.Pictures[0]);
        Assert.Contains("does not fit a db model", Assert.Throws<OptionException>(() => maps.PostProcess(new PanPostProcessingOptions())).Message);
        var settings = (DbPostProcessingOptions)maps.PostProcessing;
        Assert.Throws<OptionException>(() => maps.PostProcess(settings with { UnclipRatio = float.NaN }));
        Assert.Contains("no setting of a db model", Assert.Throws<OptionException>(() => settings.With(new Dictionary<string, double> { ["distance"] = 1 }))
            .Message);
        Assert.Throws<OptionException>(() => settings.With(new Dictionary<string, double> { ["threshold"] = 1.5 }));
        Assert.Same(detector.PostProcessing, maps.PostProcessing);
    }

    [Fact]
    public void Recorded_passes_do_not_hide_the_score_map()
    {
        using var detector = ShippedDetector.Open(ShippedDetector.Options with { RecordedSizes = 2 });
        string expected = ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0]));
        for (int i = 0; i < 3; i++)
        {
            var maps = detector.Analyze(ShippedDetector.Pictures[0]);
            Assert.NotNull(maps.LanguageScore);
            Assert.Equal(expected, ShippedDetector.Bits(maps.PostProcess()));
            Assert.Equal(expected, ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[0])));
        }
    }

    /// <summary>The probability from the traced stages, by its definition.</summary>
    private static float[] Probability(string head, Stages stages, MapPlane plane)
    {
        switch (head)
        {
            case "db":
                return stages.Values["P"];
            case "pan":
                return [.. stages.Values["out"].Take(plane.Values.Length).Select(logit => 1 / (1 + MathF.Exp(-logit)))];
            default:
                var result = new float[plane.Values.Length];
                for (int level = 0; level < 3; level++)
                {
                    int width = plane.Width >> level, height = plane.Height >> level;
                    float[] classes = stages.Values[$"cls{level}"];
                    for (int i = 0; i < result.Length; i++)
                    {
                        int at = ((i / plane.Width >> level) * width) + (i % plane.Width >> level);
                        result[i] = Math.Max(result[i], 1 / (1 + MathF.Exp(classes[at] - classes[(width * height) + at])));
                    }
                }
                return result;
        }
    }

    private sealed class Stages : ForwardObserver
    {
        public Dictionary<string, float[]> Values { get; } = [];

        public override void Stage(string name, Tensor value) => Values[name] = value.ToArray();
    }
}
