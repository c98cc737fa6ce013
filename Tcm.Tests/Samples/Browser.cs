using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tcm.Tests.Samples;

/// <summary>
/// A page in a headless Chromium, driven by the DevTools protocol. Nothing of it is downloaded: a test that needs it is skipped
/// where no Chromium is installed.
/// </summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket = new();
    private readonly Dictionary<int, TaskCompletionSource<JsonNode>> _waiting = [];
    private readonly Lock _lock = new();
    private string _session = "";
    private int _last;

    private Browser(Process process, string profile)
    {
        _process = process;
        _profile = profile;
    }

    /// <summary>What the page reported: exceptions, errors of its console.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>Addresses that were asked for.</summary>
    public List<string> Requests { get; } = [];

    public static async Task<Browser> StartAsync()
    {
        string? program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => Names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, "no Chromium is installed");
        string profile = Directory.CreateTempSubdirectory("tcm-chromium-").FullName;
        // As root there is no sandbox; the only pages are those of this repository.
        var start = new ProcessStartInfo(program!, ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--remote-debugging-port=0", $"--user-data-dir={profile}", "about:blank"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var browser = new Browser(Process.Start(start)!, profile);
        try
        {
            await browser.ConnectAsync().WaitAsync(TimeSpan.FromMinutes(2));
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>A method of the protocol, in the page.</summary>
    public async Task<JsonNode> SendAsync(string method, JsonObject? parameters = null)
    {
        var answer = new TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously);
        var message = new JsonObject { ["method"] = method, ["params"] = parameters ?? [] };
        if (_session.Length > 0)
        {
            message["sessionId"] = _session;
        }
        lock (_lock)
        {
            message["id"] = ++_last;
            _waiting[_last] = answer;
        }
        await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes<JsonNode>(message), WebSocketMessageType.Text, true, CancellationToken.None);
        var result = await answer.Task.WaitAsync(TimeSpan.FromMinutes(1));
        return result["error"] is { } error ? throw new InvalidOperationException($"{method}: {error}") : result["result"]!;
    }

    /// <summary>The value of an expression in the page; a promise is waited for.</summary>
    public async Task<T> EvaluateAsync<T>(string expression)
    {
        var result = await SendAsync("Runtime.evaluate",
            new() { ["expression"] = expression, ["awaitPromise"] = true, ["returnByValue"] = true });
        Assert.True(result["exceptionDetails"] is null, $"{expression}: {result["exceptionDetails"]}");
        return result["result"]!["value"] is { } value ? value.GetValue<T>() : default!;
    }

    public Task RunAsync(string expression) => EvaluateAsync<bool>($"(async () => {{ {expression}; return true; }})()");

    /// <summary>Waits until an expression is true.</summary>
    public async Task UntilAsync(string expression)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await EvaluateAsync<bool>($"Boolean({expression})"))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1), $"never true: {expression}; {string.Join(' ', Complaints)}");
            await Task.Delay(30);
        }
    }

    /// <summary>Size of the window, colours, and whether there is a finger instead of a mouse.</summary>
    public async Task LookAsync(int width, int height, bool dark, bool phone)
    {
        await SendAsync("Emulation.setDeviceMetricsOverride",
            new() { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = phone ? 2 : 1, ["mobile"] = phone });
        await SendAsync("Emulation.setEmulatedMedia", new()
        {
            ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" }),
        });
    }

    /// <summary>Chooses files in an input, as a person does in the dialog.</summary>
    public async Task ChooseAsync(string selector, params string[] files)
    {
        var document = await SendAsync("DOM.getDocument");
        var node = await SendAsync("DOM.querySelector", new() { ["nodeId"] = document["root"]!["nodeId"]!.GetValue<int>(), ["selector"] = selector });
        await SendAsync("DOM.setFileInputFiles",
            new() { ["nodeId"] = node["nodeId"]!.GetValue<int>(), ["files"] = new JsonArray([.. files.Select(f => (JsonNode)f)]) });
    }

    public async Task PressAsync(string key, int code)
    {
        foreach (string type in (string[])["keyDown", "keyUp"])
        {
            var press = new JsonObject { ["type"] = type, ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code };
            if (key == "Enter")
            {
                press["text"] = "\r";
            }
            await SendAsync("Input.dispatchKeyEvent", press);
        }
    }

    /// <summary>Moves the mouse over the middle of an element.</summary>
    public async Task HoverAsync(string selector)
    {
        string at = await EvaluateAsync<string>($$"""
            (() => { const e = document.querySelector({{JsonSerializer.Serialize(selector)}}); e.scrollIntoView({ block: "center" });
              const r = e.getBoundingClientRect(); return `${r.x + r.width / 2} ${r.y + r.height / 2}`; })()
            """);
        double[] place = [.. at.Split(' ').Select(double.Parse)];
        await SendAsync("Input.dispatchMouseEvent", new() { ["type"] = "mouseMoved", ["x"] = place[0], ["y"] = place[1] });
    }

    /// <summary>A picture of the window, as PNG; also a file of the folder TCM_SCREENSHOTS, to be looked at.</summary>
    public async Task<byte[]> ScreenshotAsync(string name)
    {
        // Two frames: what was changed last is drawn.
        await RunAsync("await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))");
        byte[] png = Convert.FromBase64String((await SendAsync("Page.captureScreenshot"))["data"]!.GetValue<string>());
        if (Environment.GetEnvironmentVariable("TCM_SCREENSHOTS") is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllBytesAsync(Path.Combine(folder, name + ".png"), png);
        }
        return png;
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        for (int tries = 1; ; tries++)
        {
            try
            {
                Directory.Delete(_profile, recursive: true);
                return;
            }
            catch (IOException) when (tries < 50)
            {
                // Its processes end one after the other.
                await Task.Delay(100);
            }
        }
    }

    private async Task ConnectAsync()
    {
        string? line;
        while ((line = await _process.StandardError.ReadLineAsync()) is not null && !line.StartsWith("DevTools listening on ", StringComparison.Ordinal))
        {
        }
        Assert.True(line is not null, "Chromium ended");
        _ = _process.StandardError.ReadToEndAsync();
        _ = _process.StandardOutput.ReadToEndAsync();
        await _socket.ConnectAsync(new Uri(line!["DevTools listening on ".Length..]), CancellationToken.None);
        _ = Task.Run(ReceiveAsync);
        var target = await SendAsync("Target.createTarget", new() { ["url"] = "about:blank" });
        _session = (await SendAsync("Target.attachToTarget", new() { ["targetId"] = target["targetId"]!.GetValue<string>(), ["flatten"] = true }))["sessionId"]!
            .GetValue<string>();
        foreach (string domain in (string[])["Page", "Runtime", "DOM", "Log", "Network"])
        {
            await SendAsync($"{domain}.enable");
        }
    }

    private async Task ReceiveAsync()
    {
        try
        {
            var buffer = new byte[1 << 16];
            while (true)
            {
                using var message = new MemoryStream();
                WebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer, CancellationToken.None);
                    message.Write(buffer, 0, part.Count);
                }
                while (!part.EndOfMessage);
                Receive(JsonNode.Parse(message.ToArray())!);
            }
        }
        catch (Exception e)
        {
            lock (_lock)
            {
                foreach (var waiting in _waiting.Values)
                {
                    waiting.TrySetException(new InvalidOperationException("the browser has gone", e));
                }
            }
        }
    }

    private void Receive(JsonNode message)
    {
        lock (_lock)
        {
            if (message["id"]?.GetValue<int>() is { } id && _waiting.Remove(id, out var waiting))
            {
                waiting.SetResult(message);
            }
            else if (message["method"]?.GetValue<string>() is "Runtime.exceptionThrown" or "Log.entryAdded"
                && message["params"]!["entry"]?["level"]?.GetValue<string>() is null or "error")
            {
                Complaints.Add(message["params"]!.ToJsonString());
            }
            else if (message["method"]?.GetValue<string>() == "Network.requestWillBeSent")
            {
                Requests.Add(message["params"]!["request"]!["url"]!.GetValue<string>());
            }
        }
    }
}
