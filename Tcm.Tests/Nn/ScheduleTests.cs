using Tcm.Nn;
using Tcm.Nn.Optimization;
using Tcm.Tests.Kernels.Reference;

namespace Tcm.Tests.Nn;

public sealed class ScheduleTests
{
    [Fact]
    public void Polynomial_decay_is_that_of_the_specification()
    {
        // lr(e) = (base - 1e-7) (1 - e/E)^0.9 + 1e-7
        var schedule = new PolynomialDecay(1e-3, 1200);
        Assert.Equal(1e-3, schedule.At(0), 1e-15);
        Assert.Equal((1e-3 - 1e-7) * 0.53588673126814657 + 1e-7, schedule.At(600), 1e-15); // 0.5^0.9
        Assert.Equal(1e-7, schedule.At(1200), 1e-15);
        Assert.Equal(1e-7, schedule.At(5000), 1e-15);
        Assert.Equal(0.25, new PolynomialDecay(1, 4, Power: 2, Minimum: 0).At(2), 1e-15);
    }

    [Fact]
    public void Constant_cosine_and_warm_up_have_their_values()
    {
        Assert.Equal(0.1, new ConstantRate(0.1).At(1e9));
        var cosine = new CosineDecay(1, 8, Minimum: 0.2);
        Assert.Equal([1, 0.2 + 0.8 * (2 + Math.Sqrt(2)) / 4, 0.6, 0.2, 0.2], new[] { 0.0, 2, 4, 8, 9 }.Select(cosine.At),
            (a, b) => Math.Abs(a - b) < 1e-12);
        var warm = new LinearWarmUp(new PolynomialDecay(1, 10, Power: 1, Minimum: 0), Length: 4, StartFactor: 0.2);
        Assert.Equal([0.2, 0.9 * 0.4, 0.8 * 0.6, 0.6, 0.5], new[] { 0.0, 1, 2, 4, 5 }.Select(warm.At),
            (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Theory]
    [InlineData("backbone.layer1.0.conv1.weight", 0.1f, 1f)]
    [InlineData("text_encoder.transformer.resblocks.0.norm.weight", 0f, 1f)]
    [InlineData("context_decoder.decoder.0.norm1.weight", 1f, 0f)]
    [InlineData("neck.lateral_convs.0.conv.weight", 1f, 1f)]
    [InlineData("backbone.norm1.weight", 0.1f, 1f)]
    public void The_longest_rule_that_matches_holds(string name, float rate, float decay)
    {
        var rule = ParameterGroups.Tcm.Of(name);
        Assert.Equal((rate, decay), (rule.RateFactor, rule.DecayFactor));
        using var value = Tensor.From(new ReferenceBackend(), [1], [1]);
        var tensor = ParameterGroups.Tcm.Apply(name, value, () => null);
        Assert.Equal((name, rate, decay), (tensor.Name, tensor.RateFactor, tensor.DecayFactor));
    }

    [Fact]
    public void Rules_of_one_length_go_by_the_alphabet()
    {
        var groups = new ParameterGroups([new("neck", 2), new("bias", 3), new("k", 4)]);
        Assert.Equal("bias", groups.Of("neck.bias").Substring);
        Assert.Equal(["bias", "neck", "k"], groups.Rules.Select(r => r.Substring));
    }

    [Fact]
    public void Moving_average_follows_its_formula_and_is_restored()
    {
        var backend = new ReferenceBackend();
        using var value = Tensor.From(backend, [1, 10], [2]);
        using var average = new MovingAverage([("w", value)], decay: 0.15);
        backend.Upload([2, 20], value.Data);
        average.Update(); // d = 1/10
        Close([1.9f, 19], average);
        average.Update(); // d = min(0.15, 2/11)
        Close([0.15f * 1.9f + 1.7f, 0.15f * 19 + 17], average);
        float[] saved = average.State.Single().Tensor.ToArray();
        average.Swap();
        Assert.Equal(saved, value.ToArray());
        Assert.Equal([2, 20], average.State.Single().Tensor.ToArray());
        average.Swap();
        Assert.Equal([2, 20], value.ToArray());

        using var other = Tensor.From(backend, [2, 20], [2]);
        using var restored = new MovingAverage([("w", other)], decay: 0.15);
        restored.Restore(average.Updates, _ => saved);
        average.Update();
        restored.Update();
        Assert.Equal(average.State.Single().Tensor.ToArray(), restored.State.Single().Tensor.ToArray());

        using var plain = new MovingAverage([("w", other)], decay: 0.5, warmUp: false);
        backend.Upload([4, 40], other.Data);
        plain.Update();
        Close([3, 30], plain);
    }

    private static void Close(float[] expected, MovingAverage average) =>
        Assert.Equal(expected, average.State.Single().Tensor.ToArray(), (a, b) => Math.Abs(a - b) < 1e-5f);
}
