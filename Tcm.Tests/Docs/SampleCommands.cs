using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Tcm.Tests.Cli;
using Tcm.Tests.Samples;
using Tcm.Tests.Support;

namespace Tcm.Tests.Docs;

/// <summary>
/// Commands of the pages that start a sample, or ask the sample service by curl. What <c>dotnet run</c> would start is run from where
/// the tests' build has put it.
/// </summary>
internal static partial class SampleCommands
{
    private static readonly string[] Prefix = ["dotnet", "run", "-c", "Release", "--project"];
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static bool IsOne(IReadOnlyList<string> words) => words.Count > Prefix.Length && words.Take(Prefix.Length).SequenceEqual(Prefix)
        && words[Prefix.Length].StartsWith("samples/", StringComparison.Ordinal);

    public static void Run(string[] words, DocSandbox sandbox)
    {
        string sample = words[Prefix.Length]["samples/".Length..];
        Assert.True(File.Exists(Path.Combine(SharedData.RepositoryRoot, "samples", sample, $"Tcm.Samples.{sample}.csproj")), sample);
        string[] rest = [.. words.Skip(Prefix.Length + 1).SkipWhile(w => w == "--")];
        if (sample == "Service")
        {
            ServeAsync(rest).GetAwaiter().GetResult();
            return;
        }
        bool watches = sample == "FolderWatcher" && !rest.Contains("--once");
        string[] arguments = [.. rest.Select(w => w.StartsWith("--", StringComparison.Ordinal) ? w : sandbox.Input(w))];
        using var process = Start(sample, arguments);
        if (watches)
        {
            Assert.Contains("regions", process.StandardOutput.ReadLineAsync().WaitAsync(Patience).GetAwaiter().GetResult());
            Terminate(process);
        }
        var (code, output, error) = ExecutableTests.Finish(process).GetAwaiter().GetResult();
        Assert.True(code == 0, $"exit code {code} of {sample}\n{output}{error}");
        // The sandbox's files are shared by all commands.
        foreach (string folder in arguments.Where(Directory.Exists))
        {
            string[] results = Directory.GetFiles(folder, "*.png.json");
            Assert.NotEmpty(results);
            Array.ForEach(results, File.Delete);
        }
    }

    /// <summary>The same request to a service of the test's own.</summary>
    public static void Curl(string[] words, DocSandbox sandbox)
    {
        string? program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(p => Path.Combine(p, "curl"))
            .FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, "no curl is installed");
        CurlAsync(program!, words, sandbox).GetAwaiter().GetResult();
    }

    private static async Task CurlAsync(string program, string[] words, DocSandbox sandbox)
    {
        await using var service = await RunningService.StartAsync();
        var kept = await RunningService.Json(service.PostAsync("detect?keep=true", await File.ReadAllBytesAsync(Pictures.Asset("sample.png"))));
        string? file = words.SkipWhile(w => w != "-o").Skip(1).FirstOrDefault() is { } name ? sandbox.Output(name) : null;
        var arguments = words.Skip(1).Select((w, i) => words[i] == "-o" ? file! : FileOfCurl.Replace(w, m => "@" + sandbox.Input(m.Groups[1].Value))
            .Replace("http://localhost:5000/", service.Address.ToString(), StringComparison.Ordinal)
            .Replace("/ID/", $"/{kept.GetProperty("id").GetString()}/", StringComparison.Ordinal));
        using var process = Process.Start(new ProcessStartInfo(program, ["--silent", "--show-error", "--fail", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (code, output, error) = await ExecutableTests.Finish(process);
        Assert.True(code == 0, $"exit code {code} of {string.Join(' ', words)}\n{error}");
        Assert.True(file is null ? output.Length > 0 : new FileInfo(file).Length > 0);
    }

    /// <summary>The service as a program: it says where it listens, becomes ready, answers its own health check, and ends when it is told to.</summary>
    private static async Task ServeAsync(string[] arguments)
    {
        using var process = Start("Service", [.. arguments, "--urls", "http://127.0.0.1:0"]);
        try
        {
            string? line, address = null;
            while (address is null && (line = await process.StandardOutput.ReadLineAsync().WaitAsync(Patience)) is not null)
            {
                address = Listening.Match(line) is { Success: true } match ? match.Groups[1].Value : null;
            }
            Assert.True(address is not null, "the service ended");
            for (int tries = 1; ; tries++)
            {
                using var check = Start("Service", ["--health", $"{address}/health/ready"]);
                if ((await ExecutableTests.Finish(check)).Code == 0)
                {
                    break;
                }
                Assert.True(tries < 60, "never ready");
                await Task.Delay(500);
            }
            Terminate(process);
            var (code, _, error) = await ExecutableTests.Finish(process);
            Assert.True(code == 0, $"exit code {code}\n{error}");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
        using var nobody = Start("Service", ["--health", "http://127.0.0.1:9/health/ready"]);
        Assert.Equal(1, (await ExecutableTests.Finish(nobody)).Code);
    }

    private static Process Start(string sample, string[] arguments) =>
        Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, $"Tcm.Samples.{sample}.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static void Terminate(Process process)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals of Unix");
        using var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    [GeneratedRegex("@([^;]+)$")]
    private static partial Regex FileOfCurl { get; }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening { get; }
}
