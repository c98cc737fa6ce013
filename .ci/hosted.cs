// A host that packages.sh publishes trimmed: everything of Tcm.Detect.Hosting is in it, and no warning may come of it.
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Tcm.Detect;

var builder = Host.CreateEmptyApplicationBuilder(null);
builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
{
    ["TextDetector:ShortSide"] = "128",
    ["TextDetector:MaxSide"] = "320",
    ["TextDetector:Order"] = "Reading",
    ["TextDetector:SlowAfter"] = "00:00:05",
    ["TextDetector:WarmUpSizes"] = "64x48",
    ["TextDetector:Limits:MaxPixels"] = "1000000",
    ["TextDetector:PostProcessingSettings:polygons"] = "true",
});
builder.Services.AddTcmTextDetector(builder.Configuration.GetSection("TextDetector"));
builder.Services.AddKeyedTcmTextDetector("second", options => options.LoadOnStart = false);
builder.Services.AddHealthChecks().AddTcmTextDetector();

using var host = builder.Build();
await host.StartAsync();
var result = host.Services.GetRequiredService<TextDetector>().Detect(new byte[100 * 100], 100, 100, 0, PixelFormat.Gray8);
var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
Console.WriteLine($"{result.Regions.Count} regions, {health.Status}");
await host.StopAsync();
