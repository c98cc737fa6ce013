using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Tests.Support;

namespace Tcm.Tests.Detector;

/// <summary>What docs/api.md says holds: its examples compile and run, its lists are complete.</summary>
public sealed partial class ApiPageTests : IDisposable
{
    private static readonly string Page = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs", "api.md"));

    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-api-").FullName;
    private readonly string _sign = Path.Combine(SharedData.RepositoryRoot, "Tcm.Tests", "Assets", "sample.png");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Its_examples_are_the_code_that_is_compiled_here()
    {
        string code = Lines(File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "Tcm.Tests", "Detector", "ApiExamples.cs")));
        var examples = CodeBlock.Matches(Page).Select(m => Lines(m.Groups[1].Value)).ToList();
        Assert.True(examples.Count >= 5);
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
    public void It_lists_every_exception_with_TcmException_at_the_root()
    {
        var exceptions = Libraries.SelectMany(a => a.GetExportedTypes()).Where(t => t.IsAssignableTo(typeof(Exception))).ToList();
        Assert.Contains(typeof(OptionException), exceptions);
        Assert.All(exceptions, e => Assert.True(e.IsAssignableTo(typeof(TcmException)), $"{e} is not a TcmException"));
        Assert.All(exceptions, e => Assert.Contains($"`{e.Name}`", Page));
    }

    [Fact]
    public void The_summary_of_every_public_type_of_the_detector_has_its_thread_contract()
    {
        var summaries = XDocument.Load(Path.Combine(AppContext.BaseDirectory, "Tcm.Detect.xml")).Descendants("member")
            .ToDictionary(m => m.Attribute("name")!.Value, m => m.Element("summary")?.Value ?? "");
        var types = typeof(TextDetector).Assembly.GetExportedTypes().Where(t => !t.IsEnum && !t.IsAssignableTo(typeof(Exception))).ToList();
        Assert.True(types.Count > 50);
        var silent = types.Where(t => !Contract.IsMatch(summaries[$"T:{t.FullName!.Replace('+', '.')}"])).Select(t => t.FullName);
        Assert.Equal("", string.Join(' ', silent));
    }

    private static IEnumerable<Assembly> Libraries => [typeof(TcmException).Assembly, typeof(Tensor).Assembly, typeof(TextDetector).Assembly];

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock { get; }

    [GeneratedRegex("[Tt]hread-safe|[Ii]mmutable|(many|between|one|several|its) threads?|threads at once|thread of the")]
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
