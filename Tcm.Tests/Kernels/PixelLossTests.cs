using Tcm.Kernels;
using Tcm.Tests.Kernels.Reference;

namespace Tcm.Tests.Kernels;

/// <summary>Losses against numbers computed with the reference implementation (heads.md 2.5, tcm-model.md 10.1), against
/// their own differences, and at their edges.</summary>
public sealed class PixelLossTests
{
    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Toy_values_match_the_reference_implementation(string backendName)
    {
        var maps = new Maps(TestBackends.Get(backendName), [.9f, .2f, .6f, .4f], [1, 0, 1, 0], [1, 1, 1, 0]);
        Assert.Equal(0.2797765, maps.Balanced(logits: false), 1e-6);
        Assert.Equal(0.1891894, maps.Dice(), 1e-6);
        maps = new Maps(TestBackends.Get(backendName), [.5f, .6f, .3f, .7f], [.7f, .3f, .3f, .3f], [1, 1, 0, 0]);
        Assert.Equal(0.25, maps.MaskedL1(), 1e-6);
        Assert.Equal([-0.5f, 0.5f, 0, 0], maps.Gradient, (a, b) => Math.Abs(a - b) < 1e-6f);
    }

    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Broadcast_over_images_reproduces_the_reference_implementation(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        var maps = new Maps(backend, [2, -1, .5f, 0, -2, 1, 0, 3], [1, 0, 0, 0, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1, 1, 1]);
        Assert.Equal(0.7062137, maps.Balanced(logits: true, images: 2), 1e-6);
        Assert.Equal(0.4111672, maps.Balanced(logits: true), 1e-6);
        Assert.Equal(0.4111672, maps.Balanced(logits: true, images: 1), 1e-6);
        maps = new Maps(backend, [2, -1, .5f, 0], [1, 0, 0, 0], [1, 1, 1, 1]);
        Assert.Equal(0.5268533, maps.Balanced(logits: true), 1e-6);
    }

    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Gradients_match_central_differences(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        // Differences of at least 0.03 between predictions: no step changes which negatives are hardest.
        float[] p = [.9f, .2f, .6f, .4f, .12f, .71f, .33f, .83f, .05f, .5f], t = [1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        float[] m = [1, 1, 1, 0, 1, 1, 1, 1, 1, 1];
        float[] logits = [.. p.Select(v => 6 * v - 3)], real = [.. p.Select((v, i) => i % 3 == 0 ? v - .2f : v + .3f)];
        CheckGradient(x => new Maps(backend, x, t, m), x => x.Balanced(logits: false), p, 1e-3f);
        CheckGradient(x => new Maps(backend, x, t, m), x => x.Balanced(logits: true), logits, 1e-2f);
        CheckGradient(x => new Maps(backend, x, t, m), x => x.Balanced(logits: true, images: 2), logits, 1e-2f);
        CheckGradient(x => new Maps(backend, x, t, m), x => x.Dice(), p, 1e-2f);
        CheckGradient(x => new Maps(backend, x, real, m), x => x.MaskedL1(), p, 1e-2f);
    }

    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Without_positives_or_mask_loss_and_gradient_are_zero(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        float[] p = [.9f, .2f, .6f], none = [0, 0, 0], all = [1, 1, 1];
        foreach (var maps in new[] { new Maps(backend, p, none, all), new Maps(backend, p, all, none) })
        {
            Assert.Equal(0, maps.Balanced(logits: false));
            Assert.Equal(none, maps.Gradient);
            Assert.Equal(0, maps.Balanced(logits: true, images: 3));
            Assert.Equal(none, maps.Gradient);
        }
        var unmasked = new Maps(backend, p, all, none);
        Assert.Equal(0, unmasked.MaskedL1());
        Assert.Equal(none, unmasked.Gradient);
        Assert.Equal(1, unmasked.Dice()); // as in the reference: 1 - 0 / 1e-6
        Assert.Equal(none, unmasked.Gradient);
    }

    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Exactly_n_of_equally_hard_negatives_count(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        var x = new float[1000];
        var t = new float[1000];
        var m = Enumerable.Repeat(1f, 1000).ToArray();
        Array.Fill(x, 0.5f);
        (x[700], x[900]) = (0.75f, 0);
        (t[10], t[20], m[1]) = (1, 1, 0);
        var maps = new Maps(backend, x, t, m);
        maps.Balanced(logits: false);
        // Two positives want six negatives: the harder one, then the first five that count.
        int[] expected = [0, 2, 3, 4, 5, 10, 20, 700];
        Assert.Equal(expected, Enumerable.Range(0, 1000).Where(i => maps.Gradient[i] != 0));
    }

    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Extreme_predictions_stay_finite_and_nan_shows(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        float[] t = [1, 0, 0, 1], m = [1, 1, 1, 1];
        Assert.Equal(50, new Maps(backend, [0, 1, 0, 1], t, m).Balanced(logits: false), 1e-4);
        Assert.Equal(50, new Maps(backend, [-100, 100, -100, 100], t, m).Balanced(logits: true), 1e-4);
        foreach (float nan in new[] { float.NaN, -float.NaN })
        {
            Assert.Equal(double.NaN, new Maps(backend, [.5f, .2f, nan, .7f], t, m).Balanced(logits: false));
            // Among more negatives than count, a negative that is not a number is the first to count.
            float[] many = [.. Enumerable.Repeat(.3f, 50), nan, .9f], one = [.. new float[51], 1];
            Assert.Equal(double.NaN, new Maps(backend, many, one, [.. many.Select(_ => 1f)]).Balanced(logits: true));
        }
    }

    [Fact]
    public void Misuse_is_refused()
    {
        var maps = new Maps(new ReferenceBackend(), [1, 2, 3], [1, 0, 0], [1, 1, 1]);
        Assert.Contains("3 values in 2 images", Assert.Throws<ShapeException>(() => maps.Balanced(true, 2)).Message);
    }

    private static void CheckGradient(Func<float[], Maps> make, Func<Maps, double> loss, float[] x, float step)
    {
        var maps = make(x);
        loss(maps);
        for (int i = 0; i < x.Length; i++)
        {
            float[] up = [.. x], down = [.. x];
            up[i] += step;
            down[i] -= step;
            double slope = (loss(make(up)) - loss(make(down))) / ((double)up[i] - down[i]);
            Assert.True(Math.Abs(slope - maps.Gradient[i]) <= 1e-3 * Math.Max(1, Math.Abs(slope)),
                $"gradient {i} is {maps.Gradient[i]}, the difference quotient {slope}");
        }
    }

    /// <summary>One loss over small maps.</summary>
    private sealed class Maps(Backend backend, float[] prediction, float[] target, float[] mask)
    {
        public float[] Gradient { get; } = new float[prediction.Length];

        public double Balanced(bool logits, int images = 0) =>
            Run((p, t, m, loss, g) => backend.Losses.BalancedCrossEntropy(logits, 3, 1, p, t, m, loss, g, images));

        public double Dice() => Run((p, t, m, loss, g) => backend.Losses.Dice(1, p, t, m, loss, g));

        public double MaskedL1() => Run((p, t, m, loss, g) => backend.Losses.MaskedL1(1, p, t, m, loss, g));

        private double Run(Action<Slice, Slice, Slice, Slice, Slice> loss)
        {
            int n = prediction.Length;
            using var memory = backend.Allocate(4 * n + 1);
            var all = memory.All;
            backend.Upload([.. prediction, .. target, .. mask], all);
            loss(all.Part(0, n), all.Part(n, n), all.Part(2 * n, n), all.Part(4 * n, 1), all.Part(3 * n, n));
            backend.Download(all.Part(3 * n, n), Gradient);
            var value = new float[1];
            backend.Download(all.Part(4 * n, 1), value);
            return value[0];
        }
    }
}
