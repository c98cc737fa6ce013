using System.IO.Compression;
using System.Text.Json;
using SkiaSharp;
using Tcm.Cli;
using Tcm.Detect;
using Tcm.Tests.Support;

namespace Tcm.Tests.Cli;

/// <summary>tcm eval: figures of the reference and of the official protocol, outputs, and what it says about bad inputs.</summary>
public sealed class EvalCommandTests : IDisposable
{
    private static readonly string[] Fields = ["precision", "recall", "hmean", "threshold", "matched", "careGroundTruths",
        "careDetections", "framesPerSecond", "perImage"];

    private readonly TestConsole _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Official_icdar2015_submission()
    {
        string labels = SharedData.Data("hmean/ic15_gt.zip"), submission = SharedData.Data("hmean/ic15_submit_EAST_PADDLE.zip");
        string file = _console.PathOf("result.json");
        Assert.Equal(ExitCode.Success, Eval("icdar2015", labels, "--predictions", submission, "--json", file));
        Assert.Equal("precision 0.8426  recall 0.7501  hmean 0.7937  at fixed set  (1558 of 2077 texts, 1849 detections, 500 pictures)\n",
            _console.Output);
        using var json = JsonDocument.Parse(File.ReadAllText(file));
        var result = json.RootElement;
        Assert.Equal(0.8426176311519741, result.GetProperty("precision").GetDouble(), 1e-9);
        Assert.Equal(0.7501203659123736, result.GetProperty("recall").GetDouble(), 1e-9);
        Assert.Equal(0.793683138053999, result.GetProperty("hmean").GetDouble(), 1e-9);
        Assert.Equal((1558, 2077, 1849), Counts(result));
        Assert.Equal(JsonValueKind.Null, result.GetProperty("threshold").ValueKind);
        Assert.Equal(JsonValueKind.Null, result.GetProperty("framesPerSecond").ValueKind);
        var images = result.GetProperty("perImage").EnumerateArray().ToList();
        Assert.Equal((500, "img_1", "img_500"),
            (images.Count, images[0].GetProperty("image").GetString(), images[^1].GetProperty("image").GetString()));
        Assert.Equal((1558, 2077, 1849), (images.Sum(i => Counts(i).Matched), images.Sum(i => Counts(i).Texts), images.Sum(i => Counts(i).Found)));

        // The rest of the submission belongs to pictures that are left out.
        Assert.Equal(ExitCode.Success, Eval("icdar2015", labels, "--predictions", submission, "--select", "first:7", "--json", "-"));
        using var part = JsonDocument.Parse(_console.Output);
        Assert.Equal(images.Take(7).Select(Counts), part.RootElement.GetProperty("perImage").EnumerateArray().Select(Counts));
    }

    [Fact]
    public void Figures_of_the_reference_evaluator()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(SharedData.Golden("eval-hmean.json")));
        int compared = 0;
        foreach (var expected in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            // How a zero-width buffer repairs a polygon is the library's own affair.
            if (expected.GetProperty("has_invalid_polygon").GetBoolean())
            {
                continue;
            }
            var (labels, predictions) = WriteCase(expected);
            Assert.Equal(ExitCode.Success, Eval("jsonl", labels, "--predictions", predictions, "--json", "-"));
            using var json = JsonDocument.Parse(_console.Output);
            var best = expected.GetProperty("best");
            foreach (string name in (string[])["precision", "recall", "hmean"])
            {
                Assert.Equal(best.GetProperty(name).GetDouble(), json.RootElement.GetProperty(name).GetDouble(), 1e-12);
            }
            double threshold = json.RootElement.GetProperty("threshold").GetDouble();
            var row = expected.GetProperty("per_threshold").EnumerateArray().Single(r => r.GetProperty("threshold").GetDouble() == threshold);
            Assert.Equal(row.GetProperty("hmean").GetDouble(), best.GetProperty("hmean").GetDouble());
            Assert.Equal((row.GetProperty("num_match").GetInt32(), row.GetProperty("num_gts").GetInt32(), row.GetProperty("num_dets").GetInt32()),
                Counts(json.RootElement));
            Assert.All(row.GetProperty("images").EnumerateArray().Zip(json.RootElement.GetProperty("perImage").EnumerateArray()), pair =>
                Assert.Equal(pair.First.GetProperty("hmean").GetDouble(), pair.Second.GetProperty("hmean").GetDouble(), 1e-12));
            compared++;
        }
        Assert.Equal(41, compared);
    }

    [Fact]
    public void A_model_is_judged_timed_and_drawn()
    {
        // The detector finds one region from (1.25,2) to (20,10), with the score 0.5.
        string labels = Labels(("a", "1,2,20,2,20,10,1,10,A"), ("b", "30,2,50,2,50,10,30,10,B\n1,2,20,2,20,10,1,10,###"), ("c", ""));
        string images = _console.PathOf("photos"), drawn = _console.PathOf("drawn");
        Directory.CreateDirectory(images);
        foreach (string name in (string[])["a.png", "b.png", "c.png"])
        {
            File.WriteAllBytes(Path.Combine(images, name), Pictures.Encoded(60, 20, SKEncodedImageFormat.Png));
        }
        string? weights = null;
        TextDetectorOptions? options = null;
        _console.OnOpen = (w, o) => (weights, options) = (w, o);
        Assert.Equal(ExitCode.Success, Eval("icdar2015", labels, "--images", images, "--weights", "mine.safetensors", "--short-side", "640",
            "--json", "-", "--mistakes", drawn));
        Assert.Equal(("mine.safetensors", 640), (weights, options!.ShortSide));
        using var json = JsonDocument.Parse(_console.Output);
        var result = json.RootElement;
        Assert.Equal(Fields, result.EnumerateObject().Select(p => p.Name));
        // Network and post-processing take 2 + 3 ms.
        Assert.Equal(200, result.GetProperty("framesPerSecond").GetDouble(), 1e-9);
        Assert.Equal(0.30000000000000004, result.GetProperty("threshold").GetDouble());
        Assert.Equal((1, 2, 2), Counts(result));
        Assert.Equal([("a.png", 1, 1, 1), ("b.png", 0, 1, 0), ("c.png", 0, 0, 1)], result.GetProperty("perImage").EnumerateArray()
            .Select(i => (i.GetProperty("image").GetString()!, Counts(i).Matched, Counts(i).Texts, Counts(i).Found)));
        Assert.Equal("precision 0.5000  recall 0.5000  hmean 0.5000  at 0.3  (1 of 2 texts, 2 detections, 3 pictures)  "
            + "200.00 pictures/s (network and post-processing)\n", _console.Error.ReplaceLineEndings("\n"));
        Assert.Equal(["0000-b.png", "0000-c.png", "1000-a.png"], Directory.GetFiles(drawn).Select(f => Path.GetFileName(f)).Order());
        Assert.Equal(new SKColor(0, 220, 60), Pixel("1000-a.png", 10, 2));
        Assert.Equal(new SKColor(255, 150, 0), Pixel("0000-b.png", 40, 2));
        Assert.Equal(new SKColor(160, 160, 160), Pixel("0000-b.png", 10, 2));
        Assert.Equal(new SKColor(240, 20, 20), Pixel("0000-c.png", 10, 2));

        SKColor Pixel(string name, int x, int y)
        {
            using var bitmap = SKBitmap.Decode(Path.Combine(drawn, name));
            return bitmap.GetPixel(x, y);
        }
    }

    [Theory]
    [InlineData("1,2,20,2,20,10,1,10\n1,2,x,2,20,10,1,10", "line 2: 'x' is not a number")]
    [InlineData("1,2,20,2,20", "line 1: 5 values, expected x1,y1,...,xn,yn and perhaps a score")]
    [InlineData("1,2,20,2,20,10,12", "line 1: an odd number of values, of which the last one, 12, is no score from 0 to 1")]
    [InlineData("1,2,20,2,20,10,0.5\n1,2,20,2,20,10,0.5\n\n1,2,20,2,20,10", "line 4: no score, which detections before have")]
    [InlineData("1,2,20,2,20,10\n1,2,20,2,20,10,0.5", "line 2: a score, which detections before have not")]
    [InlineData("1,2,20,2,20,1e300", "line 1: 1e300 is outside of any picture")]
    public void A_bad_detection_names_file_and_line(string content, string message)
    {
        string labels = Labels(("img_1", "1,2,20,2,20,10,1,10,A"));
        string file = Prediction("res_img_1.txt", content);
        Refused(ExitCode.InputsFailed, $"{file}, {message}", "icdar2015", labels, "--predictions", _console.PathOf("res"));
        string zip = _console.PathOf("submit.zip");
        ZipFile.CreateFromDirectory(_console.PathOf("res"), zip);
        Refused(ExitCode.InputsFailed, $"{zip}/res_img_1.txt, {message}", "icdar2015", labels, "--predictions", zip);
    }

    [Fact]
    public void Detections_of_no_picture_are_refused()
    {
        string labels = Labels(("img_1", ""), ("img_2", ""));
        string file = Prediction("res_IMG_1.txt", "");
        Refused(ExitCode.InputsFailed, $"{file}: the labels have no picture 'IMG_1'; the first one they have is 'img_1'",
            "icdar2015", labels, "--predictions", _console.PathOf("res"));
        Refused(ExitCode.InputsFailed, $"{_console.PathOf("res")}: no file belongs to a picture of the labels, such as 'img_2'",
            "icdar2015", labels, "--predictions", _console.PathOf("res"), "--select", "last:1");
        File.Delete(file);
        Refused(ExitCode.InputsFailed, $"{_console.PathOf("res")}: no res_NAME.txt files",
            "icdar2015", labels, "--predictions", _console.PathOf("res"));
        Prediction("res_img_1.txt", "");
        Prediction("img_1.jpg.txt", "");
        Refused(ExitCode.InputsFailed, "picture 'img_1' has detections already", "icdar2015", labels, "--predictions", _console.PathOf("res"));
    }

    [Fact]
    public void A_picture_without_detections_counts_as_missed()
    {
        string labels = Labels(("a", "1,2,20,2,20,10,1,10,A"), ("b.c", "1,2,20,2,20,10,1,10,A"));
        Prediction("res_b.c.txt", "1,2,20,2,20,10,1,10\n");
        Assert.Equal(ExitCode.Success, Eval("icdar2015", labels, "--predictions", _console.PathOf("res")));
        Assert.StartsWith("precision 1.0000  recall 0.5000  hmean 0.6667  at fixed set", _console.Output);
    }

    [Fact]
    public void Missing_files_and_pictures_are_named()
    {
        string labels = Labels(("img_1", "1,2,20,2,20,10,1,10,A"));
        string missing = _console.PathOf("nowhere.zip");
        Refused(ExitCode.InputsFailed, $"{missing}: no such folder or zip", "icdar2015", missing, "--predictions", missing);
        Refused(ExitCode.InputsFailed, $"{missing}: no such folder or zip", "icdar2015", labels, "--predictions", missing);
        Refused(ExitCode.InputsFailed, $"{missing}: no such folder", "icdar2015", labels, "--images", missing);
        File.WriteAllText(missing, "no zip");
        Refused(ExitCode.InputsFailed, $"{missing}: cannot be read as a zip", "icdar2015", labels, "--predictions", missing);
        Refused(ExitCode.InputsFailed, "gt_img_1.txt: no picture img_1 (.jpg, .png, ...) in", "icdar2015", labels, "--images", labels);
        Refused(ExitCode.InputsFailed, $"{labels}: no synthtext labels", "synthtext", labels, "--predictions", missing);
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused_before_anything_is_read()
    {
        const string Nowhere = "nowhere";
        Refused(ExitCode.Usage, "unknown dataset 'coco'; known: icdar2013, icdar2015,", "coco", Nowhere, "--predictions", Nowhere);
        Refused(ExitCode.Usage, "--weights and --predictions exclude each other",
            "icdar2015", Nowhere, "--predictions", Nowhere, "--weights", Nowhere);
        Refused(ExitCode.Usage, "a model needs --images", "icdar2015", Nowhere);
        Refused(ExitCode.Usage, "--mistakes needs --images", "icdar2015", Nowhere, "--predictions", Nowhere, "--mistakes", Nowhere);
        Assert.Equal(ExitCode.Usage, _console.Run("eval", "--dataset", "icdar2015"));
        Assert.Contains("--labels", _console.Error);
    }

    [Fact]
    public void An_output_that_cannot_be_written_is_noticed_before_the_model_runs()
    {
        string labels = Labels(("a", ""));
        File.WriteAllBytes(_console.PathOf("gts", "a.png"), Pictures.Encoded(60, 20, SKEncodedImageFormat.Png));
        _console.Detector = (_, _) => throw new InvalidOperationException("the model ran");
        Refused(ExitCode.Usage, $"{_console.PathOf("no", "where.json")}: cannot be written",
            "icdar2015", labels, "--images", labels, "--weights", "formula", "--json", _console.PathOf("no", "where.json"));
    }

    [Fact]
    public void Nothing_is_left_of_a_failed_run()
    {
        string labels = Labels(("a", ""));
        File.WriteAllText(_console.PathOf("gts", "a.png"), "no picture");
        string json = _console.PathOf("result.json");
        Refused(ExitCode.InputsFailed, "a.png: not a JPEG, PNG, WebP or BMP picture",
            "icdar2015", labels, "--images", labels, "--weights", "formula", "--json", json);
        Assert.Empty(Directory.GetFiles(_console.Folder, "result*"));
    }

    private int Eval(string dataset, string labels, params string[] more) =>
        _console.Run(["eval", "--dataset", dataset, "--labels", labels, .. more]);

    private void Refused(int code, string message, string dataset, string labels, params string[] more)
    {
        int actual = Eval(dataset, labels, more);
        Assert.Contains(message, _console.Error);
        Assert.Equal(code, actual);
        Assert.Single(_console.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Empty(_console.Output);
    }

    private static (int Matched, int Texts, int Found) Counts(JsonElement result) => (result.GetProperty("matched").GetInt32(),
        result.GetProperty("careGroundTruths").GetInt32(), result.GetProperty("careDetections").GetInt32());

    private string Labels(params (string Name, string Content)[] files)
    {
        string folder = _console.PathOf("gts");
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in files)
        {
            File.WriteAllText(Path.Combine(folder, $"gt_{name}.txt"), content);
        }
        return folder;
    }

    private string Prediction(string name, string content)
    {
        Directory.CreateDirectory(_console.PathOf("res"));
        string path = _console.PathOf("res", name);
        File.WriteAllText(path, content);
        return path;
    }

    /// <summary>A golden case as JSON lines and prediction files.</summary>
    private (string Labels, string Predictions) WriteCase(JsonElement expected)
    {
        string folder = _console.PathOf($"case-{expected.GetProperty("id")}");
        Directory.CreateDirectory(folder);
        var lines = new List<string>();
        foreach (var (image, i) in expected.GetProperty("images").EnumerateArray().Select((image, i) => (image, i)))
        {
            var texts = Texts(image, "care", "false").Concat(Texts(image, "ignored", "true"));
            lines.Add($$"""{"image":"{{i}}","texts":[{{string.Join(',', texts)}}]}""");
            File.WriteAllLines(Path.Combine(folder, $"res_{i}.txt"), image.GetProperty("pred").EnumerateArray().Select(p => p.GetRawText().Trim('[', ']')));
        }
        string labels = Path.Combine(folder, "labels.jsonl");
        File.WriteAllLines(labels, lines);
        return (labels, folder);
    }

    private static IEnumerable<string> Texts(JsonElement image, string list, string ignore) => image.GetProperty(list).EnumerateArray()
        .Select(p => $$"""{"polygon":{{p.GetRawText()}},"ignore":{{ignore}}}""");
}
