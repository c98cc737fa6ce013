using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Tcm.Detect;
using Tcm.Samples.Service;

namespace Tcm.Tests.Samples;

/// <summary>The service on a free port of this machine, spoken to by HTTP.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningService(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Urls.First());
        Client = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(2) };
    }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public TextDetector Detector => _app.Services.GetRequiredService<TextDetector>();

    /// <param name="settings">Of the section Service, each as NAME=VALUE.</param>
    public static async Task<RunningService> StartAsync(params string[] settings)
    {
        // Small pictures, so that one takes some milliseconds.
        var app = ServiceApp.Build(["--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default", "Warning", "--Service:ShortSide", "256",
            .. settings.Select(s => $"--Service:{s}")]);
        await app.StartAsync();
        var service = new RunningService(app);
        while (!(await service.Client.GetAsync("health/ready")).IsSuccessStatusCode)
        {
            await Task.Delay(20);
        }
        return service;
    }

    /// <summary>Sends a body and returns the answer.</summary>
    public Task<HttpResponseMessage> PostAsync(string address, byte[] body, string type = "image/png", CancellationToken cancellation = default) =>
        Client.PostAsync(address, Content(body, type), cancellation);

    public Task<HttpResponseMessage> PostFormAsync(string address, params (string Name, byte[] Bytes)[] files)
    {
        var form = new MultipartFormDataContent();
        foreach (var (name, bytes) in files)
        {
            form.Add(Content(bytes, "image/png"), "files", name);
        }
        return Client.PostAsync(address, form);
    }

    /// <summary>The JSON of an answer that must be good.</summary>
    public static async Task<JsonElement> Json(Task<HttpResponseMessage> answer)
    {
        using var response = await answer;
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private static ByteArrayContent Content(byte[] body, string type)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return content;
    }
}
