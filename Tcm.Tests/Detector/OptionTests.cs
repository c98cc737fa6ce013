using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Heads.Pan;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Tests.Detector;

/// <summary>Options are checked before anything is loaded, with a message that names the option and its value.</summary>
public sealed class OptionTests
{
    private static readonly TextDetectorOptions Good = new();

    public static TheoryData<string, string, TextDetectorOptions> Bad => new()
    {
        { "TextDetectorOptions.Device", "null", Good with { Device = null! } },
        { "TextDetectorOptions.Threads", "-1", Good with { Threads = -1 } },
        { "TextDetectorOptions.Threads", "5000", Good with { Threads = 5000 } },
        { "TextDetectorOptions.Precision", "99", Good with { Precision = (Precision)99 } },
        { "TextDetectorOptions.ShortSide", "0", Good with { ShortSide = 0 } },
        { "TextDetectorOptions.ShortSide", "70000", Good with { ShortSide = 70_000, MaxSide = 80_000 } },
        { "TextDetectorOptions.MaxSide", "-5", Good with { MaxSide = -5 } },
        { "TextDetectorOptions.MaxSide", "735", Good with { MaxSide = 735 } },
        { "TextDetectorOptions.Order", "7", Good with { Order = (RegionOrder)7 } },
        { "TextDetectorOptions.Limits", "null", Good with { Limits = null! } },
        { "TextDetectorOptions.PostProcessingSettings", "null", Good with { PostProcessingSettings = null! } },
        { "TextDetectorOptions.TextHeads", "0", Good with { TextHeads = 0 } },
        { "TextDetectorOptions.DecoderHeads", "-2", Good with { DecoderHeads = -2 } },
        { "DetectorLimits.MaxPixels", "0", Good with { Limits = new() { MaxPixels = 0 } } },
        { "DetectorLimits.MaxPixels", "9000000000", Good with { Limits = new() { MaxPixels = 9_000_000_000 } } },
        { "DetectorLimits.MaxTensorBytes", "100", Good with { Limits = new() { MaxTensorBytes = 100 } } },
        { "DetectorLimits.MaxHeaderBytes", "-1", Good with { Limits = new() { MaxHeaderBytes = -1 } } },
        { "DetectorLimits.MaxRegions", "-1", Good with { Limits = new() { MaxRegions = -1 } } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Before_the_weights_are_looked_for(string option, string value, TextDetectorOptions options)
    {
        var error = Assert.Throws<OptionException>(() => TextDetector.Load("there is no such file", options));
        Assert.Equal(option, error.Option);
        Assert.StartsWith($"{option} = {value}: ", error.Message);
        Assert.Throws<OptionException>(() => TextDetector.Load(new MemoryStream(), options));
        Assert.Throws<OptionException>(() => TextDetector.LoadShipped(options));
    }

    [Theory]
    [InlineData("BinaryThreshold", float.NaN)]
    [InlineData("UnclipRatio", -1f)]
    [InlineData("SimplifyRatio", float.PositiveInfinity)]
    [InlineData("MinSide", float.NaN)]
    public void Of_post_processing(string option, float value)
    {
        var db = new DbPostProcessingOptions();
        db.GetType().GetProperty(option)!.SetValue(db, value);
        var error = Assert.Throws<OptionException>(() => TextDetector.LoadShipped(Good with { PostProcessing = db }));
        Assert.Equal($"DbPostProcessingOptions.{option}", error.Option);
        Assert.Equal(value, error.Value);
    }

    [Fact]
    public void Post_processing_of_another_head_and_unknown_settings_are_refused()
    {
        var error = Assert.Throws<OptionException>(() => TextDetector.LoadShipped(Good with { PostProcessing = new PanPostProcessingOptions() }));
        Assert.Contains("PanPostProcessingOptions: does not fit a db model", error.Message);
        error = Assert.Throws<OptionException>(() => ShippedWith("distance", 1));
        Assert.Equal(("distance", 1.0), (error.Option, error.Value));
        Assert.Contains("no setting of a db model", error.Message);
        error = Assert.Throws<OptionException>(() => ShippedWith("unclip", 99));
        Assert.Contains("'unclip' must be between 0 and 10, not 99", error.Message);
    }

    [Fact]
    public void Of_a_run_over_many_pictures()
    {
        using var detector = ShippedDetector.Open();
        var error = Assert.Throws<OptionException>(() => detector.DetectManyAsync(Sources.Of(), new() { MaxPending = 0 }));
        Assert.StartsWith("DetectManyOptions.MaxPending = 0: ", error.Message);
        error = Assert.Throws<OptionException>(() => detector.DetectManyAsync(Sources.Of(), new() { MaxPending = 2, BatchSize = 3 }));
        Assert.StartsWith("DetectManyOptions.BatchSize = 3: ", error.Message);
    }

    [Fact]
    public void The_limit_of_headers_reaches_files_and_streams()
    {
        byte[] file = File.ReadAllBytes(ShippedModel.Find()!);
        int header = BitConverter.ToInt32(file);
        TextDetectorOptions Limit(int bytes) => ShippedDetector.Options with { Limits = new() { MaxHeaderBytes = bytes } };
        Assert.Contains($"more than the limit of {header - 1}",
            Assert.Throws<WeightFormatException>(() => TextDetector.Load(new MemoryStream(file), Limit(header - 1))).Message);
        Assert.Throws<WeightFormatException>(() => TextDetector.LoadShipped(Limit(header - 1)));
        TextDetector.LoadShipped(Limit(header)).Dispose();
    }

    [Fact]
    public void The_limit_of_the_networks_input_reaches_the_resize()
    {
        // 128x160 pixels of three floats.
        var options = ShippedDetector.Options with { Limits = new() { MaxTensorBytes = 128 * 160 * 12 } };
        using var detector = ShippedDetector.Open(options);
        detector.Detect(ImageBuffer.From(new byte[80 * 64], 80, 64, PixelFormat.Gray8));
        var error = Assert.Throws<ImageLimitException>(() => detector.Detect(ImageBuffer.From(new byte[82 * 64], 82, 64, PixelFormat.Gray8)));
        Assert.Contains("MaxTensorBytes", error.Message);
    }

    [Fact]
    public void Beyond_the_limit_of_regions_the_best_stay_in_their_order()
    {
        var options = ShippedDetector.Options with { ShortSide = 256, MaxSide = 640 };
        using var all = ShippedDetector.Open(options);
        var picture = ShippedDetector.Pictures[^1];
        var found = all.Detect(picture).Regions;
        Assert.True(found.Count >= 3, $"{found.Count} regions are too few for the test");
        using var two = ShippedDetector.Open(options with { Limits = new() { MaxRegions = 2 } });
        var result = two.Detect(picture);
        float third = found.Select(r => r.Score).OrderDescending().ElementAt(2);
        Assert.Equal(found.Where(r => r.Score > third).Select(r => (r.Score, r.Quad[0])), result.Regions.Select(r => (r.Score, r.Quad[0])));
        Assert.Equal(found.Count - 2, result.RegionsLeftOut);
        using var none = ShippedDetector.Open(options with { Limits = new() { MaxRegions = 0 } });
        Assert.Empty(none.Detect(picture).Regions);
    }

    [Fact]
    public void Regions_come_in_reading_order_if_wanted()
    {
        var options = ShippedDetector.Options with { ShortSide = 256, MaxSide = 640 };
        using var found = ShippedDetector.Open(options);
        using var read = ShippedDetector.Open(options with { Order = RegionOrder.Reading });
        var picture = ShippedDetector.Pictures[^1];
        var expected = found.Detect(picture).Regions;
        var regions = read.Detect(picture).Regions;
        Assert.NotEqual(expected.Select(r => r.Quad[0]), regions.Select(r => r.Quad[0]));
        Assert.Equal(expected.Select(r => r.Quad[0]).OrderBy(Place), regions.Select(r => r.Quad[0]).OrderBy(Place));
        static (float, float) Place(Vector2 p) => (p.X, p.Y);
    }

    private static TextDetector ShippedWith(string name, double value) => TextDetector.LoadShipped(
        Good with { PostProcessingSettings = new Dictionary<string, double> { [name] = value } });
}
