using System.Numerics;
using System.Text.Json;
using Tcm.Detect.Datasets;
using Tcm.Detect.Heads;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Nn.Optimization;
using Tcm.Tests.Support;

namespace Tcm.Tests.Training;

/// <summary>
/// The golden batch of one head and its small model in training (golden/README.md section 3): losses, running statistics, the
/// gradient of every parameter, and fourteen steps of the reference's optimiser.
/// </summary>
internal sealed class TrainingGolden : IDisposable
{
    private readonly Backend _backend;
    private readonly string _head;
    private readonly TcmModel _model;
    private readonly TrainingObjective _objective;
    private readonly float[] _images;
    private readonly IReadOnlyList<(float[] Values, Shape Shape)> _targets;
    private readonly int _height, _width;
    private readonly bool _referenceAux;

    /// <param name="head">db, pan or fce.</param>
    /// <param name="targets">From the arrays of the golden file to what the objective expects.</param>
    /// <param name="referenceAux">Whether the auxiliary loss is the reference's, which broadcasts by accident.</param>
    /// <param name="checkpointing">Whether stages are computed twice.</param>
    /// <param name="device">Where; the test is skipped if it is not there.</param>
    public TrainingGolden(string head, Func<Dictionary<string, NpyArray>, IReadOnlyList<(float[], Shape)>> targets,
        bool referenceAux, bool checkpointing = false, string device = "cpu")
    {
        Assert.SkipUnless(device == "cpu" || Devices.List().Any(d => d.Name == device), $"no device {device}");
        _backend = device == "cpu" ? new CpuBackend(2) : Devices.Open(device);
        _head = head;
        _referenceAux = referenceAux;
        var golden = Npz.Read(SharedData.Golden($"train-{head}.npz"));
        using var file = ModelFile.Open(SharedData.Golden($"tcm-{head}-tiny.pth"), textHeads: 2, decoderHeads: 4);
        _model = new TcmModel(file.Checkpoint, file.Config, _backend, Store) { GradientCheckpointing = checkpointing };
        _objective = HeadRegistry.Find(head).CreateObjective(file.Config, new TrainingOptions { ReferenceAuxiliaryLoss = referenceAux });
        (_, _height, _width) = Labels(head);
        int plane = _height * _width;
        _images = new float[2 * 3 * plane];
        byte[] rgb = golden["images_rgb"].Bytes;
        for (int i = 0; i < 2 * plane; i++)
        {
            for (int c = 0; c < 3; c++)
            {
                _images[(((i / plane * 3) + c) * plane) + (i % plane)] =
                    (rgb[(3 * i) + c] - (float)file.Config.Mean[c]) * (float)(1 / file.Config.Std[c]);
            }
        }
        _targets = targets(golden);
    }

    public ParameterStore Store { get; } = new();

    /// <summary>The labels of both pictures.</summary>
    public static (IReadOnlyList<TextAnnotation>[] Labels, int Height, int Width) Labels(string head)
    {
        using var json = Json($"train-{head}.json");
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

    /// <summary>Forward and backward from zero gradients.</summary>
    public Dictionary<string, double> Losses()
    {
        using var scope = TensorScope.Begin();
        Store.ZeroGradients();
        var input = Tensor.From(_backend, _images, [2, 3, _height, _width]);
        var targets = _targets.Select(t => Tensor.From(_backend, t.Values, t.Shape)).ToList();
        using var tape = Tape.Record();
        var (stages, score) = _model.Features(input, null);
        var terms = _objective.Losses(_model.Head.TrainingMaps(stages), score, targets);
        var total = terms.Select(t => t.Value).Aggregate(Functional.Add);
        tape.Backward(total);
        return terms.ToDictionary(t => t.Name, t => (double)t.Value.ToArray()[0]);
    }

    /// <summary>One forward and backward pass: losses, gradients, running statistics.</summary>
    public void CompareOnePass()
    {
        var losses = Losses();
        using var json = Json($"train-{_head}.json");
        foreach (var loss in json.RootElement.GetProperty(_referenceAux ? "losses" : "losses_intended_aux").EnumerateObject())
        {
            Assert.Equal(1, losses[loss.Name] / loss.Value.GetDouble(), 1e-5);
        }
        var golden = Npz.Read(SharedData.Golden($"train-{_head}.npz"));
        CompareGradients(json.RootElement.GetProperty(_referenceAux ? "grad_l2" : "grad_l2_intended_aux"), golden,
            _referenceAux ? "grad/" : "grad_intended/", json.RootElement.GetProperty("rel_grad_noise"));
        foreach (var (name, array) in golden.Where(g => g.Key.StartsWith("bn_after/", StringComparison.Ordinal)))
        {
            float[] actual = Store.Find(name["bn_after/".Length..])!.Value.ToArray();
            Assert.True(RelativeDistance(array.Floats, actual) < 1e-5, name);
        }
    }

    /// <summary>The losses before each of fourteen steps of Ranger.</summary>
    public void CompareFourteenSteps()
    {
        using var json = Json($"steps-{_head}.json");
        var reference = json.RootElement.GetProperty(_referenceAux ? "reference" : "intended_aux");
        Store.Freeze(p => p.Name.StartsWith("text_encoder", StringComparison.Ordinal));
        using var optimizer = new Ranger(Store.Learned.Where(p => !p.IsFrozen)
            .Select(p => ParameterGroups.Tcm.Apply(p.Name, p.Value, () => p.HasGradient ? p.Gradient : null)));
        int step = 0;
        foreach (var expected in reference.GetProperty("losses").EnumerateArray())
        {
            var losses = Losses();
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

    private void CompareGradients(JsonElement norms, Dictionary<string, NpyArray> golden, string prefix,
        JsonElement noise)
    {
        double largest = norms.EnumerateObject().Max(n => n.Value.GetDouble());
        int compared = 0;
        foreach (var norm in norms.EnumerateObject())
        {
            var parameter = Store.Find(norm.Name);
            Assert.True(parameter is not null, $"no parameter {norm.Name}");
            double expected = norm.Value.GetDouble();
            // What the reference's optimiser sees as rounding noise, this model may not compute at all.
            double actual = parameter.HasGradient ? Norm(parameter.Gradient!.ToArray()) : 0;
            Assert.True(Math.Abs(actual - expected) <= Math.Max(1e-3 * expected, 1e-5 * largest),
                $"{norm.Name}: gradient of norm {actual}, expected {expected}");
            if (golden.TryGetValue(prefix + norm.Name, out var array))
            {
                double distance = RelativeDistance(array.Floats, parameter.Gradient!.ToArray());
                // The noise is the reference's own distance between single and double precision: at most 3e-5, but 2.5e-4 for
                // PAN's vis_gamma, a sum whose terms cancel to 3e-4 of the largest gradient.
                double tolerance = Math.Clamp(10 * noise.GetProperty(norm.Name).GetDouble(), 1e-3, 1e-2);
                Assert.True(distance < tolerance,
                    $"{norm.Name}: relative distance {distance} of a gradient of norm {expected}, tolerance {tolerance}");
                compared++;
            }
        }
        Assert.True(compared >= 7, $"{compared} gradients compared");
        foreach (var parameter in Store.Learned.Where(p => p.HasGradient))
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

    public void Dispose()
    {
        _model.Dispose();
        Store.Dispose();
        _backend.Dispose();
    }
}
