using System.Globalization;
using System.Text.Json.Serialization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Options;
using Tcm.Detect;
using Tcm.Detect.Hosting;

namespace Tcm.Samples.Service;

/// <summary>The service: what is registered, and what answers which request.</summary>
internal static class ServiceApp
{
    private const string Admission = "admission", Keep = "keep";

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>Nothing on the page comes from anywhere else, and no other page may frame it.</summary>
    private const string PagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static WebApplication Build(string[] args)
    {
        // The page lies beside the program, wherever it is started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        // Not ready yet is no failure; the probe that asks is told.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        var services = builder.Services;
        services.AddOptions<ServiceOptions>().BindConfiguration("Service").ValidateDataAnnotations().ValidateOnStart();
        // The one detector of the process: any number of requests may use it at a time. Loaded by Readiness, while the service
        // answers already.
        services.AddTcmTextDetector(detector => detector.LoadOnStart = false);
        services.AddOptions<TextDetectorHostOptions>().Configure<IOptions<ServiceOptions>>((detector, o) => Configure(detector, o.Value));
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<RecentMaps>();
        services.AddSingleton<PictureService>();
        services.AddSingleton<Readiness>();
        services.AddHostedService(s => s.GetRequiredService<Readiness>());
        services.AddHealthChecks().AddCheck<Readiness>("warm").AddTcmTextDetector(timeout: TimeSpan.FromSeconds(5));
        services.AddProblemDetails();
        services.AddExceptionHandler<Problems>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, AnswerJson.Default);
        });
        services.AddRateLimiter(_ => { });
        services.AddOptions<Microsoft.AspNetCore.RateLimiting.RateLimiterOptions>().Configure<IOptions<ServiceOptions>>(Limit);
        services.AddOptions<Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions>().Configure<IOptions<ServiceOptions>>((kestrel, o) =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Uploads.MostBytes(o.Value);
            // A sender that is slower loses its place with 408.
            kestrel.Limits.MinRequestBodyDataRate = new(Math.Max(o.Value.MaxFileBytes / o.Value.UploadSeconds, 1), Grace);
        });

        var app = builder.Build();
        app.Use((context, next) =>
        {
            // Set last, because an answer that becomes a problem begins anew.
            context.Response.OnStarting(() =>
            {
                context.Response.Headers.ContentSecurityPolicy = PagePolicy;
                context.Response.Headers.XContentTypeOptions = "nosniff";
                context.Response.Headers["Referrer-Policy"] = "no-referrer";
                return Task.CompletedTask;
            });
            return next(context);
        });
        app.UseExceptionHandler();
        app.UseFileServer(new FileServerOptions
        {
            FileProvider = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "wwwroot")),
            // Asked for each time, answered with 304 while it is the same.
            StaticFileOptions = { OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache" },
        });
        app.UseRouting();
        app.UseRateLimiter();
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false });
        app.MapHealthChecks("/health/ready");
        app.MapGet("/about", About);
        app.MapPost("/detect", DetectAsync).RequireRateLimiting(Admission);
        app.MapGet("/pictures/{id}/regions", Regions).RequireRateLimiting(Admission);
        app.MapGet("/pictures/{id}/{map}.png", Map).RequireRateLimiting(Admission);
        app.MapDelete("/pictures/{id}", (string id, RecentMaps recent) => recent.Remove(id) ? Results.NoContent() : throw Gone());
        return app;
    }

    private static void Configure(TextDetectorHostOptions detector, ServiceOptions options)
    {
        // From the working directory, as other programs take paths.
        detector.Weights = options.Weights is null ? null : Path.GetFullPath(options.Weights);
        detector.Detector = new TextDetectorOptions
        {
            Device = options.Device,
            Threads = options.Threads,
            ShortSide = options.ShortSide,
            MaxSide = Math.Max(options.MaxSide, options.ShortSide),
            Order = RegionOrder.Reading,
            Limits = new DetectorLimits { MaxPixels = options.MaxPixels },
        };
    }

    /// <summary>
    /// So many requests are inside at a time, from before their bodies are read; later ones hear so at once instead of waiting with
    /// their pictures in memory.
    /// </summary>
    private static void Limit(Microsoft.AspNetCore.RateLimiting.RateLimiterOptions limiter, IOptions<ServiceOptions> options)
    {
        limiter.AddPolicy(Admission, _ => RateLimitPartition.GetConcurrencyLimiter(0, _ => new ConcurrencyLimiterOptions
        {
            PermitLimit = options.Value.Workers + options.Value.Queue,
        }));
        limiter.OnRejected = async (context, cancellation) =>
        {
            var response = context.HttpContext.Response;
            response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            response.Headers.RetryAfter = "1";
            await context.HttpContext.RequestServices.GetRequiredService<IProblemDetailsService>().WriteAsync(new()
            {
                HttpContext = context.HttpContext,
                ProblemDetails = new ProblemDetails
                {
                    Status = response.StatusCode,
                    Title = "Busy",
                    Detail = "Too many pictures are waiting already. Try again in a moment.",
                },
            });
        };
    }

    private static async Task<IResult> DetectAsync(HttpRequest request, PictureService service, IOptions<ServiceOptions> options,
        TextDetector detector, CancellationToken cancellation)
    {
        // Before the pictures are read, so that a wrong word costs nothing.
        var settings = detector.PostProcessing.With(Values(request.Query));
        bool keep = request.Query.TryGetValue(Keep, out var kept) && kept != "false";
        var (files, isForm) = await Uploads.ReadAsync(request, options.Value, cancellation);
        if (!isForm)
        {
            return Results.Ok(await service.DetectAsync(files[0], settings, keep, cancellation));
        }
        var answers = new List<PictureAnswer>(files.Count);
        foreach (var file in files)
        {
            try
            {
                answers.Add(await service.DetectAsync(file, settings, keep, cancellation));
            }
            catch (Exception e) when (files.Count > 1 && e is RequestException or ImageLimitException)
            {
                // The others are worth an answer.
                answers.Add(new PictureAnswer(file.Name) { Problem = Problems.Describe(e) });
            }
        }
        return Results.Ok(new PicturesAnswer(answers));
    }

    private static RegionsAnswer Regions(string id, HttpRequest request, RecentMaps recent)
    {
        var maps = recent.Find(id) ?? throw Gone();
        var result = maps.PostProcess(maps.PostProcessing.With(Values(request.Query)));
        return new RegionsAnswer(RegionAnswer.Of(result), result.Timings.Postprocess);
    }

    private static IResult Map(string id, string map, HttpResponse response, RecentMaps recent)
    {
        var maps = recent.Find(id) ?? throw Gone();
        var plane = map switch { "probability" => maps.TextProbability, "language" => maps.LanguageScore, _ => null };
        if (plane is null)
        {
            throw new RequestException(System.Net.HttpStatusCode.NotFound, "No such map", $"There is no map called {map}.");
        }
        var (low, high) = map == "probability" ? (0, 1) : MapPicture.Range(plane);
        // They never change under their name.
        response.Headers.CacheControl = "private, max-age=3600, immutable";
        return Results.Bytes(MapPicture.Encode(plane, low, high), "image/png");
    }

    private static AboutAnswer About(TextDetector detector, IOptions<ServiceOptions> options) => new(
        $"TCM-{detector.Config.Head.ToUpperInvariant()}", detector.Backend.Description, options.Value.MaxFileBytes, options.Value.MaxPixels,
        options.Value.MaxFiles, options.Value.KeptPictures, options.Value.KeptMinutes,
        [.. detector.PostProcessing.Settings.Select(SettingAnswer.Of)]);

    private static Dictionary<string, double> Values(IQueryCollection query)
    {
        var settings = new Dictionary<string, double>();
        foreach (var (name, value) in query.Where(q => q.Key != Keep))
        {
            settings[name] = double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
                ? number : throw RequestException.Bad("No such setting", $"'{name}' must be a number, not '{value}'.");
        }
        return settings;
    }

    private static RequestException Gone() => new(System.Net.HttpStatusCode.NotFound, "Forgotten",
        "The picture is no longer kept. Send it again.");
}
