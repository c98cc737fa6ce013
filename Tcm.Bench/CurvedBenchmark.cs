using System.CommandLine;
using System.Numerics;
using SkiaSharp;
using Tcm.Cli.Evaluation;
using Tcm.Cli.Images;
using Tcm.Cli.Synthesis;
using Tcm.Detect;
using Tcm.Detect.Evaluation;
using Tcm.Detect.Geometry;
using Tcm.Detect.Heads;
using Tcm.Detect.Preprocessing;

namespace Tcm.Bench;

/// <summary>
/// <c>curved</c>: how well polygons follow curved words, whose exact outlines the scenes of <c>tcm synth</c> know. Of each head: what
/// its post-processing makes of flawless maps, the most that its way of describing a text allows; and what trained models find.
/// </summary>
internal static class CurvedBenchmark
{
    private const int Width = 1280, Height = 736;

    /// <summary>Pixels around the curved words in drawn pictures.</summary>
    private const int Margin = 24;

    /// <summary>A straight word fills its smallest rectangle but for perspective.</summary>
    private const double CurvedFill = 0.8;

    /// <summary>Words that nobody could read are not asked for.</summary>
    private const double SmallestArea = 400;

    public static Command Create()
    {
        var scenes = new Option<int>("--scenes") { DefaultValueFactory = _ => 60, Description = "Scenes of 1280x736 that have curved words." };
        var seed = new Option<long>("--seed") { DefaultValueFactory = _ => 77 };
        var weights = new Option<string[]>("--weights")
        {
            Description = "Trained models, of any head.",
            DefaultValueFactory = _ => [],
            AllowMultipleArgumentsPerToken = true,
        };
        var draw = new Option<string?>("--draw") { Description = "Folder for pictures around the curved words of the first scenes: exact outlines orange, found ones green." };
        var command = new Command("curved", "Intersection over union of the three heads' polygons with exact curved outlines.")
        {
            scenes, seed, weights, draw, BenchOptions.Json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(scenes), parsed.GetValue(seed), parsed.GetValue(weights)!, parsed.GetValue(draw),
            parsed.GetValue(BenchOptions.Json)));
        return command;
    }

    private static int Run(int count, long seed, string[] weights, string? draw, FileInfo? json)
    {
        var scenes = Scenes(count, seed);
        List<(string Name, Func<Scene, IReadOnlyList<TextRegion>> Find)> sources = [.. HeadRegistry.All.Select(Flawless)];
        var detectors = weights.Select(w => TextDetector.Load(w, new TextDetectorOptions
        {
            ShortSide = Height,
            PostProcessingSettings = new Dictionary<string, double> { ["polygons"] = 1 },
        })).ToList();
        sources.AddRange(detectors.Zip(weights, (detector, file) => ($"{detector.Config.Head}, {Path.GetFileNameWithoutExtension(file)}",
            (Func<Scene, IReadOnlyList<TextRegion>>)(scene => detector.Detect(scene.Image).Regions))));
        var rows = sources.Select((source, i) => Measure(source.Name, scenes, source.Find,
            draw is null ? null : Path.Combine(draw, $"{i}-{source.Name.Replace(", ", "-", StringComparison.Ordinal).Replace(' ', '-')}")))
            .ToList();
        detectors.ForEach(d => d.Dispose());
        BenchOutput.Table(["head", "curved words", "found (IoU > 0.5)", "mean IoU of these", "median IoU of all"], rows.Select(r => (string[])
        [
            r.Name, $"{r.Words}", $"{r.Found}", BenchOutput.Number(r.MeanOfFound, 3), BenchOutput.Number(r.Median, 3),
        ]));
        BenchOutput.WriteJson(json, new { scenes = count, seed, width = Width, height = Height, rows });
        return 0;
    }

    private static List<Scene> Scenes(int count, long seed)
    {
        var renderer = new SceneRenderer(new SceneOptions { Seed = seed, Size = (Width, Height) });
        var scenes = new List<Scene>();
        for (long number = 0; scenes.Count < count; number++)
        {
            var (image, texts) = renderer.Render(number);
            List<Vector2[]> outlines = [.. texts.Where(t => !t.Ignored).Select(t => t.Polygon.ToArray())];
            List<Vector2[]> curved = [.. outlines.Where(IsCurved)];
            if (curved.Count > 0)
            {
                scenes.Add(new Scene(image, outlines, curved));
            }
        }
        return scenes;
    }

    private static bool IsCurved(Vector2[] outline)
    {
        var rectangle = new MinAreaRectangle().Of(outline);
        double area = Math.Abs(PolygonMeasures.SignedArea(outline));
        return area > SmallestArea && area < CurvedFill * rectangle.Width * rectangle.Height;
    }

    private static (string, Func<Scene, IReadOnlyList<TextRegion>>) Flawless(DetectionMethod method)
    {
        var extract = method.CreateExtractor(method.PostProcessing with { Polygons = true });
        var size = new NetworkSize(Width, Height, Width, Height, 1, 1);
        return ($"{method.Name}, flawless maps", scene => extract(MadeMaps.Of(method.Name, scene.Outlines, Width, Height), size));
    }

    private static Row Measure(string name, List<Scene> scenes, Func<Scene, IReadOnlyList<TextRegion>> find, string? folder)
    {
        var overlaps = new List<double>();
        for (int i = 0; i < scenes.Count; i++)
        {
            var found = find(scenes[i]);
            PolygonOverlap[] regions = [.. found.Select(r => new PolygonOverlap(r.Polygon))];
            overlaps.AddRange(scenes[i].Curved.Select(c => new PolygonOverlap(c))
                .Select(c => regions.Select(c.IntersectionOverUnion).DefaultIfEmpty(0).Max()));
            if (folder is not null && i < 8)
            {
                Paint(scenes[i], found, Path.Combine(folder, $"{i}.png"));
            }
        }
        double[] good = [.. overlaps.Where(o => o > 0.5)];
        return new Row(name, overlaps.Count, good.Length, good.DefaultIfEmpty(0).Average(), BenchOutput.Median(overlaps));
    }

    private static void Paint(Scene scene, IReadOnlyList<TextRegion> found, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var bitmap = Bitmaps.From(scene.Image);
        using (var canvas = new SKCanvas(bitmap))
        {
            scene.Curved.ForEach(c => MistakePainter.Outline(canvas, c, MistakePainter.Missed));
            foreach (var region in found)
            {
                MistakePainter.Outline(canvas, region.Polygon, MistakePainter.Hit);
            }
        }
        var words = scene.Curved.SelectMany(c => c).ToList();
        var around = new SKRectI((int)words.Min(p => p.X), (int)words.Min(p => p.Y), (int)words.Max(p => p.X), (int)words.Max(p => p.Y));
        around.Inflate(Margin, Margin);
        using var part = new SKBitmap();
        bitmap.ExtractSubset(part, SKRectI.Intersect(around, bitmap.Info.Rect));
        Bitmaps.Save(part, path, SKEncodedImageFormat.Png);
    }

    private sealed record Scene(ImageBuffer Image, List<Vector2[]> Outlines, List<Vector2[]> Curved);

    private sealed record Row(string Name, int Words, int Found, double MeanOfFound, double Median);
}
