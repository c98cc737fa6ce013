using System.Numerics;
using System.Text.Json;
using Tcm.Detect.Datasets;
using Tcm.Detect.Heads;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Models;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Nn.Optimization;
using Tcm.Tests.Support;

namespace Tcm.Tests.Training;

/// <summary>
/// One batch of the reference implementation in training mode: targets, losses, running statistics, the gradient of every
/// parameter, and fourteen steps of its optimiser.
/// </summary>
public sealed class TcmDbTrainingGoldenTests
{
    private static readonly float[] Mean = [122.67891434f, 116.66876762f, 104.00698793f];
    private static readonly double[] Std = [58.395, 57.12, 57.375];

    [Fact]
    public void Targets_match_the_reference()
    {
        var golden = Npz.Read(SharedData.Golden("train-db.npz"));
        var (labels, height, width) = Labels();
        int map = height * width;
        for (int i = 0; i < 2; i++)
        {
            float[][] maps = [.. Enumerable.Range(0, 4).Select(_ => new float[map])];
            DbTargets.Draw(labels[i], height, width, maps[0], maps[1], maps[2], maps[3]);
            foreach (var (name, values, tolerance) in new[] { ("gt_shrink", maps[0], 0), ("gt_shrink_mask", maps[1], 0),
                ("gt_thr", maps[2], 1e-5), ("gt_thr_mask", maps[3], 0) })
            {
                float[] expected = golden[name].Floats[(i * map)..((i + 1) * map)];
                var wrong = Enumerable.Range(0, map).Where(p => !(Math.Abs(expected[p] - values[p]) <= tolerance)).ToList();
                Assert.True(wrong.Count == 0, $"{name} of picture {i}: {wrong.Count} pixels differ, the first at "
                    + $"({wrong.FirstOrDefault() % width},{wrong.FirstOrDefault() / width})");
            }
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Losses_gradients_and_statistics_match_the_reference(bool referenceAux, bool checkpointing)
    {
        using var run = new Run(referenceAux, checkpointing);
        var losses = run.Losses();
        using var json = Json("train-db.json");
        foreach (var loss in json.RootElement.GetProperty(referenceAux ? "losses" : "losses_intended_aux").EnumerateObject())
        {
            Assert.Equal(1, losses[loss.Name] / loss.Value.GetDouble(), 1e-5);
        }
        var golden = Npz.Read(SharedData.Golden("train-db.npz"));
        CompareGradients(run.Store, json.RootElement.GetProperty(referenceAux ? "grad_l2" : "grad_l2_intended_aux"), golden,
            referenceAux ? "grad/" : "grad_intended/");
        foreach (var (name, array) in golden.Where(g => g.Key.StartsWith("bn_after/", StringComparison.Ordinal)))
        {
            float[] actual = run.Store.Find(name["bn_after/".Length..])!.Value.ToArray();
            Assert.True(RelativeDistance(array.Floats, actual) < 1e-5, name);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fourteen_steps_of_ranger_match_the_reference(bool referenceAux)
    {
        using var json = Json("steps-db.json");
        var reference = json.RootElement.GetProperty(referenceAux ? "reference" : "intended_aux");
        using var run = new Run(referenceAux, checkpointing: false);
        run.Store.Freeze(p => p.Name.StartsWith("text_encoder", StringComparison.Ordinal));
        using var optimizer = new Ranger(run.Store.Learned.Where(p => !p.IsFrozen)
            .Select(p => ParameterGroups.Tcm.Apply(p.Name, p.Value, () => p.HasGradient ? p.Gradient : null)));
        int step = 0;
        foreach (var expected in reference.GetProperty("losses").EnumerateArray())
        {
            var losses = run.Losses();
            // Winograd rounds more than direct convolution (about 1e-6 of range a layer), and each step builds on the last.
            double tolerance = step < 2 ? 1e-5 : step < 5 ? 5e-5 : 2e-3;
            foreach (var loss in expected.EnumerateObject().Where(l => l.Name != "total"))
            {
                double relative = Math.Abs((losses[loss.Name] / loss.Value.GetDouble()) - 1);
                Assert.True(relative <= tolerance, $"step {step}, {loss.Name}: {losses[loss.Name]}, expected {loss.Value}");
            }
            optimizer.Step(2e-3);
            step++;
        }
        Assert.Equal(14, step);
    }

    private static void CompareGradients(ParameterStore store, JsonElement norms, Dictionary<string, NpyArray> golden, string prefix)
    {
        double largest = norms.EnumerateObject().Max(n => n.Value.GetDouble());
        int compared = 0;
        foreach (var norm in norms.EnumerateObject())
        {
            var parameter = store.Find(norm.Name);
            Assert.True(parameter is not null, $"no parameter {norm.Name}");
            double expected = norm.Value.GetDouble();
            // What the reference's optimiser sees as rounding noise, this model may not compute at all.
            double actual = parameter.HasGradient ? Norm(parameter.Gradient!.ToArray()) : 0;
            Assert.True(Math.Abs(actual - expected) <= Math.Max(1e-3 * expected, 1e-5 * largest),
                $"{norm.Name}: gradient of norm {actual}, expected {expected}");
            if (golden.TryGetValue(prefix + norm.Name, out var array))
            {
                Assert.True(RelativeDistance(array.Floats, parameter.Gradient!.ToArray()) < 1e-3, norm.Name);
                compared++;
            }
        }
        Assert.True(compared >= 7, $"{compared} gradients compared");
        foreach (var parameter in store.Learned.Where(p => p.HasGradient))
        {
            Assert.True(norms.TryGetProperty(parameter.Name, out _), $"{parameter.Name} has a gradient, the reference none");
        }
    }

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(v => (double)v * v));

    private static double RelativeDistance(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return Norm([.. expected.Zip(actual, (a, b) => a - b)]) / Norm(expected);
    }

    private static JsonDocument Json(string name) => JsonDocument.Parse(File.ReadAllText(SharedData.Golden(name)));

    private static (IReadOnlyList<TextAnnotation>[] Labels, int Height, int Width) Labels()
    {
        using var json = Json("train-db.json");
        var canvas = json.RootElement.GetProperty("canvas");
        var labels = new IReadOnlyList<TextAnnotation>[2];
        for (int i = 0; i < 2; i++)
        {
            labels[i] = [.. Polygons("care_polygons", i, ignored: false), .. Polygons("ignore_polygons", i, ignored: true)];
        }
        return (labels, canvas[0].GetInt32(), canvas[1].GetInt32());

        List<TextAnnotation> Polygons(string name, int image, bool ignored) =>
            [.. json.RootElement.GetProperty(name)[image].EnumerateArray().Select(flat =>
            {
                float[] v = [.. flat.EnumerateArray().Select(c => c.GetSingle())];
                return new TextAnnotation([.. Enumerable.Range(0, v.Length / 2).Select(p => new Vector2(v[2 * p], v[(2 * p) + 1]))],
                    ignored);
            })];
    }

    /// <summary>The golden batch and the small model in training.</summary>
    private sealed class Run : IDisposable
    {
        private readonly CpuBackend _backend = new(2);
        private readonly TcmModel _model;
        private readonly TrainingObjective _objective;
        private readonly float[] _images;
        private readonly float[][] _targets;
        private readonly int _height, _width;

        public Run(bool referenceAux, bool checkpointing)
        {
            var golden = Npz.Read(SharedData.Golden("train-db.npz"));
            using var file = ModelFile.Open(SharedData.Golden("tcm-db-tiny.pth"), textHeads: 2, decoderHeads: 4);
            _model = new TcmModel(file.Checkpoint, file.Config, _backend, Store) { GradientCheckpointing = checkpointing };
            _objective = HeadRegistry.Find(file.Config.Head).CreateObjective(file.Config,
                new TrainingOptions { ReferenceAuxiliaryLoss = referenceAux });
            (_, _height, _width) = Labels();
            int plane = _height * _width;
            _images = new float[2 * 3 * plane];
            byte[] rgb = golden["images_rgb"].Bytes;
            for (int i = 0; i < 2 * plane; i++)
            {
                for (int c = 0; c < 3; c++)
                {
                    _images[(((i / plane * 3) + c) * plane) + (i % plane)] = (rgb[(3 * i) + c] - Mean[c]) * (float)(1 / Std[c]);
                }
            }
            _targets = [.. new[] { "gt_shrink", "gt_shrink_mask", "gt_thr", "gt_thr_mask" }.Select(n => golden[n].Floats)];
        }

        public ParameterStore Store { get; } = new();

        /// <summary>Forward and backward from zero gradients.</summary>
        public Dictionary<string, double> Losses()
        {
            using var scope = TensorScope.Begin();
            Store.ZeroGradients();
            var input = Tensor.From(_backend, _images, [2, 3, _height, _width]);
            var targets = _targets.Select(t => Tensor.From(_backend, t, [2, 1, _height, _width])).ToList();
            using var tape = Tape.Record();
            var (stages, score) = _model.Features(input, null);
            var terms = _objective.Losses(_model.Head.TrainingMaps(stages), score, targets);
            var total = terms.Select(t => t.Value).Aggregate(Functional.Add);
            tape.Backward(total);
            return terms.ToDictionary(t => t.Name, t => (double)t.Value.ToArray()[0]);
        }

        public void Dispose()
        {
            _model.Dispose();
            Store.Dispose();
            _backend.Dispose();
        }
    }
}
