using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Samples.Service;
using Tcm.Tests.Cli;
using Tcm.Tests.Detector;
using Tcm.Tests.Support;

namespace Tcm.Tests.Samples;

/// <summary>samples/Service over real HTTP: good pictures, bad ones, too many, clients that go away.</summary>
public sealed class ServiceTests
{
    private static readonly byte[] Sign = File.ReadAllBytes(Pictures.Asset("sample.png"));

    [Fact]
    public async Task A_body_and_a_form_get_the_regions_of_the_library()
    {
        await using var service = await RunningService.StartAsync();
        string expected = Regions(service.Detector.Detect(ImageFile.Read(Pictures.Asset("sample.png"))));
        var body = await RunningService.Json(service.PostAsync("detect", Sign));
        Assert.Equal((640, 400), (body.GetProperty("width").GetInt32(), body.GetProperty("height").GetInt32()));
        Assert.Equal(expected, Regions(body));
        Assert.True(body.GetProperty("milliseconds").GetProperty("network").GetDouble() > 0);
        Assert.False(body.TryGetProperty("id", out _), "kept without being asked to");

        var form = await RunningService.Json(service.PostFormAsync("detect", ("a.png", Sign)));
        var only = Assert.Single(form.GetProperty("pictures").EnumerateArray());
        Assert.Equal(("a.png", expected), (only.GetProperty("name").GetString(), Regions(only)));
    }

    [Theory]
    [InlineData("rotated.jpg")]
    [InlineData("cmyk.jpg")]
    public async Task Unusual_pictures_are_read_upright(string name)
    {
        await using var service = await RunningService.StartAsync();
        var expected = ImageFile.Read(Pictures.Asset(name), applyOrientation: true);
        var answer = await RunningService.Json(service.PostAsync("detect", File.ReadAllBytes(Pictures.Asset(name)), "image/jpeg"));
        Assert.Equal((expected.Width, expected.Height), (answer.GetProperty("width").GetInt32(), answer.GetProperty("height").GetInt32()));
        Assert.Equal(Regions(service.Detector.Detect(expected)), Regions(answer));
        var decoded = PictureDecoder.Decode(File.ReadAllBytes(Pictures.Asset(name)), 1_000_000);
        Assert.Equal(expected.Rgb, decoded.Rgb);
    }

    [Fact]
    public async Task Several_at_once_come_back_in_order_with_a_problem_in_the_place_of_a_bad_one()
    {
        await using var service = await RunningService.StartAsync("MaxFileBytes=100000");
        var answer = await RunningService.Json(service.PostFormAsync("detect", ("a.png", Sign), ("b.txt", "no picture"u8.ToArray()),
            ("c.png", new byte[100_001]), ("d.png", Sign)));
        var pictures = answer.GetProperty("pictures").EnumerateArray().ToList();
        Assert.Equal(["a.png", "b.txt", "c.png", "d.png"], pictures.Select(p => p.GetProperty("name").GetString()));
        Assert.Equal(Regions(pictures[0]), Regions(pictures[3]));
        Assert.Equal([415, 413], pictures.Skip(1).Take(2).Select(p => p.GetProperty("problem").GetProperty("status").GetInt32()));
    }

    [Fact]
    public async Task Bad_requests_are_told_why()
    {
        await using var service = await RunningService.StartAsync("MaxFiles=2", "MaxFileBytes=1000000", "MaxPixels=300000");
        byte[] gif = [.. "GIF89a"u8, 1, 0, 1, 0, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b];
        await Refused(service.PostAsync("detect", []), 400, "empty");
        await Refused(service.PostAsync("detect", "hello"u8.ToArray()), 415, "not a JPEG, PNG or WebP");
        await Refused(service.PostAsync("detect", gif, "image/gif"), 415, "");
        await Refused(service.PostAsync("detect", Sign, "text/plain"), 415, "The body is text/plain");
        await Refused(service.PostAsync("detect", Sign[..(Sign.Length / 2)]), 400, "cut off");
        await Refused(service.PostAsync("detect", [0xff, 0xd8, 1, 2, 3], "image/jpeg"), 400, "damaged");
        await Refused(service.PostAsync("detect?treshold=0.5", Sign), 400, "'treshold' is no setting");
        await Refused(service.PostAsync("detect?threshold=high", Sign), 400, "must be a number");
        await Refused(service.PostAsync("detect?threshold=1.5", Sign), 400, "between 0 and 1");
        await Refused(service.PostAsync("detect", Sign, "multipart/form-data"), 400, "no boundary");
        await Refused(service.PostAsync("detect", "--x\r\n"u8.ToArray(), "multipart/form-data; boundary=x"), 400, "damaged");
        using var words = new MultipartFormDataContent { { new StringContent("words"), "field" } };
        await Refused(service.Client.PostAsync("detect", words), 400, "no file");
        await Refused(service.PostFormAsync("detect", ("a", Sign), ("b", Sign), ("c", Sign)), 400, "may have 2 pictures");

        byte[] noise = new byte[1_000_001];
        await Refused(service.PostAsync("detect", noise), 413, "may have 976.6 KB");
        await Refused(service.PostFormAsync("detect", ("a", noise)), 413, "this one has more");
        await Refused(service.Client.PostAsync("detect", new UnknownLength(noise)), 413, "");
        await Refused(service.PostAsync("detect", Pictures.Encoded(600, 600, SKEncodedImageFormat.Png)), 413, "600x600 pixels");
        // It promises what it does not hold.
        await Refused(service.PostAsync("detect", Pictures.Png(500, 500, 1, 0, [])), 400, "damaged");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await service.Client.GetAsync("detect")).StatusCode);
        await RunningService.Json(service.PostAsync("detect", Sign));
    }

    [Fact]
    public async Task A_request_beyond_all_files_is_refused_before_it_is_read()
    {
        await using var service = await RunningService.StartAsync("MaxFiles=1", "MaxFileBytes=10000");
        await Refused(service.PostFormAsync("detect", ("a", new byte[200_000])), 413, "A request may have 1 pictures");
    }

    [Fact]
    public async Task Eight_requests_at_once_get_the_same()
    {
        await using var service = await RunningService.StartAsync("Workers=4");
        string expected = Regions(await RunningService.Json(service.PostAsync("detect", Sign)));
        Assert.Contains(":", expected);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => RunningService.Json(service.PostAsync("detect", Sign))));
        Assert.All(answers, a => Assert.Equal(expected, Regions(a)));
    }

    [Fact]
    public async Task A_client_that_goes_away_ends_the_network_and_frees_its_place()
    {
        await using var service = await RunningService.StartAsync("Workers=1", "Queue=0");
        using var inside = new SemaphoreSlim(0);
        using var gone = new ManualResetEventSlim();
        var after = new List<string>();
        service.Detector.Stages.Entering = stage =>
        {
            after.Add(stage);
            if (stage == "layer2")
            {
                inside.Release();
                gone.Wait(TimeSpan.FromSeconds(30));
            }
            if (gone.IsSet)
            {
                // The server hears of it a moment after the client has gone; there are some ten blocks left to wait for that.
                Thread.Sleep(300);
            }
        };
        using var patience = new CancellationTokenSource();
        var request = service.PostAsync("detect", Sign, cancellation: patience.Token);
        Assert.True(await inside.WaitAsync(TimeSpan.FromMinutes(1)));
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        gone.Set();
        // The only place is free again, and the network did not go on for nobody.
        HttpResponseMessage answer;
        while ((answer = await service.PostAsync("detect", [])).StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            await Task.Delay(20);
        }
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.DoesNotContain("postprocess", after);
        service.Detector.Stages.Entering = null;
        await RunningService.Json(service.PostAsync("detect", Sign));
    }

    [Fact]
    public async Task When_all_places_are_taken_the_next_request_hears_so_at_once()
    {
        await using var service = await RunningService.StartAsync("Workers=1", "Queue=1");
        using var goOn = new ManualResetEventSlim();
        using var inside = new SemaphoreSlim(0);
        service.Detector.Stages.Entering = stage =>
        {
            if (stage == "network")
            {
                inside.Release();
                goOn.Wait(TimeSpan.FromSeconds(60));
            }
        };
        var first = service.PostAsync("detect", Sign);
        Assert.True(await inside.WaitAsync(TimeSpan.FromMinutes(1)));
        // Of three more, one waits and two are refused, in whatever order they come.
        var others = Enumerable.Range(0, 3).Select(_ => service.PostAsync("detect", Sign)).ToList();
        for (int i = 0; i < 2; i++)
        {
            var refused = await Task.WhenAny(others).WaitAsync(TimeSpan.FromMinutes(1));
            others.Remove(refused);
            Assert.Equal("1", (await refused).Headers.RetryAfter!.ToString());
            await Refused(refused, 503, "waiting already");
        }
        Assert.True((await service.Client.GetAsync("health/live")).IsSuccessStatusCode);
        Assert.False(others[0].IsCompleted);
        goOn.Set();
        Assert.Equal(Regions(await RunningService.Json(first)), Regions(await RunningService.Json(others[0])));
    }

    [Fact]
    public async Task An_upload_that_stalls_loses_its_place()
    {
        await using var service = await RunningService.StartAsync("UploadSeconds=1", "Workers=1", "Queue=0");
        using var client = new TcpClient();
        await client.ConnectAsync(service.Address.Host, service.Address.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 4000\r\n\r\nhalf"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        Assert.StartsWith("HTTP/1.1 408", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Contains("did not arrive in time", await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(1)));
        await RunningService.Json(service.PostAsync("detect", Sign));
    }

    [Fact]
    public async Task Kept_pictures_answer_other_thresholds_with_the_regions_of_a_new_detection()
    {
        await using var service = await RunningService.StartAsync("KeptPictures=2");
        var kept = await RunningService.Json(service.PostAsync("detect?keep=true", Sign));
        string id = kept.GetProperty("id").GetString()!, before = Regions(kept);
        foreach (string query in (string[])["", "threshold=0.5", "box-threshold=0.65", "unclip=2.6", "min-side=40", "polygons=1"])
        {
            string again = Regions(await RunningService.Json(service.Client.GetAsync($"pictures/{id}/regions?{query}")));
            Assert.Equal(Regions(await RunningService.Json(service.PostAsync($"detect?{query}", Sign))), again);
            Assert.True((again == before) == (query.Length == 0), query);
        }
        await Refused(service.Client.GetAsync($"pictures/{id}/regions?unclip=-1"), 400, "between 0 and 10");
        await Refused(service.Client.GetAsync("pictures/0/regions"), 404, "Send it again");

        // Two more push it out; deleting does at once.
        for (int i = 0; i < 2; i++)
        {
            id = (await RunningService.Json(service.PostAsync("detect?keep=true", Sign))).GetProperty("id").GetString()!;
        }
        await Refused(service.Client.GetAsync($"pictures/{kept.GetProperty("id").GetString()}/regions"), 404, "");
        Assert.Equal(HttpStatusCode.NoContent, (await service.Client.DeleteAsync($"pictures/{id}")).StatusCode);
        await Refused(service.Client.GetAsync($"pictures/{id}/regions"), 404, "");
    }

    [Fact]
    public async Task Maps_are_grey_pictures_of_the_planes()
    {
        await using var service = await RunningService.StartAsync();
        var maps = service.Detector.Analyze(ImageFile.Read(Pictures.Asset("sample.png")));
        var kept = (await RunningService.Json(service.PostAsync("detect?keep=true", Sign))).GetProperty("maps");
        foreach (var (name, plane) in new[] { ("probability", maps.TextProbability), ("language", maps.LanguageScore!) })
        {
            var map = kept.GetProperty(name);
            float low = map.GetProperty("low").GetSingle(), high = map.GetProperty("high").GetSingle();
            Assert.Equal((plane.PictureWidth, plane.PictureHeight), (map.GetProperty("width").GetDouble(), map.GetProperty("height").GetDouble()));
            using var picture = SKBitmap.Decode(await service.Client.GetByteArrayAsync(map.GetProperty("url").GetString()));
            Assert.Equal((Math.Ceiling(plane.PictureWidth), Math.Ceiling(plane.PictureHeight)), (picture.Width, picture.Height));
            for (int y = 0; y < picture.Height; y++)
            {
                for (int x = 0; x < picture.Width; x++)
                {
                    float value = low + (picture.GetPixel(x, y).Red / 255f * (high - low));
                    Assert.True(Math.Abs(value - plane[x, y]) <= 0.51f / 255 * (high - low), $"{name} ({x},{y}): {value}, not {plane[x, y]}");
                }
            }
        }
        string url = kept.GetProperty("probability").GetProperty("url").GetString()!;
        await Refused(service.Client.GetAsync(url.Replace("probability", "nothing", StringComparison.Ordinal)), 404, "no map called nothing");
    }

    [Fact]
    public async Task Health_and_the_page_are_there_and_the_page_needs_nobody_else()
    {
        await using var service = await RunningService.StartAsync();
        Assert.Equal("Healthy", await service.Client.GetStringAsync("health/live"));
        Assert.Equal("Healthy", await service.Client.GetStringAsync("health/ready"));
        using var page = await service.Client.GetAsync("");
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith("default-src 'none'", Assert.Single(page.Headers.GetValues("Content-Security-Policy")));
        Assert.Contains("frame-ancestors", Assert.Single((await service.PostAsync("detect", [])).Headers.GetValues("Content-Security-Policy")));
        var about = await RunningService.Json(service.Client.GetAsync("about"));
        Assert.Equal(service.Detector.PostProcessing.Settings.Select(s => s.Name),
            about.GetProperty("settings").EnumerateArray().Select(s => s.GetProperty("name").GetString()));
        Assert.Equal(0.28, about.GetProperty("settings")[0].GetProperty("default").GetDouble());

        string folder = Path.Combine(SharedData.RepositoryRoot, "samples", "Service", "wwwroot");
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            string text = File.ReadAllText(file).Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal);
            Assert.False(Regex.IsMatch(text, "https?:|@import|//[a-z]+\\.[a-z]"), $"{file} names another host");
            Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync(Path.GetFileName(file))).StatusCode);
        }
    }

    [Fact]
    public void Maps_that_nobody_asks_for_go_after_a_while()
    {
        var clock = new Clock();
        var recent = new RecentMaps(Options.Create(new ServiceOptions { KeptPictures = 2, KeptMinutes = 10 }), clock);
        using var detector = ShippedDetector.Open();
        var maps = detector.Analyze(ShippedDetector.Pictures[0]);
        string first = recent.Add(maps)!, second = recent.Add(maps)!;
        clock.Minutes = 6;
        Assert.NotNull(recent.Find(first));
        string third = recent.Add(maps)!;
        Assert.Equal([true, false, true], ((string[])[first, second, third]).Select(id => recent.Find(id) is not null));
        clock.Minutes = 17;
        Assert.Null(recent.Find(first));
        Assert.Null(new RecentMaps(Options.Create(new ServiceOptions { KeptPictures = 0 }), clock).Add(maps));
    }

    private static async Task Refused(Task<HttpResponseMessage> answer, int status, string why)
    {
        using var response = await answer;
        string text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode}, not {status}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        Assert.Contains(why, problem.GetProperty("detail").GetString());
    }

    /// <summary>Regions to the bit: JSON has the shortest digits that give the same number.</summary>
    private static string Regions(JsonElement picture) => string.Join(';', picture.GetProperty("regions").EnumerateArray().Select(r =>
        $"{r.GetProperty("score").GetSingle():R}:{string.Join(' ', r.GetProperty("polygon").EnumerateArray().Select(p => $"{p[0].GetSingle():R},{p[1].GetSingle():R}"))}"));

    private static string Regions(DetectionResult result) => string.Join(';', result.Regions.Select(r =>
        $"{r.Score:R}:{string.Join(' ', r.Polygon.Select(p => $"{p.X:R},{p.Y:R}"))}"));

    private sealed class Clock : TimeProvider
    {
        public int Minutes { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => 60L * Minutes;
    }

    private sealed class UnknownLength(byte[] bytes) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(bytes).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
