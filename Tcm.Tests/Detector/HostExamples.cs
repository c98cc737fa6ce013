using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tcm.Detect;

namespace Tcm.Tests.Detector;

/// <summary>The examples of docs/api.md about hosts, which <see cref="ApiPageTests"/> compares with this file and runs.</summary>
internal static class HostExamples
{
    public static async Task<IHost> Start(HostApplicationBuilder builder)
    {
        builder.Services.AddTcmTextDetector(builder.Configuration.GetSection("TextDetector"));
        builder.Services.AddHealthChecks().AddTcmTextDetector(timeout: TimeSpan.FromSeconds(5));
        builder.Services.AddSingleton<SignReader>();

        var host = builder.Build();
        await host.StartAsync();                                   // the model is loaded and warmed up, or this throws
        return host;
    }

    public static void Keyed(IServiceCollection services, IConfiguration configuration)
    {
        services.AddKeyedTcmTextDetector("signs", configuration.GetSection("Signs"));
        services.AddKeyedTcmTextDetector("receipts", options =>
        {
            options.Detector = new TextDetectorOptions { ShortSide = 1024, MaxSide = 2048, Order = RegionOrder.Reading };
            options.LoadOnStart = false;                           // when somebody first asks for it
        });
    }

    internal sealed class SignReader(TextDetector detector)
    {
        public Task<DetectionResult> ReadAsync(ImageBuffer picture, CancellationToken stop) => detector.DetectAsync(picture, stop);
    }

    internal sealed class ReceiptReader([FromKeyedServices("receipts")] TextDetector detector)
    {
        public int Find(ImageBuffer picture) => detector.Detect(picture).Regions.Count;
    }
}
