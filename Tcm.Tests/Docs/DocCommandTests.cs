using System.CommandLine;
using System.Text.RegularExpressions;
using Tcm.Bench;
using Tcm.Cli;
using Tcm.Tests.Support;
using Tcm.Tests.Synthesis;

namespace Tcm.Tests.Docs;

/// <summary>
/// Every command in a fenced block of the documentation. Commands of <c>tcm</c> run in this process on the small files of
/// <see cref="DocSandbox"/>; benchmarks run in a quick mode, or are parsed alone with the reason in <see cref="Quick"/>; commands
/// of other programs must be known to <see cref="Elsewhere"/>. A command that nobody knows fails. A page may say in a comment above a
/// block, <c>&lt;!-- Not run: reason --&gt;</c>, that its commands are parsed alone.
/// </summary>
public sealed partial class DocCommandTests(DocSandbox sandbox) : IClassFixture<DocSandbox>
{
    private static readonly string[] Cli = ["dotnet", "run", "-c", "Release", "--project", "Tcm.Cli", "--"];
    private static readonly string[] Bench = ["dotnet", "run", "-c", "Release", "--project", "Tcm.Bench", "--"];

    /// <summary>Options of tcm whose value is the place of an output.</summary>
    private static readonly HashSet<string> Outputs = ["--out", "--png", "--draw", "--json", "--json-lines", "--mistakes"];

    /// <summary>Options of tcm whose value is an input; "formula" and "-" stand for themselves.</summary>
    private static readonly HashSet<string> Inputs = ["--weights", "--labels", "--images", "--predictions", "--backgrounds", "--fonts"];

    /// <summary>Values that would take long, or need what is not here, and what stands for them.</summary>
    private static readonly Dictionary<string, string> Small = new()
    {
        ["--count"] = "2",
        // One picture: of 64 parts most are empty.
        ["--shard"] = "0/2",
        // Parity on a device is the matter of other tests; the options are parsed as they stand.
        ["--device"] = "cpu",
    };

    /// <summary>Which arguments of a command without an option are outputs: from this index on.</summary>
    private static readonly Dictionary<string, int> FirstOutput = new() { ["convert"] = 1, ["export"] = 1, ["synth"] = 0 };

    /// <summary>
    /// What is added to, or replaced in, a benchmark so that it takes a second; or why it is parsed alone.
    /// </summary>
    private static readonly Dictionary<string, (string[]? Arguments, string Reason)> Quick = new()
    {
        ["network"] = (["--height", "64", "--width", "64", "--repeats", "1", "--weights", "weights/tcm-db-s.safetensors"], ""),
        ["convolution"] = (["--height", "64", "--width", "64", "--rounds", "1", "--weights", "weights/tcm-db-s.safetensors"], ""),
        ["kernels"] = (["--family", "reduction", "--device", "cpu"], ""),
        ["tune"] = (null, "wants a CUDA device; its parts are tested by ProductTunerTests"),
        ["soak"] = (["--images", "4", "--callers", "2", "--short-side", "64", "--rounds", "1", "--alone", "--weights", "weights/tcm-db-s.safetensors"], ""),
        ["fuzz"] = (["--seconds", "0.02"], ""),
        ["kills"] = (null, "KilledRunTests kills four times"),
        ["small-files"] = (null, "measures the whole process; SmallFileTests measures as far as others do not matter"),
        ["report"] = ([], ""),
        ["heads"] = (null, "builds the full-size networks of three heads"),
        ["curved"] = (null, "draws scenes for minutes; its parts are tested by SceneRendererTests and the heads' tests"),
        ["training"] = (null, "wants photographs of data/"),
        ["training-kernels"] = (null, "takes minutes"),
        ["postprocess"] = (null, "takes minutes"),
        ["detectors"] = (null, "wants photographs and models of others"),
    };

    /// <summary>
    /// Commands of the SDK and of scripts: where they are run instead, as a text that must stand in the file named.
    /// </summary>
    private static readonly (string Command, string File, string Text)[] Elsewhere =
    [
        ("dotnet restore Tcm.sln --locked-mode", ".ci/run", "dotnet restore Tcm.sln --locked-mode"),
        ("dotnet build Tcm.sln -c Release --no-restore", ".ci/run", "dotnet build Tcm.sln -c Release --no-restore"),
        ("dotnet build Tcm.sln -c Release", ".ci/run", "dotnet build Tcm.sln -c Release"),
        ("dotnet build Tcm.Tests -c Release", ".ci/run", "dotnet build Tcm.sln -c Release"),
        ("dotnet test -c Release --no-build", ".ci/run", "dotnet test -c Release --no-build"),
        ("dotnet test -c Release", ".ci/run", "dotnet test -c Release"),
        ("dotnet pack Tcm.sln -c Release --no-build -o feed", ".ci/packages.sh", "dotnet pack Tcm.sln -c Release --no-build"),
        ("dotnet publish Tcm.Cli -c Release -r linux-x64 -o tcm-linux", "Dockerfile", "dotnet publish Tcm.Cli -c Release"),
        ("dotnet tool install --global tcm", ".ci/packages.sh", "dotnet tool install tcm"),
        // The check writes the same references into a project file and the feed into a nuget.config.
        ("dotnet nuget add source $PWD/feed --name tcm", ".ci/packages.sh", "nuget.config"),
        ("dotnet add package Tcm.Detect", ".ci/packages.sh", "Include=\"Tcm.Detect\""),
        ("dotnet add package SkiaSharp", ".ci/packages.sh", "Include=\"SkiaSharp\""),
        ("dotnet add package SkiaSharp.NativeAssets.Linux.NoDependencies", ".ci/packages.sh", "SkiaSharp.NativeAssets.Linux.NoDependencies"),
        (".ci/run", ".ci/run", "set -e"),
        (".ci/arm64", ".ci/arm64", "qemu-aarch64-static"),
    ];

    public static TheoryData<string> Commands => [.. DocCommand.All.Select(c => c.ToString()).Distinct()];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Command_runs(string command)
    {
        var found = DocCommand.All.First(c => c.ToString() == command);
        if (found.NotRun is null)
        {
            Run(found.Words);
        }
        else
        {
            Parse(found.Words);
        }
    }

    [Fact]
    public void Unknown_commands_and_options_fail()
    {
        Assert.ThrowsAny<Exception>(() => Run(["rm", "-r", "out"]));
        Assert.ThrowsAny<Exception>(() => Run(["dotnet", "test", "--nonsense"]));
        Assert.ThrowsAny<Exception>(() => Run(["tcm", "detect", "nobody-knows.jpg"]));
        Assert.ThrowsAny<Exception>(() => Run(["tcm", "detect", "photo.jpg", "--nonsense"]));
        Assert.ThrowsAny<Exception>(() => Run([.. Bench, "network", "--nonsense"]));
        Assert.ThrowsAny<Exception>(() => Run(["dotnet", "run", "-c", "Release", "--project", "samples/Nobody", "--", "photo.jpg"]));
        Assert.ThrowsAny<Exception>(() => Run(["dotnet", "run", "-c", "Release", "--project", "samples/FolderWatcher", "--", "photos", "--nonsense"]));
        Assert.ThrowsAny<Exception>(() => Run(["curl", "-F", "files=@photo.jpg", "http://localhost:5000/nothing"]));
        Assert.ThrowsAny<Exception>(() => Run(["./bin/Release/net10.0/Tcm.Tests", "-class", "*Nonsense"]));
    }

    /// <summary>What is not run is at least understood, as far as it is ours.</summary>
    private static void Parse(IReadOnlyList<string> words)
    {
        var parsed = words[0] == "tcm" ? CommandLineApp.Root(new CliHost(Stream.Null, TextWriter.Null)).Parse([.. words.Skip(1)])
            : words.Take(Bench.Length).SequenceEqual(Bench) ? BenchCommands.Root().Parse([.. words.Skip(Bench.Length)]) : null;
        Assert.True(parsed is null or { Errors.Count: 0 }, string.Join(' ', parsed?.Errors.Select(e => e.Message) ?? []));
    }

    private void Run(IReadOnlyList<string> words)
    {
        if (words[0] == "tcm")
        {
            RunTcm([.. words.Skip(1)]);
        }
        else if (words.Take(Cli.Length).SequenceEqual(Cli))
        {
            RunTcm([.. words.Skip(Cli.Length)]);
        }
        else if (words.Take(Bench.Length).SequenceEqual(Bench))
        {
            RunBench([.. words.Skip(Bench.Length)]);
        }
        else if (SampleCommands.IsOne(words))
        {
            SampleCommands.Run([.. words], sandbox);
        }
        else if (words[0] == "curl")
        {
            SampleCommands.Curl([.. words], sandbox);
        }
        else if (words is ["cd", var folder])
        {
            Assert.True(Directory.Exists(Path.Combine(SharedData.RepositoryRoot, folder)), folder);
        }
        else if (words[0] == "./bin/Release/net10.0/Tcm.Tests")
        {
            CheckTestRunner([.. words.Skip(1)]);
        }
        else
        {
            string line = string.Join(' ', words);
            var known = Elsewhere.FirstOrDefault(e => e.Command == line);
            Assert.True(known.File is not null, $"nobody knows '{line}'; add it to {nameof(DocCommandTests)} with the place where it is run");
            Assert.Contains(known.Text, File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, known.File)));
        }
    }

    [Fact]
    public void There_are_commands_to_run()
    {
        Assert.True(DocCommand.All.Count(c => c.Words[0] == "tcm") > 10);
        Assert.Equal(["a", "b c", "--d=e f", ""], DocCommand.Split("a  'b c' --d=\"e f\" '' # g"));
    }

    /// <summary>Commands in the text, which leave things out: that command and options exist.</summary>
    [Fact]
    public void Options_of_commands_in_the_text_exist()
    {
        var tcm = CommandLineApp.Root(new CliHost(Stream.Null, TextWriter.Null));
        var bench = BenchCommands.Root();
        int options = 0;
        foreach (var page in DocPage.All)
        {
            foreach (string span in page.CodeSpans)
            {
                string plain = BenchPrefix.Replace(span, "Tcm.Bench -- ");
                var root = plain.StartsWith("tcm ", StringComparison.Ordinal) ? tcm
                    : plain.StartsWith("Tcm.Bench -- ", StringComparison.Ordinal) ? bench : null;
                if (root is null)
                {
                    continue;
                }
                string[] words = plain.Split([' ', '[', ']', '|'], StringSplitOptions.RemoveEmptyEntries);
                string[] rest = words[(root == tcm ? 1 : 2)..];
                if (rest.Length == 0 || rest[0].StartsWith('-') || rest[0] == "...")
                {
                    continue;
                }
                var command = root.Subcommands.FirstOrDefault(c => c.Name == rest[0]);
                Assert.True(command is not null, $"{page}: `{span}`: there is no command '{rest[0]}'");
                foreach (string option in rest.Skip(1).Where(w => w.StartsWith("--", StringComparison.Ordinal) && w.Length > 2))
                {
                    string name = option.Split('=', ',')[0];
                    Assert.True(name is "--help" || command!.Options.Any(o => o.Name == name),
                        $"{page}: `{span}`: {command!.Name} has no option {name}");
                    options++;
                }
            }
        }
        Assert.True(options > 20);
    }

    private void RunTcm(string[] words)
    {
        string command = words[0];
        var options = CommandLineApp.Root(new CliHost(Stream.Null, TextWriter.Null)).Subcommands.FirstOrDefault(c => c.Name == command)?.Options ?? [];
        var arguments = new List<string> { command };
        int position = 0;
        for (int i = 1; i < words.Length; i++)
        {
            string word = words[i];
            if (!word.StartsWith('-'))
            {
                bool output = FirstOutput.TryGetValue(command, out int first) && position >= first;
                arguments.Add(output ? sandbox.Output(word) : Input(word));
                position++;
            }
            else if (Outputs.Contains(word) || Inputs.Contains(word) || Small.ContainsKey(word))
            {
                string value = words[++i];
                arguments.AddRange([word, value == "-" ? value : Outputs.Contains(word) ? sandbox.Output(value)
                    : Small.TryGetValue(word, out string? small) ? small : Input(value)]);
            }
            else
            {
                arguments.Add(word);
                if (i + 1 < words.Length && options.Any(o => o.Name == word && o.ValueType != typeof(bool)))
                {
                    arguments.Add(words[++i]);
                }
            }
        }
        if (command == "synth")
        {
            SystemFonts.Require();
        }
        if (command == "detect" && arguments.Contains("--json-lines"))
        {
            File.Delete(arguments[arguments.IndexOf("--json-lines") + 1]);
        }
        using var standard = new MemoryStream();
        var error = new StringWriter();
        int code = CommandLineApp.Run(arguments, new CliHost(standard, error) { ProgramFolder = AppContext.BaseDirectory });
        Assert.True(code == ExitCode.Success, $"exit code {code} of tcm {string.Join(' ', arguments)}\n{error}");
        foreach (string place in arguments.Zip(arguments.Skip(1)).Where(p => Outputs.Contains(p.First) && p.Second != "-").Select(p => p.Second))
        {
            Assert.True(Path.Exists(place), $"{place} was not written");
        }
    }

    private string Input(string name) => name == "formula" ? name : sandbox.Input(name);

    private void RunBench(string[] words)
    {
        var root = BenchCommands.Root();
        var parsed = root.Parse(words);
        Assert.True(parsed.Errors.Count == 0, string.Join(' ', parsed.Errors.Select(e => e.Message)));
        Assert.True(Quick.TryGetValue(words[0], out var quick), $"benchmark '{words[0]}' has neither a quick mode nor a reason for none");
        if (quick.Arguments is null)
        {
            Assert.NotEmpty(quick.Reason);
            return;
        }
        string[] replaced = [.. quick.Arguments.Where(a => a.StartsWith("--", StringComparison.Ordinal)), "--json"];
        var arguments = new List<string>();
        for (int i = 0; i < words.Length; i++)
        {
            if (replaced.Contains(words[i]))
            {
                i++;
            }
            else
            {
                arguments.Add(words[i]);
            }
        }
        arguments.AddRange(quick.Arguments.Select(a => a.StartsWith("weights/", StringComparison.Ordinal) ? sandbox.Input(a) : a));
        if (!sandbox.IsNew(string.Join(' ', arguments)))
        {
            return;
        }
        string json = sandbox.Output($"{words[0]}.json");
        arguments.AddRange(words[0] == "report" ? ["--docs", sandbox.CopyOfDocs()] : ["--json", json]);
        Assert.Equal(0, root.Parse(arguments).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));
        Assert.True(words[0] == "report" || File.Exists(json));
    }

    /// <summary>Options of xunit's runner, and that a class or row of that name exists.</summary>
    private static void CheckTestRunner(string[] words)
    {
        var types = typeof(DocCommandTests).Assembly.GetExportedTypes().Select(t => t.FullName!).ToList();
        for (int i = 0; i < words.Length; i++)
        {
            switch (words[i])
            {
                case "-preEnumerateTheories":
                    break;
                case "-class":
                    string pattern = "^" + Regex.Escape(words[++i]).Replace("\\*", ".*", StringComparison.Ordinal) + "$";
                    Assert.True(types.Any(t => Regex.IsMatch(t, pattern)), $"no test class is called {words[i]}");
                    break;
                case "-displayName":
                    string family = words[++i].Trim('*');
                    Assert.True(Kernels.Cases.KernelCases.Families.ContainsKey(family), $"no row is called {family}");
                    break;
                default:
                    Assert.Fail($"unknown option {words[i]} of the test runner");
                    break;
            }
        }
    }

    [GeneratedRegex(@"^dotnet run -c Release --project\s+Tcm\.Bench -- ")]
    private static partial Regex BenchPrefix { get; }
}
