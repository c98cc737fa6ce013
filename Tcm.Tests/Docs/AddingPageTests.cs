using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Nn.Checkpoints;
using Tcm.Nn.Optimization;
using Tcm.Tests.Autograd;
using Tcm.Tests.Checkpoints;
using Tcm.Tests.Kernels;
using Tcm.Tests.Support;

namespace Tcm.Tests.Docs;

/// <summary>The examples of docs/adding.md: they are code that is compiled, and they do what the page says.</summary>
public sealed class AddingPageTests
{
    private static readonly DocPage Page = DocPage.Of("docs/adding.md");

    public static TheoryData<string> Backends => TestBackends.Names;

    [Fact]
    public void Every_example_is_part_of_a_file_that_is_compiled()
    {
        var code = RepositoryFiles.All.Where(f => f.EndsWith(".cs", StringComparison.Ordinal))
            .Select(f => Trimmed(File.ReadAllLines(Path.Combine(SharedData.RepositoryRoot, f)))).ToList();
        var examples = Page.Fences.Where(f => f.Language == "csharp").ToList();
        Assert.True(examples.Count > 10);
        var lost = examples.Where(e => Trimmed(e.Lines) is var lines && !code.Any(c => c.Contains(lines, StringComparison.Ordinal)));
        Assert.Equal("", string.Join(", ", lost.Select(e => $"line {e.Line}")));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void The_operation_has_the_right_gradient(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        using (var scope = TensorScope.Begin())
        {
            Assert.Equal([1f, 4f, 0.25f], SquareOperation.Square(Tensor.From(backend, [-1, 2, 0.5f], [3])).ToArray());
        }
        Assert.Null(GradientCheckTests.Failure(backend, "Square", new([[3, 7]], x => SquareOperation.Square(x[0]))));
    }

    [Fact]
    public void The_dataset_is_read_and_its_errors_name_file_and_line()
    {
        var format = new BoxesFormat();
        Assert.Equal("photo", format.PictureOf("photo.boxes.csv"));
        Assert.Null(format.PictureOf("photo.csv"));
        var texts = format.Parse("photo.boxes.csv", "1;2;30;10;EXIT; left\r\n\n5;6;7;8;?\n");
        Assert.Equal([new Vector2(1, 2), new(31, 2), new(31, 12), new(1, 12)], texts[0].Polygon);
        Assert.Equal(["EXIT; left", "?"], texts.Select(t => t.Transcription));
        Assert.Equal([false, true], texts.Select(t => t.Ignored));
        Assert.Equal("photo.boxes.csv, line 2: 4 fields, expected left;top;width;height;word",
            Assert.Throws<TcmException>(() => format.Parse("photo.boxes.csv", "1;2;3;4;a\n1;2;3;4\n")).Message);
    }

    [Fact]
    public void The_head_learns_and_finds_what_it_learned()
    {
        var config = ConfigVariationTests.Variations["tiny"];
        var method = new SpotMethod();
        var table = new TensorTable();
        method.AddTensors(table, config);
        using var files = new TestFiles();
        string path = Path.Combine(files.Folder, "spots.safetensors");
        SafetensorsWriter.Write(path, new Dictionary<string, string>(), table.Tensors, (_, values) => values.Clear());

        // A picture of 160x128 with one text and one that is to be ignored; in x3 channel 0 marks the text's places.
        const int height = 128, width = 160, places = height * width / 32 / 32;
        TextAnnotation[] texts = [new([new(33, 40), new(120, 40), new(120, 60), new(33, 60)], false), new([new(0, 100), new(20, 100), new(20, 120)], true)];
        var objective = method.CreateObjective(config, new TrainingOptions());
        var maps = objective.TargetShapes(height, width).Select(s => new float[s.Length]).ToList();
        objective.DrawTargets(texts, height, width, [.. maps.Select(m => m.AsMemory())]);
        Assert.Equal([6, 7, 8], Enumerable.Range(0, places).Where(i => maps[0][i] == 1));
        Assert.Equal([15], Enumerable.Range(0, places).Where(i => maps[1][i] == 0));
        var features = new float[config.HeadInput(3) * places];
        maps[0].CopyTo(features, 0);

        using var backend = new CpuBackend(1);
        using var scope = TensorScope.Begin();
        Tensor[] stages = [null!, null!, null!, Tensor.From(backend, features, [1, config.HeadInput(3), height / 32, width / 32])];
        Tensor[] targets = [.. maps.Select(m => Tensor.From(backend, m, [1, 1, height / 32, width / 32]))];
        using var store = new ParameterStore();
        using (var file = CheckpointFile.Open(path))
        using (var head = method.CreateHead(new Weights(file, backend, store), config))
        using (var optimizer = new Sgd(store.Learned.Select(p => new OptimizedTensor(p.Name, p.Value, () => p.Gradient))))
        {
            float first = 0, last = 0;
            for (int step = 0; step < 60; step++)
            {
                using var tape = Tape.Record();
                var loss = Assert.Single(objective.Losses(head.TrainingMaps(stages), null, targets)).Value;
                store.ZeroGradients();
                tape.Backward(loss);
                optimizer.Step(0.5);
                last = loss.ToArray()[0];
                first = step == 0 ? last : first;
            }
            Assert.True(last < 0.2f * first, $"from {first} to {last}");
            store.Save(path, new Dictionary<string, string>());
        }

        // What was learned, as inference reads it; the source picture is half as large as the network's.
        using var learned = CheckpointFile.Open(path);
        using var detector = method.CreateHead(new Weights(learned, backend), config);
        var settings = method.PostProcessing.With(new Dictionary<string, double> { ["threshold"] = 0.6 }, method.Name);
        settings.Validate();
        var region = Assert.Single(method.CreateExtractor(settings)(detector.Forward(stages, null).ToArray(), new NetworkSize(width, height, width, height, 2, 2)));
        Assert.Equal([new Vector2(15.5f, 15.5f), new(63.5f, 15.5f), new(63.5f, 31.5f), new(15.5f, 31.5f)], region.Quad);
        Assert.InRange(region.Score, 0.6f, 1);
        Assert.Throws<Tcm.Detect.OptionException>(() => new SpotOptions { Threshold = 2 }.Validate());
    }

    /// <summary>Without indentation and empty lines.</summary>
    private static string Trimmed(IEnumerable<string> lines) => string.Join('\n', lines.Select(l => l.Trim()).Where(l => l.Length > 0)) + '\n';
}
