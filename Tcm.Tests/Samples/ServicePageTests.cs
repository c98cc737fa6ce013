using System.Text.Json;
using System.Text.Json.Nodes;
using SkiaSharp;
using Tcm.Tests.Cli;

namespace Tcm.Tests.Samples;

/// <summary>The page of samples/Service in a real browser: what a person does, and what the page then shows.</summary>
public sealed class ServicePageTests
{
    private const string Ready = "document.body.dataset.state === 'ready'";
    private const string Polygons = "document.querySelectorAll('#outlines polygon').length";

    [Fact]
    public async Task A_picture_is_uploaded_and_shown_with_its_layers_and_the_sliders_act()
    {
        await using var browser = await Browser.StartAsync();
        await using var service = await RunningService.StartAsync();
        string sign = Pictures.Asset("sample.png");
        int expected = Count(await RunningService.Json(service.PostAsync("detect", File.ReadAllBytes(sign))));
        await OpenAsync(browser, service, 1280, 800, dark: false);
        await browser.ScreenshotAsync("empty");
        await browser.ChooseAsync("#files", sign);
        await browser.UntilAsync(Ready);

        Assert.Equal(expected, await browser.EvaluateAsync<int>(Polygons));
        Assert.Equal(expected, await browser.EvaluateAsync<int>("document.querySelectorAll('#list button canvas').length"));
        Assert.Equal($"{expected}", await browser.EvaluateAsync<string>("document.getElementById('count').textContent"));
        Assert.Equal("-0.5 -0.5 640 400", await browser.EvaluateAsync<string>("document.getElementById('outlines').getAttribute('viewBox')"));
        Assert.Contains("network", await browser.EvaluateAsync<string>("document.getElementById('times').textContent"));
        await ShowsThePhotographAsync(browser);
        await LayersAsync(browser);

        // Sliders: what the page shows is what a new detection finds.
        foreach (var (name, value) in new[] { ("threshold", 0.5), ("box-threshold", 0.65), ("unclip", 2.5) })
        {
            await SlideAsync(browser, name, value);
        }
        string query = "threshold=0.5&box-threshold=0.65&unclip=2.5";
        await ShowsRegionsOfAsync(browser, service, query, sign);
        await browser.RunAsync("document.getElementById('reset').click()");
        await browser.UntilAsync($"{Polygons} === {expected}");
        await ShowsRegionsOfAsync(browser, service, "", sign);
        await browser.RunAsync("document.getElementById('set-polygons').click()");
        await ShowsRegionsOfAsync(browser, service, "polygons=1", sign);
        Assert.Empty(browser.Complaints);
        Assert.All(browser.Requests, r => Assert.Matches($"^({service.Address}|blob:|data:|about:)", r));
    }

    [Fact]
    public async Task Hovering_and_the_keyboard_mark_a_region_and_JSON_can_be_copied()
    {
        await using var browser = await Browser.StartAsync();
        await using var service = await RunningService.StartAsync();
        await OpenAsync(browser, service, 1280, 800, dark: true);
        // The first door by Tab is the choice of files, then the sample.
        await browser.PressAsync("Tab", 9);
        Assert.Equal("files", await FocusAsync(browser));
        await browser.PressAsync("Tab", 9);
        Assert.Equal("sample", await FocusAsync(browser));
        await browser.PressAsync("Enter", 13);
        await browser.UntilAsync(Ready);

        await browser.HoverAsync("#list li:nth-child(2) button");
        await browser.UntilAsync("document.querySelector('#outlines polygon.marked')?.dataset.index === '1'");
        await browser.HoverAsync("#outlines polygon[data-index='0']");
        await browser.UntilAsync("document.querySelector('#list button.marked')?.dataset.index === '0'");
        await browser.HoverAsync("h1");
        await browser.UntilAsync("!document.querySelector('.marked')");
        await browser.RunAsync("document.querySelector('#list button[data-index=\"1\"]').focus()");
        await browser.PressAsync("Enter", 13);
        Assert.Equal("true", await browser.EvaluateAsync<string>("document.querySelector('#list button[data-index=\"1\"]').ariaPressed"));
        await browser.HoverAsync("h1");
        Assert.Equal("1", await browser.EvaluateAsync<string>("document.querySelector('#outlines polygon.marked').dataset.index"));

        // A slider by the arrow keys.
        await browser.RunAsync("document.getElementById('set-threshold').focus()");
        await browser.PressAsync("ArrowRight", 39);
        Assert.Equal("0.29", await browser.EvaluateAsync<string>("document.querySelector('.setting output').textContent"));
        await browser.UntilAsync($"{Polygons} === Number(document.getElementById('count').textContent)");
        await browser.RunAsync("navigator.clipboard.writeText = async (text) => { window.copied = text; }; document.getElementById('copy').click()");
        var copied = JsonDocument.Parse(await browser.EvaluateAsync<string>("window.copied")).RootElement;
        Assert.Equal(("sample.png", 640, 0.29), (copied.GetProperty("image").GetString(), copied.GetProperty("width").GetInt32(),
            copied.GetProperty("settings").GetProperty("threshold").GetDouble()));
        Assert.Equal(await browser.EvaluateAsync<int>(Polygons), Count(copied));
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task Files_that_are_no_pictures_are_refused_in_words_and_others_go_on()
    {
        await using var browser = await Browser.StartAsync();
        await using var service = await RunningService.StartAsync("MaxFileBytes=200000");
        string folder = Directory.CreateTempSubdirectory("tcm-page-").FullName;
        try
        {
            string text = Path.Combine(folder, "notes.txt"), broken = Path.Combine(folder, "broken.png"), large = Path.Combine(folder, "large.png");
            byte[] sign = File.ReadAllBytes(Pictures.Asset("sample.png"));
            await File.WriteAllTextAsync(text, "no picture");
            await File.WriteAllBytesAsync(broken, sign[..(sign.Length / 2)]);
            await File.WriteAllBytesAsync(large, new byte[200_001]);
            await OpenAsync(browser, service, 1280, 800, dark: false);
            foreach (var (file, words) in new[] { (text, "text/plain"), (broken, "cut off"), (large, "I take up to 0.2 MB") })
            {
                await browser.ChooseAsync("#files", file);
                await browser.UntilAsync($"!document.getElementById('problem').hidden && document.getElementById('problem').textContent.includes('{words}')");
            }
            await browser.ScreenshotAsync("problem");
            await browser.ChooseAsync("#files", Pictures.Asset("sample.png"), Pictures.Asset("rotated.jpg"));
            await browser.UntilAsync(Ready);
            Assert.True(await browser.EvaluateAsync<bool>("document.getElementById('problem').hidden"));
            await browser.UntilAsync("[...document.querySelectorAll('#strip span')].map(s => s.textContent).slice(-2).every(t => /^[0-9]+$/.test(t))");
            // The strip has the broken one and the two others.
            Assert.Equal(3, await browser.EvaluateAsync<int>("document.querySelectorAll('#strip button').length"));
            await browser.RunAsync("document.querySelector('#strip li:last-child button').click()");
            await browser.UntilAsync("document.getElementById('photo').complete && document.getElementById('status').textContent.startsWith('rotated.jpg')");
            // Upright in the browser as in the service.
            await browser.UntilAsync("(p => `-0.5 -0.5 ${p.naturalWidth} ${p.naturalHeight}` === document.getElementById('outlines').getAttribute('viewBox'))"
                + "(document.getElementById('photo'))");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(390, 844, true, true)]
    [InlineData(390, 844, false, true)]
    [InlineData(1280, 800, true, false)]
    [InlineData(1280, 800, false, false)]
    public async Task It_fits_every_window_and_both_colours(int width, int height, bool dark, bool phone)
    {
        await using var browser = await Browser.StartAsync();
        await using var service = await RunningService.StartAsync();
        await OpenAsync(browser, service, width, height, dark, phone);
        await browser.RunAsync("document.getElementById('sample').click()");
        await browser.UntilAsync(Ready);
        await browser.RunAsync("document.getElementById('show-probability').click()");
        await browser.UntilAsync("document.getElementById('probability').width > 300");
        using var shown = SKBitmap.Decode(await browser.ScreenshotAsync($"{(phone ? "phone" : "desktop")}-{(dark ? "dark" : "light")}"));
        int scale = phone ? 2 : 1;
        Assert.Equal((width * scale, height * scale), (shown.Width, shown.Height));
        // The page's own colour at its edge.
        shown.GetPixel(3, shown.Height / 2).ToHsl(out _, out _, out float light);
        Assert.True(dark ? light < 25 : light > 75, $"lightness {light}");
        Assert.True(await browser.EvaluateAsync<bool>("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "it is too wide");
        // Nothing that is pressed is too small for a finger or hangs out of the window.
        Assert.Equal("", await browser.EvaluateAsync<string>("""
            [...document.querySelectorAll('button, .button, input[type=range]')].filter(e => e.offsetParent && !e.closest('#list'))
              .filter(e => { const r = e.getBoundingClientRect(); return r.height < 24 || r.width < 24 || r.left < 0 || r.right > innerWidth; })
              .map(e => e.id).join(' ')
            """));
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task A_forgotten_picture_is_sent_again_and_a_service_that_is_gone_is_told()
    {
        await using var browser = await Browser.StartAsync();
        var service = await RunningService.StartAsync();
        await OpenAsync(browser, service, 1280, 800, dark: false);
        await browser.RunAsync("document.getElementById('sample').click()");
        await browser.UntilAsync(Ready);
        int before = await browser.EvaluateAsync<int>(Polygons);
        string url = browser.Requests.Last(r => r.Contains("detect", StringComparison.Ordinal));
        Assert.Contains("keep=true", url);
        // Others push it out.
        for (int i = 0; i < 16; i++)
        {
            await RunningService.Json(service.PostAsync("detect?keep=true", File.ReadAllBytes(Pictures.Asset("sample.png"))));
        }
        await SlideAsync(browser, "box-threshold", 0.65);
        await browser.UntilAsync($"{Ready} && {Polygons} < {before}");
        await service.DisposeAsync();
        await SlideAsync(browser, "box-threshold", 0.1);
        await browser.UntilAsync("document.getElementById('problem').textContent.includes('does not answer')");
    }

    private static async Task OpenAsync(Browser browser, RunningService service, int width, int height, bool dark, bool phone = false)
    {
        await browser.LookAsync(width, height, dark, phone);
        await browser.SendAsync("Page.navigate", new JsonObject { ["url"] = service.Address.ToString() });
        await browser.UntilAsync("document.body?.dataset.loaded");
    }

    private static Task SlideAsync(Browser browser, string name, double value) => browser.RunAsync(FormattableString.Invariant($$"""
        const slider = document.getElementById('set-{{name}}'); slider.value = {{value}}; slider.dispatchEvent(new Event('input', { bubbles: true }));
        """));

    private static Task<string> FocusAsync(Browser browser) => browser.EvaluateAsync<string>("document.activeElement.id");

    /// <summary>Its pixels in the window: the sign is green in the middle of its board, the sky is blue.</summary>
    private static async Task ShowsThePhotographAsync(Browser browser)
    {
        using var shown = SKBitmap.Decode(await browser.ScreenshotAsync("uploaded"));
        using var sign = SKBitmap.Decode(Pictures.Asset("sample.png"));
        double[] frame = [.. (await browser.EvaluateAsync<string>(
            "(r => `${r.x} ${r.y} ${r.width} ${r.height}`)(document.getElementById('stage').getBoundingClientRect())")).Split(' ').Select(double.Parse)];
        foreach (var (x, y) in new[] { (320, 155), (20, 20), (320, 380) })
        {
            var (expected, actual) = (sign.GetPixel(x, y), shown.GetPixel((int)(frame[0] + (frame[2] * x / 640)), (int)(frame[1] + (frame[3] * y / 400))));
            Assert.True(Math.Abs(expected.Red - actual.Red) + Math.Abs(expected.Green - actual.Green) + Math.Abs(expected.Blue - actual.Blue) < 30,
                $"({x},{y}) is {actual}, not {expected}");
        }
    }

    private static async Task LayersAsync(Browser browser)
    {
        Assert.Equal("0 0", await browser.EvaluateAsync<string>("`${document.getElementById('probability').offsetWidth} ${document.getElementById('language').offsetWidth}`"));
        foreach (string map in (string[])["probability", "language"])
        {
            await browser.RunAsync($"document.getElementById('show-{map}').click()");
            await browser.UntilAsync($"document.getElementById('{map}').offsetWidth > 0 && document.getElementById('{map}').width !== 300");
        }
        // HARBOUR ROAD lies in the middle of the upper board: likely text, opaque there and nearly clear in the sky.
        const string pixel = "(x, y, c = document.getElementById('probability')) => [...c.getContext('2d').getImageData(c.width * x, c.height * y, 1, 1).data]";
        int[] text = JsonSerializer.Deserialize<int[]>(await browser.EvaluateAsync<string>($"JSON.stringify(({pixel})(0.42, 0.29))"))!;
        int[] sky = JsonSerializer.Deserialize<int[]>(await browser.EvaluateAsync<string>($"JSON.stringify(({pixel})(0.03, 0.05))"))!;
        Assert.True(text[3] == 255 && text[0] > 150 && sky[3] < 60, $"text {string.Join(' ', text)}, sky {string.Join(' ', sky)}");
        using var with = SKBitmap.Decode(await browser.ScreenshotAsync("layers"));
        await browser.RunAsync("const f = document.getElementById('fade-language'); f.value = 0; f.dispatchEvent(new Event('input', { bubbles: true }))");
        Assert.Equal("0", await browser.EvaluateAsync<string>("getComputedStyle(document.getElementById('language')).opacity"));
        using var faded = SKBitmap.Decode(await browser.ScreenshotAsync("faded"));
        Assert.True(with.Pixels.Zip(faded.Pixels).Count(p => p.First != p.Second) > 100_000, "fading changes nothing that is seen");
        await browser.RunAsync("for (const l of ['probability', 'language', 'outlines']) document.getElementById(`show-${l}`).click()");
        Assert.Equal("none none none", await browser.EvaluateAsync<string>(
            "['probability', 'language', 'outlines'].map(l => getComputedStyle(document.getElementById(l)).display).join(' ')"));
        await browser.RunAsync("document.getElementById('show-outlines').click()");
    }

    private static async Task ShowsRegionsOfAsync(Browser browser, RunningService service, string query, string file)
    {
        var expected = await RunningService.Json(service.PostAsync($"detect?{query}", await File.ReadAllBytesAsync(file)));
        string points = string.Join(';', expected.GetProperty("regions").EnumerateArray().Select(r => string.Join(' ',
            r.GetProperty("polygon").EnumerateArray().Select(p => $"{p[0].GetRawText()},{p[1].GetRawText()}"))));
        await browser.UntilAsync("[...document.querySelectorAll('#outlines polygon')].sort((a, b) => a.dataset.index - b.dataset.index)"
            + $".map(p => p.getAttribute('points')).join(';') === '{points}'");
    }

    private static int Count(JsonElement picture) => picture.GetProperty("regions").GetArrayLength();
}
