using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tcm.Detect;
using Tcm.Detect.Hosting;
using Tcm.Kernels;

namespace Tcm.Tests.Hosting;

/// <summary>Options from configuration: every one of them, and what does not make sense is told by its path.</summary>
public sealed class HostConfigurationTests
{
    [Fact]
    public void Every_option_can_be_configured()
    {
        var options = Read("""
            {
              "Weights": "a.pth", "LoadOnStart": false, "WarmUpSizes": [ "1280x720", "720X1280" ],
              "Device": "cuda:1", "Threads": 3, "Precision": "tf32", "ShortSide": 640, "MaxSide": 1280, "Order": "reading",
              "RecordedSizes": 2, "DeviceComponents": true, "TextHeads": 2, "DecoderHeads": 5, "Name": "receipts", "SlowAfter": "00:00:02.5",
              "Limits": { "MaxPixels": 5000000000, "MaxTensorBytes": 50000000, "maxheaderbytes": 7, "MaxRegions": 9 },
              "PostProcessingSettings": { "box-threshold": 0.5, "polygons": true, "unclip": 2 }
            }
            """, valid: false);
        Assert.Equal(("a.pth", false), (options.Weights, options.LoadOnStart));
        Assert.Equal([(1280, 720), (720, 1280)], options.WarmUpSizes!);
        var expected = new TextDetectorOptions
        {
            Device = "cuda:1",
            Threads = 3,
            Precision = Precision.Tf32,
            ShortSide = 640,
            MaxSide = 1280,
            Order = RegionOrder.Reading,
            RecordedSizes = 2,
            DeviceComponents = true,
            TextHeads = 2,
            DecoderHeads = 5,
            Name = "receipts",
            SlowAfter = TimeSpan.FromSeconds(2.5),
            Limits = new() { MaxPixels = 5_000_000_000, MaxTensorBytes = 50_000_000, MaxHeaderBytes = 7, MaxRegions = 9 },
            PostProcessingSettings = options.Detector.PostProcessingSettings,
        };
        Assert.Equal(expected, options.Detector);
        Assert.Equal([("box-threshold", 0.5), ("polygons", 1.0), ("unclip", 2.0)],
            options.Detector.PostProcessingSettings.OrderBy(s => s.Key).Select(s => (s.Key, s.Value)));
    }

    [Fact]
    public void No_option_was_forgotten()
    {
        // These two are objects, which a text cannot be; a stream has no text either, and Detector's members stand beside it.
        string[] excepted = [nameof(TextDetectorOptions.PostProcessing), nameof(TextDetectorOptions.Logger),
            nameof(TextDetectorHostOptions.Detector), nameof(TextDetectorHostOptions.OpenWeights)];
        var all = typeof(TextDetectorOptions).GetProperties().Concat(typeof(TextDetectorHostOptions).GetProperties()).Select(p => p.Name);
        Assert.Equal(all.Except(excepted).Order(), HostConfiguration.Names.Order());
        Assert.Equal(typeof(DetectorLimits).GetProperties().Select(p => p.Name).Where(n => n != nameof(DetectorLimits.Default)).Order(),
            HostConfiguration.LimitNames.Order());
    }

    [Theory]
    [InlineData("""{ "ShortSde": 5 }""", "D:ShortSde = 5: is no option; there are Weights, ")]
    [InlineData("""{ "ShortSide": "many" }""", "D:ShortSide = many: expected a whole number")]
    [InlineData("""{ "ShortSide": 1.5 }""", "D:ShortSide = 1.5: expected a whole number")]
    [InlineData("""{ "ShortSide": { "X": 1 } }""", "D:ShortSide = (a section): expected a whole number")]
    [InlineData("""{ "ShortSide": -4 }""", "TextDetectorOptions.ShortSide = -4: ")]
    [InlineData("""{ "LoadOnStart": "yes" }""", "D:LoadOnStart = yes: expected true or false")]
    [InlineData("""{ "Device": "" }""", "D:Device = : expected a text")]
    [InlineData("""{ "Precision": "7" }""", "D:Precision = 7: expected Fp32, Tf32, ")]
    [InlineData("""{ "SlowAfter": "5" }""", "D:SlowAfter = 5: expected hours:minutes:seconds")]
    [InlineData("""{ "WarmUpSizes": [ "1280x720", "wide" ] }""", "D:WarmUpSizes:1 = wide: expected sizes such as 1280x720")]
    [InlineData("""{ "Limits": 5 }""", "D:Limits = 5: expected a section")]
    [InlineData("""{ "Limits": { "MaxSide": 5 } }""", "D:Limits:MaxSide = 5: is no option; there are MaxPixels, ")]
    [InlineData("""{ "Limits": { "MaxPixels": 1000 }, "WarmUpSizes": "64x64" }""", "a picture of 64x64 has more than 1000 pixels")]
    [InlineData("""{ "PostProcessingSettings": { "unclip": "far" } }""", "D:PostProcessingSettings:unclip = far: expected a number")]
    [InlineData("""{ "PostProcessingSettings": { "unclp": 2 } }""", "TextDetectorOptions.PostProcessingSettings:unclp = 2: is no setting of any model")]
    public void What_makes_no_sense_is_told_by_its_path(string json, string message)
    {
        var error = Assert.Throws<OptionsValidationException>(() => Read(json));
        Assert.StartsWith(message, Assert.Single(error.Failures));
    }

    [Fact]
    public void All_mistakes_are_told_at_once()
    {
        var error = Assert.Throws<OptionsValidationException>(
            () => Read("""{ "A": 1, "Threads": "x", "Limits": { "B": 1, "C": 2 }, "MaxSide": 1 }"""));
        Assert.Equal(5, error.Failures.Count());
    }

    [Theory]
    [InlineData("""{ "WarmUpSizes": [] }""", "")]
    [InlineData("""{ "WarmUpSizes": "" }""", "")]
    [InlineData("""{ "WarmUpSizes": "64x48, 48x64" }""", "64x48 48x64")]
    [InlineData("""{ "WarmUpSizes": null }""", null)]
    [InlineData("{}", null)]
    public void Sizes_may_be_a_list_or_one_text(string json, string? sizes) =>
        Assert.Equal(sizes, Read(json).WarmUpSizes is { } all ? string.Join(' ', all.Select(s => $"{s.Width}x{s.Height}")) : null);

    [Fact]
    public void What_is_not_configured_stays_as_it_was()
    {
        var services = new ServiceCollection();
        services.AddTcmTextDetector(o => o.Detector = o.Detector with
        {
            Threads = 2,
            PostProcessingSettings = new Dictionary<string, double> { ["unclip"] = 3, ["polygons"] = 1 },
        });
        services.AddTcmTextDetector(Section("""{ "ShortSide": 64, "RecordedSizes": null, "PostProcessingSettings": { "unclip": 2 } }"""));
        using var provider = services.BuildServiceProvider();
        var options = provider.GetRequiredService<IOptions<TextDetectorHostOptions>>().Value.Detector;
        Assert.Equal((2, 64, null), (options.Threads, options.ShortSide, options.RecordedSizes));
        Assert.Equal([("polygons", 1.0), ("unclip", 2.0)], options.PostProcessingSettings.OrderBy(s => s.Key).Select(s => (s.Key, s.Value)));
    }

    private static IConfigurationSection Section(string json) => new ConfigurationBuilder()
        .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($$"""{ "D": {{json}} }"""))).Build().GetSection("D");

    private static TextDetectorHostOptions Read(string json, bool valid = true)
    {
        if (!valid)
        {
            var options = new TextDetectorHostOptions();
            HostConfiguration.Apply(Section(json), options);
            Assert.Empty(options.Unreadable);
            return options;
        }
        var services = new ServiceCollection();
        services.AddTcmTextDetector(Section(json));
        using var provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptions<TextDetectorHostOptions>>().Value;
    }
}
