using System.Collections.Concurrent;
using System.Net;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Tests.Docs;
using Tcm.Tests.Support;

namespace Tcm.Tests.Detector;

/// <summary>What docs/api.md says holds: its examples compile and run, its lists are complete.</summary>
public sealed partial class ApiPageTests : IDisposable
{
    private static readonly string Page = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs", "api.md"));

    private static readonly ConcurrentDictionary<string, Dictionary<string, string>> Documents = [];

    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-api-").FullName;
    private readonly string _sign = Path.Combine(SharedData.RepositoryRoot, "Tcm.Tests", "Assets", "sample.png");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Its_examples_are_the_code_that_is_compiled_here()
    {
        string code = string.Concat(((string[])["ApiExamples.cs", "HostExamples.cs"]).Select(
            f => Lines(File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "Tcm.Tests", "Detector", f)))));
        var examples = CodeBlock.Matches(Page).Select(m => Lines(m.Groups[1].Value)).ToList();
        Assert.True(examples.Count >= 10);
        Assert.All(examples, e => Assert.Contains(e, code));
    }

    [Fact]
    public async Task Its_examples_run()
    {
        var picture = ImageFile.Read(_sign);
        var output = new StringWriter();
        byte[] bgra = [.. picture.Rgb.ToArray().Chunk(3).SelectMany(p => (byte[])[p[2], p[1], p[0], 255])];
        ApiExamples.First(bgra, picture.Width, picture.Height, 4 * picture.Width, output);
        Assert.NotEmpty(output.ToString());
        using var detector = ApiExamples.Options(ShippedModel.Find()!);
        Assert.NotEmpty((await ApiExamples.Async(detector, picture)).Regions);
        Assert.EndsWith("regions", ApiExamples.Errors(detector, picture));
        var seen = new StringWriter();
        Assert.Equal(ShippedDetector.Bits(detector.Detect(picture)), ShippedDetector.Bits(ApiExamples.Maps(detector, picture, seen)));
        Assert.Equal(7, seen.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length);

        File.Copy(_sign, Path.Combine(_folder, "a.png"));
        File.WriteAllText(Path.Combine(_folder, "b.png"), "no picture");
        var lines = new StringWriter();
        await ApiExamples.Many(detector, _folder, file => ImageFile.Read(file), lines, CancellationToken.None);
        string[] many = lines.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches("a.png: [0-9]+ regions$", many[0]);
        Assert.Contains("b.png: not a JPEG", many[1]);

        using var client = new HttpClient(new Server(File.ReadAllBytes(_sign)));
        var fetched = await Sources.ToList(ApiExamples.Fetch(detector, [new("http://host/a.png"), new("http://host/missing")], client, _ => picture,
            new Progress<DetectionProgress>(), CancellationToken.None));
        Assert.NotEmpty(fetched[0].Result!.Regions);
        Assert.IsType<HttpRequestException>(fetched[1].Error);
    }

    [Fact]
    public async Task Its_examples_of_a_host_run()
    {
        string json = string.Join('\n', Assert.Single(DocPage.Of("docs/api.md").Fences, f => f.Language == "json").Lines);
        // The page's paths and devices are somebody's own.
        json = json.Replace("models/tcm-db.safetensors", ShippedModel.Find()!.Replace('\\', '/'));
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json)));
        HostExamples.Keyed(builder.Services, builder.Configuration);
        builder.Services.AddSingleton<HostExamples.ReceiptReader>();
        using var host = await HostExamples.Start(builder);
        var picture = ImageFile.Read(_sign);
        Assert.NotEmpty((await host.Services.GetRequiredService<HostExamples.SignReader>().ReadAsync(picture, default)).Regions);
        Assert.NotEqual(0, host.Services.GetRequiredService<HostExamples.ReceiptReader>().Find(picture));
        Assert.NotNull(host.Services.GetRequiredKeyedService<TextDetector>("signs"));
        var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Healthy, health.Status);
    }

    [Fact]
    public void It_lists_every_exception_with_TcmException_at_the_root()
    {
        var exceptions = Libraries.SelectMany(a => a.GetExportedTypes()).Where(t => t.IsAssignableTo(typeof(Exception))).ToList();
        Assert.Contains(typeof(OptionException), exceptions);
        Assert.All(exceptions, e => Assert.True(e.IsAssignableTo(typeof(TcmException)), $"{e} is not a TcmException"));
        Assert.All(exceptions, e => Assert.Contains($"`{e.Name}`", Page));
    }

    public static TheoryData<string, int> Contracts => new() { { "Tcm.Detect", 60 }, { "Tcm.Nn", 30 }, { "Tcm.Kernels", 25 } };

    [Theory]
    [MemberData(nameof(Contracts))]
    public void The_summary_of_every_public_class_has_its_thread_contract(string library, int least)
    {
        var types = Libraries.Single(a => a.GetName().Name == library).GetExportedTypes().Where(t => !t.IsEnum
            && !t.IsAssignableTo(typeof(Exception)) && !t.IsAssignableTo(typeof(Delegate)) && !IsValue(t, library)).ToList();
        Assert.True(types.Count >= least, $"{types.Count} types");
        Assert.Equal("", string.Join(' ', types.Where(t => !Contract.IsMatch(Summary(t))).Select(t => t.FullName)));
    }

    [Theory]
    [InlineData("Finds text in pictures.", false)]
    [InlineData("Counts threads.", false)]
    [InlineData("Finds text. Thread-safe.", true)]
    [InlineData("Finds text. Not thread-safe.", true)]
    [InlineData("A size. Immutable.", true)]
    public void A_summary_without_one_is_noticed(string summary, bool has) => Assert.Equal(has, Contract.IsMatch(summary));

    // Shapes and the like in the engine; all of the detector's types have the sentence.
    private static bool IsValue(Type type, string library) => library != "Tcm.Detect" && type.IsValueType
        && type.GetMethod("<Clone>$") is null && type.IsDefined(typeof(System.Runtime.CompilerServices.IsReadOnlyAttribute));

    private static string Summary(Type type)
    {
        string file = Path.Combine(AppContext.BaseDirectory, $"{type.Assembly.GetName().Name}.xml");
        var members = Documents.GetOrAdd(file, f => XDocument.Load(f).Descendants("member")
            .ToDictionary(m => m.Attribute("name")!.Value, m => string.Join(' ', m.Elements("summary").Select(s => s.Value))));
        return members[$"T:{type.FullName!.Replace('+', '.')}"];
    }

    private static IEnumerable<Assembly> Libraries => [typeof(TcmException).Assembly, typeof(Tensor).Assembly, typeof(TextDetector).Assembly];

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock { get; }

    [GeneratedRegex("[Tt]hread-safe|[Ii]mmutable|[Oo]ne thread at a time|(many|between|one|several|its) threads?|threads at once|thread of the")]
    private static partial Regex Contract { get; }

    // Without indentation and empty lines.
    private static string Lines(string text) => string.Join('\n', text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0)) + '\n';

    private sealed class Server(byte[] content) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(request.RequestUri!.AbsolutePath.EndsWith("missing", StringComparison.Ordinal)
                ? new HttpResponseMessage(HttpStatusCode.NotFound)
                : new HttpResponseMessage { Content = new ByteArrayContent(content) });
    }
}
