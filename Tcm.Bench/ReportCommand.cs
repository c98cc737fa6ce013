using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Tcm.Bench;

/// <summary>
/// <c>report</c>: the tables of docs/performance.md and docs/ladder.md from the figures in docs/results, between two marks; what
/// stands outside of them is written by people.
/// </summary>
internal static class ReportCommand
{
    private const string Begin = "<!-- Made by Tcm.Bench -- report -->", End = "<!-- End of what is made -->";

    public static Command Create()
    {
        var docs = new Option<DirectoryInfo>("--docs") { DefaultValueFactory = _ => new DirectoryInfo("docs") };
        var command = new Command("report", "Rewrites the tables of docs/performance.md and docs/ladder.md from docs/results.") { docs };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetValue(docs)!.FullName, results = Path.Combine(folder, "results");
            Replace(Path.Combine(folder, "performance.md"), page => Rewrite(page, results));
            Replace(Path.Combine(folder, "ladder.md"), page => RewriteLadder(page, results));
        });
        return command;

        static void Replace(string path, Func<string, string> change) => File.WriteAllText(path, change(File.ReadAllText(path)));
    }

    /// <summary>docs/performance.md with tables of these results.</summary>
    internal static string Rewrite(string page, string results) => Between(page, Tables(results));

    /// <summary>docs/ladder.md with tables of these results: products and convolutions, a column for each rung.</summary>
    internal static string RewriteLadder(string page, string results)
    {
        var text = new StringBuilder();
        foreach (string file in Directory.EnumerateFiles(results, "kernels-*.json").Order(StringComparer.Ordinal))
        {
            Ladder(text, Read(results, Path.GetFileNameWithoutExtension(file)));
        }
        return Between(page, text.ToString());
    }

    private static string Between(string page, string made)
    {
        int begin = page.IndexOf(Begin, StringComparison.Ordinal), end = page.IndexOf(End, StringComparison.Ordinal);
        return page[..(begin + Begin.Length)] + "\n\n" + made + page[end..];
    }

    private static string Tables(string results)
    {
        var text = new StringBuilder();
        Runs(text, results);
        Parts(text, ("full size", Read(results, "network-cpu")), ("shipped model", Read(results, "network-s-cpu")));
        Layers(text, Read(results, "convolution-cpu"));
        Heads(text, Read(results, "heads-cpu"));
        Curved(text, Read(results, "curved"));
        return text.ToString();
    }

    private static void Ladder(StringBuilder text, JsonNode figures)
    {
        var rows = figures["rows"]!.AsArray().Where(r => (string)r!["family"]! is "linear" or "multiply" or "convolution").ToList();
        var rungs = rows.Select(r => (string)r!["rung"]!).Distinct().ToList();
        Table(text, $"GFLOP/s on {figures["description"]}", ["case", .. rungs],
            rows.GroupBy(r => $"{r!["family"]} {r["case"]}").Select(g => (string[])[g.Key, .. rungs.Select(rung =>
                g.FirstOrDefault(r => (string)r!["rung"]! == rung) is { } r ? Number(r["gflops"], 0) : "")]));
    }

    /// <summary>Every run that there is of a network: sizes, one thread, and 128-bit vectors.</summary>
    private static readonly (string Name, string File)[] runs =
    [
        ("full size", "network-cpu"), ("full size", "network-cpu-1"), ("full size", "network-wide-cpu"),
        ("full size", "network-wide-cpu-1"), ("shipped model", "network-s-cpu"), ("shipped model", "network-s-cpu-1"),
        ("full size, PAN", "network-pan-cpu"), ("full size, FCENet", "network-fce-cpu"),
        ("full size, 128-bit vectors", "network-portable-cpu"), ("shipped model, 128-bit vectors", "network-s-portable-cpu"),
    ];

    private static void Runs(StringBuilder text, string results) => Table(text, "Whole networks",
        ["network", "input", "threads", "ms", "GMAC", "GFLOP/s", "share of peak", "ONNX Runtime's time / ours", "peak resident MiB",
            "ONNX Runtime's"],
        runs.Where(r => File.Exists(Path.Combine(results, r.File + ".json"))).Select(r => Run(r.Name, Read(results, r.File))));

    private static string[] Run(string name, JsonNode figures) =>
    [
        name, $"{figures["height"]}x{figures["width"]}", Threads((string)figures["description"]!), Number(figures["milliseconds"], 0),
        Number(figures["gmac"], 1), Number(figures["gflops"], 0), Percent(figures["shareOfPeak"]), Number(figures["ratioToOnnxRuntime"], 2),
        Number(figures["peakResidentMb"], 0), figures["onnxRuntimePeakResidentMb"] is { } other ? Number(other, 0) : "",
    ];

    /// <summary>The number before "threads".</summary>
    private static string Threads(string description) => description.Split(' ')[^2];

    private static void Parts(StringBuilder text, params (string Name, JsonNode Figures)[] networks)
    {
        // Not every network has every part.
        var names = networks.SelectMany(n => n.Figures["parts"]!.AsArray().Select(p => (string)p!["name"]!)).Distinct();
        Table(text, "Where the time goes", ["part", .. networks.SelectMany(n => (string[])[$"{n.Name}, ms", "GFLOP/s"])],
            names.Select(name => (string[])[name, .. networks.SelectMany(n => Part(n.Figures, name))]));

        static string[] Part(JsonNode figures, string name)
        {
            var part = figures["parts"]!.AsArray().FirstOrDefault(p => (string)p!["name"]! == name);
            return part is null ? ["", ""] : [Number(part["milliseconds"], 1),
                BenchOutput.Number(2e-6 * (double)part["multiplyAdds"]! / (double)part["milliseconds"]!, 0)];
        }
    }

    private static void Layers(StringBuilder text, JsonNode figures) => Table(text,
        $"Convolutions of the full-size network at 640x640 (geometric mean of the ratios {Number(figures["geometricMeanRatio"], 2)})",
        ["shape", "times", "algorithm", "ms", "GFLOP/s as direct", "share of peak", "ONNX Runtime ms", "its time / ours"],
        figures["rows"]!.AsArray().Select(r => (string[])[(string)r!["shape"]!, $"{r["count"]}", (string)r["algorithm"]!,
            Number(r["milliseconds"], 2), Number(r["gflops"], 0), Number(r["percentOfPeak"], 0) + " %",
            Number(r["onnxRuntimeMilliseconds"], 2), Number(r["ratio"], 2)]));

    private static void Heads(StringBuilder text, JsonNode figures) => Table(text,
        $"Three heads at {figures["height"]}x{figures["width"]}, post-processing of 200 texts",
        ["head", "shipped size: GMAC", "ms", "full size: GMAC", "ms", "regions", "post-processing ms"],
        figures["rows"]!.AsArray().Select(r => (string[])[(string)r!["head"]!, Number(r["small"]!["gmac"], 1),
            Number(r["small"]!["milliseconds"], 0), Number(r["fullSize"]!["gmac"], 1), Number(r["fullSize"]!["milliseconds"], 0),
            $"{r["regions"]}", Number(r["postprocessMilliseconds"], 1)]));

    private static void Curved(StringBuilder text, JsonNode figures) => Table(text,
        $"Curved words in {figures["scenes"]} scenes of `tcm synth`",
        ["head and maps", "words", "found (IoU > 0.5)", "mean IoU of these", "median IoU of all"],
        figures["rows"]!.AsArray().Select(r => (string[])[(string)r!["name"]!, $"{r["words"]}", $"{r["found"]}",
            Number(r["meanOfFound"], 3), Number(r["median"], 3)]));

    private static void Table(StringBuilder text, string title, string[] header, IEnumerable<string[]> rows)
    {
        text.Append(CultureInfo.InvariantCulture, $"### {title}\n\n");
        string[] rule = [.. header.Select((_, i) => i == 0 ? "---" : "--:")];
        foreach (string[] row in (IEnumerable<string[]>)[header, rule, .. rows])
        {
            text.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", row)} |\n");
        }
        text.Append('\n');
    }

    private static JsonNode Read(string results, string name) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(results, name + ".json")))!;

    private static string Number(JsonNode? value, int digits) => BenchOutput.Number((double)value!, digits);

    private static string Percent(JsonNode? value) => BenchOutput.Number(100 * (double)value!, 0) + " %";
}
