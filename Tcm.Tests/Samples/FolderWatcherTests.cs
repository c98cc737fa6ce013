using System.Text.Json;
using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Samples.FolderWatcher;
using Tcm.Tests.Cli;
using Tcm.Tests.Detector;

namespace Tcm.Tests.Samples;

/// <summary>samples/FolderWatcher: files that arrive in every way, restarts, and the end by a signal.</summary>
public sealed class FolderWatcherTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-watch-").FullName;
    private readonly TextDetector _detector = ShippedDetector.Open();
    private readonly StringWriter _output = new(), _error = new();
    private readonly byte[] _sign = File.ReadAllBytes(Pictures.Asset("sample.png"));

    public void Dispose()
    {
        _detector.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Pictures_that_are_there_get_results_once_and_a_restart_does_only_what_is_new()
    {
        Put("a.png", _sign);
        Put("b.jpg", "no picture"u8.ToArray());
        Put("c.txt", "no picture at all"u8.ToArray());
        Assert.True(await OnceAsync());
        Assert.Equal(["a.png", "a.png.json", "b.jpg", "b.jpg.json", "c.txt"], Names());
        var result = Json("a.png");
        int regions = _detector.Detect(ImageFile.Read(PathOf("a.png"))).Regions.Count;
        Assert.Equal((640, regions), (result.GetProperty("width").GetInt32(), result.GetProperty("regions").GetArrayLength()));
        Assert.True(regions > 0);
        Assert.Contains("not a picture", Json("b.jpg").GetProperty("error").GetString());

        // Nothing is new, not even the failure; then one is new, and one is another picture.
        _output.GetStringBuilder().Clear();
        Assert.False(await OnceAsync());
        Assert.Empty(_output.ToString());
        Put("b.jpg", _sign);
        Put("d.webp", Pictures.Encoded(64, 48, SKEncodedImageFormat.Webp));
        Assert.False(await OnceAsync());
        Assert.Equal(2, Lines(_output));
        Assert.Equal(regions, Json("b.jpg").GetProperty("regions").GetArrayLength());
        Assert.Equal(64, Json("d.webp").GetProperty("width").GetInt32());
    }

    [Fact]
    public async Task Pictures_that_come_later_are_read_when_they_are_complete()
    {
        // Long enough that a busy machine does not pause for it between two parts.
        using var source = Source(settle: 2);
        using var stop = new CancellationTokenSource();
        var running = Watcher.RunAsync(_detector, source, once: false, _output, _error, stop.Token);
        using (var slow = File.Create(PathOf("slow.png")))
        {
            for (int i = 0; i < _sign.Length; i += (_sign.Length / 8) + 1)
            {
                slow.Write(_sign, i, Math.Min((_sign.Length / 8) + 1, _sign.Length - i));
                slow.Flush();
                await Task.Delay(60);
            }
        }
        Put("renamed.part", _sign);
        File.Move(PathOf("renamed.part"), PathOf("renamed.png"));
        await UntilAsync(() => File.Exists(PathOf("slow.png.json")) && File.Exists(PathOf("renamed.png.json")));
        Assert.Equal(Json("renamed.png").GetProperty("regions").ToString(), Json("slow.png").GetProperty("regions").ToString());
        // Another picture under an old name.
        Put("slow.png", Pictures.Encoded(64, 48, SKEncodedImageFormat.Png));
        await UntilAsync(() => Json("slow.png").GetProperty("width").GetInt32() == 64);
        await stop.CancelAsync();
        Assert.False(await running.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Empty(_error.ToString());
        Assert.Equal(3, Lines(_output));
        Assert.DoesNotContain(Names(), n => n.EndsWith(".part", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stopping_finishes_what_is_under_way_and_takes_no_more()
    {
        for (int i = 0; i < 40; i++)
        {
            Put($"{i:00}.png", _sign);
        }
        using var source = Source();
        using var stop = new CancellationTokenSource();
        int detected = 0;
        _detector.Stages.Entering = stage =>
        {
            if (stage == "postprocess" && Interlocked.Increment(ref detected) == 3)
            {
                stop.Cancel();
            }
        };
        Assert.False(await Watcher.RunAsync(_detector, source, once: true, _output, _error, stop.Token).WaitAsync(TimeSpan.FromMinutes(1)));
        int results = Names().Count(n => n.EndsWith(".json", StringComparison.Ordinal));
        Assert.InRange(results, 3, 12);
        Assert.Equal((detected, results), (results, Lines(_output)));
        _detector.Stages.Entering = null;
        await OnceAsync();
        Assert.Equal(40, Lines(_output));
    }

    [Fact]
    public async Task A_picture_that_goes_while_it_is_read_has_no_result()
    {
        Put("a.png", _sign);
        Put("b.png", _sign);
        using var source = Source();
        _detector.Stages.Entering = stage =>
        {
            if (stage == "postprocess")
            {
                File.Delete(PathOf("a.png"));
            }
        };
        await Watcher.RunAsync(_detector, source, once: true, _output, _error, CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(["b.png", "b.png.json"], Names());
    }

    private FolderSource Source(double settle = 0.3) => new(_folder, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(settle));

    private async Task<bool> OnceAsync()
    {
        using var source = Source();
        return await Watcher.RunAsync(_detector, source, once: true, _output, _error, CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(1));
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private void Put(string name, byte[] bytes) => File.WriteAllBytes(PathOf(name), bytes);

    private IEnumerable<string> Names() => Directory.EnumerateFiles(_folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal);

    private JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(PathOf(name + ".json"))).RootElement;

    private static int Lines(StringWriter text) => text.ToString().Count(c => c == '\n');

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 1200, "it never happens");
            await Task.Delay(50);
        }
    }
}
