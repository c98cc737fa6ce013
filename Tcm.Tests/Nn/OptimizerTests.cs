using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Optimization;
using Tcm.Tests.Kernels;
using Tcm.Tests.Support;

namespace Tcm.Tests.Nn;

/// <summary>Optimisers against PyTorch's and the reference's, and what they promise beyond: restoring, freezing.</summary>
public sealed class OptimizerTests
{
    private static readonly Dictionary<string, Func<IEnumerable<OptimizedTensor>, Optimizer>> makers = new()
    {
        ["ranger"] = t => new Ranger(t),
        ["ranger_wd"] = t => new Ranger(t, decay: 0.01),
        ["adam_l2"] = t => new Adam(t, decay: 0.01),
        ["adamw"] = t => new AdamW(t, decay: 0.01),
        ["sgd"] = t => new Sgd(t, momentum: 0.9, decay: 1e-3),
    };

    public static TheoryData<string, string> Runs
    {
        get
        {
            var runs = new TheoryData<string, string>();
            foreach (var backend in TestBackends.All)
            {
                foreach (string run in makers.Keys)
                {
                    runs.Add(backend.Name, run);
                }
            }
            return runs;
        }
    }

    public static TheoryData<string> Kinds => [.. makers.Keys];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Twenty_four_steps_match_the_reference(string backendName, string run)
    {
        var golden = Npz.Read(SharedData.Golden("optimizers.npz"));
        var backend = TestBackends.Get(backendName);
        string[] names = ["conv", "linear", "bias", "scalar"];
        using var model = new Model(backend, names.Select(n => (n, golden[$"p0/{n}"].Shape, golden[$"p0/{n}"].Floats)));
        using var optimizer = makers[run](model.Tensors);
        for (int step = 0; step < 24; step++)
        {
            model.SetGradients(name => At(golden[$"grads/{name}"], step));
            optimizer.Step(0.01);
            foreach (var tensor in model.Tensors)
            {
                float[] expected = At(golden[$"{run}/{tensor.Name}"], step), actual = tensor.Value.ToArray();
                for (int i = 0; i < expected.Length; i++)
                {
                    Assert.True(Math.Abs(actual[i] - expected[i]) <= 1e-5,
                        $"{tensor.Name}[{i}] after step {step + 1} is {actual[i]}, expected {expected[i]}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_restored_run_has_the_same_bits(string kind)
    {
        using var straight = new Model(TestBackends.Get("cpu Portable x2"));
        using var optimizer = makers[kind](straight.Tensors);
        Train(straight, optimizer, 0, 20);
        // 9 steps: in the rectified phase of Ranger, between two moves of its slow weights.
        using var first = new Model(TestBackends.Get("cpu Portable x2"));
        using var interrupted = makers[kind](first.Tensors);
        Train(first, interrupted, 0, 9);
        var saved = interrupted.State.ToDictionary(s => s.Name, s => s.Tensor.ToArray());
        using var second = new Model(TestBackends.Get("cpu Portable x2"), first.Tensors);
        using var resumed = makers[kind](second.Tensors);
        resumed.Restore(interrupted.Steps, name => saved[name]);
        Train(second, resumed, 9, 20);
        foreach (var (a, b) in straight.Tensors.Zip(second.Tensors))
        {
            Assert.Equal(a.Value.ToArray(), b.Value.ToArray());
        }
        Assert.Equal(optimizer.State.Select(s => s.Name), resumed.State.Select(s => s.Name));
        foreach (var (a, b) in optimizer.State.Zip(resumed.State))
        {
            Assert.Equal(a.Tensor.ToArray(), b.Tensor.ToArray());
        }
        // Without the moments the run does differ.
        using var third = new Model(TestBackends.Get("cpu Portable x2"), first.Tensors);
        using var forgetful = makers[kind](third.Tensors);
        Train(third, forgetful, 9, 20);
        Assert.NotEqual(straight.Tensors[0].Value.ToArray(), third.Tensors[0].Value.ToArray());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_frozen_or_without_gradient_is_not_touched(string kind)
    {
        using var model = new Model(TestBackends.Get("cpu Portable x1"));
        var tensors = model.Tensors;
        bool asked = false;
        using var optimizer = makers[kind]([
            tensors[0] with { RateFactor = 0, Gradient = () => { asked = true; return null; } },
            tensors[1] with { Gradient = () => null },
            tensors[2],
        ]);
        float[][] before = [.. tensors.Select(t => t.Value.ToArray())];
        model.SetGradients(_ => null);
        optimizer.Step(0.1);
        Assert.False(asked);
        Assert.Equal(before[0], tensors[0].Value.ToArray());
        Assert.Equal(before[1], tensors[1].Value.ToArray());
        Assert.NotEqual(before[2], tensors[2].Value.ToArray());
        Assert.DoesNotContain(optimizer.State, s => s.Name.StartsWith(tensors[0].Name + ".", StringComparison.Ordinal));
    }

    [Fact]
    public void Factors_multiply_rate_and_decay()
    {
        using var model = new Model(TestBackends.Get("reference"));
        var tensor = model.Tensors[2];
        float[] before = tensor.Value.ToArray(), gradient = tensor.Gradient()!.ToArray();
        using var optimizer = new Sgd([tensor with { RateFactor = 0.5f, DecayFactor = 0.25f }], momentum: 0, decay: 0.4);
        optimizer.Step(0.2);
        float[] after = tensor.Value.ToArray();
        Assert.All(Enumerable.Range(0, after.Length),
            i => Assert.Equal(before[i] - 0.1f * (gradient[i] + 0.1f * before[i]), after[i], 1e-6f));
    }

    [Fact]
    public void Misuse_is_refused()
    {
        using var model = new Model(TestBackends.Get("reference"));
        var tensors = model.Tensors;
        Assert.Contains("called 'a'", Assert.Throws<ShapeException>(() => new Sgd([tensors[0], tensors[0]])).Message);
        using var optimizer = new Sgd(tensors);
        Assert.Contains("'a.momentum' has 2 values, (3,2,2) expected",
            Assert.Throws<ShapeException>(() => optimizer.Restore(1, _ => new float[2])).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.Restore(-1, _ => []));
    }

    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Clipping_scales_the_common_norm(string backendName)
    {
        using var model = new Model(TestBackends.Get(backendName));
        float[][] before = [.. model.Tensors.Select(t => t.Gradient()!.ToArray())];
        double norm = Math.Sqrt(before.Sum(g => g.Sum(v => (double)v * v)));
        Assert.Equal(norm, GradientClipping.ByNorm(model.Tensors, 2 * norm), 1e-6);
        Assert.Equal(before[0], model.Tensors[0].Gradient()!.ToArray());
        Assert.Equal(norm, GradientClipping.ByNorm(model.Tensors, norm / 4), 1e-6);
        Assert.Equal(norm / 4, GradientClipping.ByNorm(model.Tensors, norm), 1e-6);
        Assert.Equal(before[1][0] / 4, model.Tensors[1].Gradient()!.ToArray()[0], 1e-6f);
        model.SetGradients(_ => [float.NaN]);
        Assert.Equal(double.NaN, GradientClipping.ByNorm(model.Tensors, 1));
        Assert.Equal(0, GradientClipping.ByNorm([], 1));
    }

    private static float[] At(NpyArray steps, int step)
    {
        int length = steps.Shape.Skip(1).Aggregate(1, (a, b) => a * b);
        return steps.Floats.AsSpan(step * length, length).ToArray();
    }

    private static void Train(Model model, Optimizer optimizer, int from, int to)
    {
        for (int step = from; step < to; step++)
        {
            int seed = step;
            model.SetGradients(name => [.. Model.Random(64, seed * 31 + name[0])]);
            optimizer.Step(0.01 * (1 + step % 3));
        }
    }

    /// <summary>A few parameters with gradients.</summary>
    private sealed class Model : IDisposable
    {
        private readonly List<Tensor> _gradients = [];

        public Model(Backend backend) : this(backend,
            [("a", [3, 2, 2], Random(12, 1)), ("b", [2, 5], Random(10, 2)), ("c", [7], Random(7, 3))])
        { }

        public Model(Backend backend, IEnumerable<OptimizedTensor> like) :
            this(backend, like.Select(t => (t.Name, t.Value.Shape.ToArray(), t.Value.ToArray())))
        { }

        public Model(Backend backend, IEnumerable<(string Name, int[] Shape, float[] Values)> parameters)
        {
            foreach (var (name, shape, values) in parameters)
            {
                var gradient = Tensor.From(backend, [.. Random(values.Length, name[0])], new Shape(shape));
                _gradients.Add(gradient);
                Tensors.Add(new(name, Tensor.From(backend, values, new Shape(shape)), () => gradient));
            }
        }

        public List<OptimizedTensor> Tensors { get; } = [];

        /// <summary>The first values; null keeps what is there.</summary>
        public void SetGradients(Func<string, float[]?> values)
        {
            foreach (var (tensor, gradient) in Tensors.Zip(_gradients))
            {
                float[] given = values(tensor.Name) ?? [];
                gradient.Backend.Upload(given.AsSpan(0, (int)Math.Min(given.Length, gradient.Length)), gradient.Data);
            }
        }

        public static float[] Random(int length, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 2 - 1)];
        }

        public void Dispose()
        {
            _gradients.ForEach(g => g.Dispose());
            Tensors.ForEach(t => t.Value.Dispose());
        }
    }
}
