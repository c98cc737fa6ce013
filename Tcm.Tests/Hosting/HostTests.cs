using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tcm.Detect;
using Tcm.Detect.Hosting;
using Tcm.Nn.Checkpoints;
using Tcm.Tests.Detector;

namespace Tcm.Tests.Hosting;

/// <summary>Detectors in real hosts: when they are loaded, what a failure looks like, when they are disposed.</summary>
public sealed class HostTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-host-").FullName;
    private readonly CapturedLog _log = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_is_loaded_and_warm_before_other_services_start()
    {
        var other = new Other();
        using var host = Build(s => s.AddTcmTextDetector(o =>
        {
            Small(o);
            o.WarmUpSizes = [(90, 60)];
        }).AddSingleton<IHostedService>(p => other.Of(p)));
        Assert.Null(Holder(host).Detector);
        await host.StartAsync();
        Assert.True(other.WasLoaded);
        var detector = host.Services.GetRequiredService<TextDetector>();
        Assert.Same(Holder(host).Detector, detector);
        Assert.Contains("Warmed up for 90x60", Assert.Single(_log.Of(2)).Message);
        Assert.Equal("Tcm.Detect.TextDetector", _log.Of(1)[0].Category);
        Assert.NotEmpty(detector.Detect(ShippedDetector.Pictures[0]).Regions);
        await host.StopAsync();
    }

    [Fact]
    public async Task Or_when_it_is_first_wanted_once_for_all_who_come_together()
    {
        int opened = 0;
        using var host = Build(s => s.AddTcmTextDetector(o =>
        {
            Small(o);
            o.LoadOnStart = false;
            o.OpenWeights = () =>
            {
                Interlocked.Increment(ref opened);
                return File.OpenRead(ShippedModel.Find()!);
            };
        }));
        await host.StartAsync();
        Assert.Equal(0, opened);
        var detectors = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(host.Services.GetRequiredService<TextDetector>)));
        Assert.Single(detectors.Distinct());
        Assert.Equal(1, opened);
        Assert.Empty(_log.Of(2));
    }

    [Fact]
    public async Task A_host_without_its_weights_does_not_start_and_says_where_they_should_be()
    {
        using var host = Build(s => s.AddTcmTextDetector(o => o.Weights = "models/absent.safetensors"));
        var error = await Assert.ThrowsAsync<WeightFormatException>(() => host.StartAsync());
        Assert.Contains(Path.Combine(_folder, "models/absent.safetensors"), error.Message);
        var logged = Assert.Single(_log.Of(12));
        Assert.Equal((LogLevel.Error, error), (logged.Level, logged.Error));
    }

    [Fact]
    public async Task A_detector_that_is_loaded_later_is_tried_again()
    {
        using var host = Build(s => s.AddTcmTextDetector(o =>
        {
            Small(o);
            (o.LoadOnStart, o.Weights) = (false, "late.safetensors");
        }));
        await host.StartAsync();
        Assert.Throws<WeightFormatException>(host.Services.GetRequiredService<TextDetector>);
        Assert.IsType<WeightFormatException>(Holder(host).Error);
        File.Copy(ShippedModel.Find()!, Path.Combine(_folder, "late.safetensors"));
        Assert.NotEmpty(host.Services.GetRequiredService<TextDetector>().Detect(ShippedDetector.Pictures[0]).Regions);
        Assert.Null(Holder(host).Error);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Options_are_checked_when_the_host_starts(bool loadOnStart)
    {
        using var host = Build(s => s.AddTcmTextDetector(o =>
        {
            o.LoadOnStart = loadOnStart;
            o.Weights = " ";
            o.Detector = new TextDetectorOptions { ShortSide = -1 };
        }).AddKeyedTcmTextDetector("signs", o => o.WarmUpSizes = [(0, 5)]));
        var error = await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync());
        var failures = (error as AggregateException)?.InnerExceptions.Cast<OptionsValidationException>().SelectMany(e => e.Failures)
            ?? Assert.IsType<OptionsValidationException>(error).Failures;
        Assert.Contains(failures, f => f.StartsWith("TextDetectorHostOptions.Weights is empty", StringComparison.Ordinal));
        Assert.Contains(failures, f => f.StartsWith("TextDetectorOptions.ShortSide = -1: ", StringComparison.Ordinal));
        Assert.Contains(failures,
            f => f.StartsWith("text detector 'signs': TextDetectorHostOptions.WarmUpSizes = 0x5", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keys_have_detectors_of_their_own()
    {
        using var host = Build(s => s.AddKeyedTcmTextDetector("small", Small)
            .AddKeyedTcmTextDetector("smaller", o => o.Detector = ShippedDetector.Options with { ShortSide = 64, MaxSide = 128 })
            .AddSingleton<Reader>());
        await host.StartAsync();
        var small = host.Services.GetRequiredKeyedService<TextDetector>("small");
        var smaller = host.Services.GetRequiredKeyedService<TextDetector>("smaller");
        Assert.NotSame(small, smaller);
        Assert.Same(small, host.Services.GetRequiredService<Reader>().Detector);
        Assert.Null(host.Services.GetService<TextDetector>());
        Assert.Equal(128, small.Detect(ShippedDetector.Pictures[^1]).NetworkSize.Height);
        Assert.Equal(64, smaller.Detect(ShippedDetector.Pictures[^1]).NetworkSize.Height);
        Assert.Equal(["Tcm.Detect.TextDetector.small", "Tcm.Detect.TextDetector.smaller"], _log.Of(1).Select(e => e.Category).Order());
        Assert.Throws<ArgumentException>(() => new ServiceCollection().AddKeyedTcmTextDetector(" "));
    }

    [Fact]
    public async Task Calls_for_one_key_fill_in_the_same_options()
    {
        var services = new ServiceCollection();
        services.AddTcmTextDetector(Small).AddTcmTextDetector(o => o.Detector = o.Detector with { ShortSide = 64 }).AddTcmTextDetector();
        Assert.Single(services, s => s.ServiceType == typeof(IHostedService));
        await using var provider = services.BuildServiceProvider();
        // Without a host, and without logging.
        Assert.Equal(64, provider.GetRequiredService<TextDetector>().Detect(ShippedDetector.Pictures[^1]).NetworkSize.Height);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_goes_with_the_container_after_those_who_use_it(bool loadOnStart)
    {
        var user = new List<int>();
        TextDetector detector;
        using (var host = Build(s => s.AddTcmTextDetector(o =>
        {
            Small(o);
            o.LoadOnStart = loadOnStart;
        }).AddSingleton(p => new User(p.GetRequiredService<TextDetector>(), user))))
        {
            await host.StartAsync();
            host.Services.GetRequiredService<User>();
            detector = host.Services.GetRequiredService<TextDetector>();
            await host.StopAsync();
            Assert.Empty(user);
        }
        Assert.True(Assert.Single(user) > 0);
        Assert.Throws<ObjectDisposedException>(() => detector.Detect(ShippedDetector.Pictures[0]));
        Assert.Single(_log.Of(11));
    }

    [Fact]
    public async Task A_detector_that_nobody_asked_for_goes_too()
    {
        TextDetector detector;
        using (var host = Build(s => s.AddTcmTextDetector(Small)))
        {
            await host.StartAsync();
            detector = Holder(host).Detector!;
        }
        Assert.Throws<ObjectDisposedException>(() => detector.Detect(ShippedDetector.Pictures[0]));
    }

    [Fact]
    public async Task A_start_that_is_given_up_does_not_wait_for_the_weights()
    {
        using var opening = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        using var cancellation = new CancellationTokenSource();
        var host = Build(s => s.AddTcmTextDetector(o =>
        {
            Small(o);
            o.OpenWeights = () =>
            {
                opening.Release();
                goOn.Wait();
                return File.OpenRead(ShippedModel.Find()!);
            };
        }));
        var starting = host.StartAsync(cancellation.Token);
        Assert.True(await opening.WaitAsync(TimeSpan.FromMinutes(1)));
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting.WaitAsync(TimeSpan.FromMinutes(1)));
        goOn.Release();
        host.Dispose();
        Assert.Empty(_log.Of(2));
        Assert.Equal(_log.Of(1).Count, _log.Of(11).Count);
        Assert.Empty(_log.Of(12));
    }

    private IHost Build(Action<IServiceCollection> add)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = _folder });
        builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(_log);
        add(builder.Services);
        return builder.Build();
    }

    private static void Small(TextDetectorHostOptions options) => options.Detector = ShippedDetector.Options;

    private static DetectorHolder Holder(IHost host) => host.Services.GetRequiredKeyedService<DetectorHolder>(Options.DefaultName);

    private sealed class Reader([FromKeyedServices("small")] TextDetector detector)
    {
        public TextDetector Detector => detector;
    }

    private sealed class User(TextDetector detector, List<int> regions) : IDisposable
    {
        public void Dispose() => regions.Add(detector.Detect(ShippedDetector.Pictures[0]).Regions.Count);
    }

    private sealed class Other : IHostedService
    {
        private IServiceProvider _services = null!;

        public bool WasLoaded { get; private set; }

        public Other Of(IServiceProvider services)
        {
            _services = services;
            return this;
        }

        public Task StartAsync(CancellationToken cancellationToken)
        {
            WasLoaded = _services.GetRequiredKeyedService<DetectorHolder>(Options.DefaultName).Detector is not null;
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
