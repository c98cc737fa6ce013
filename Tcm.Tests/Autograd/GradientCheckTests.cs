using Tcm.Kernels;
using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Tests.Kernels;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Autograd;

/// <summary>
/// Every operation of <see cref="Functional"/> on every backend: what its backward function says about the weighted sum of the
/// result against central differences of that sum, element by element.
/// </summary>
public sealed class GradientCheckTests
{
    private const float Step = 1e-2f;
    private const int MostElements = 40;

    /// <summary>An operation, the shapes of the operands that it is differentiated by, and the call.</summary>
    internal sealed record Check(Shape[] Operands, Func<Tensor[], Tensor> Forward)
    {
        /// <summary>Operands in (0.1, 0.9) instead of (-1, 1) without (-0.1, 0.1), where a kink may lie.</summary>
        public bool Probabilities { get; init; }
    }

    private static readonly Dictionary<string, Check> Checks = new()
    {
        ["Conv2d"] = new([[2, 3, 5, 6], [4, 3, 3, 3]], x => Functional.Conv2d(x[0], x[1], 1, 1)),
        ["Conv2d stride 2"] = new([[1, 3, 7, 6], [5, 3, 3, 3]], x => Functional.Conv2d(x[0], x[1], 2, 1)),
        ["Conv2d groups"] = new([[1, 4, 5, 5], [4, 1, 3, 3]], x => Functional.Conv2d(x[0], x[1], 1, 1, 4)),
        ["ConvTranspose2d"] = new([[2, 3, 3, 4], [3, 5, 2, 2]], x => Functional.ConvTranspose2d(x[0], x[1])),
        ["BatchNorm2d"] = new([[2, 3, 4, 3], [3], [3], [2, 3, 4, 3]], x => BatchNorm(x, true, Activation.None, x[3])),
        // A large residual keeps the sums away from the kink.
        ["BatchNorm2d, ReLU"] = new([[2, 3, 4, 3], [3], [3], [2, 3, 4, 3]],
            x => BatchNorm(x, true, Activation.Relu, Functional.Affine(x[3], 50))),
        ["BatchNorm2d, running statistics"] = new([[2, 3, 4, 3], [3], [3]], x => BatchNorm(x, false, Activation.None, null)),
        ["Linear"] = new([[2, 3, 5], [4, 5]], x => Functional.Linear(x[0], x[1])),
        ["MatMul"] = new([[2, 3, 5], [2, 5, 4]], x => Functional.MatMul(x[0], x[1])),
        ["MatMul transposed"] = new([[2, 3, 5], [2, 4, 5]], x => Functional.MatMul(x[0], x[1], transposeB: true)),
        ["PackedAttention"] = new([[2, 4, 18]], x => Functional.PackedAttention(x[0], 3)),
        ["PackedAttention causal"] = new([[1, 5, 12]], x => Functional.PackedAttention(x[0], 2, causal: true)),
        ["CrossAttention"] = new([[2, 3, 6], [2, 4, 12]], x => Functional.CrossAttention(x[0], x[1], 2)),
        ["LayerNorm"] = new([[3, 7], [7], [7]], x => Functional.LayerNorm(x[0], x[1], x[2])),
        ["L2Normalize"] = new([[3, 7]], x => Functional.L2Normalize(x[0])),
        ["Softmax"] = new([[3, 7]], x => Functional.Softmax(x[0])),
        ["Relu"] = new([[3, 7]], x => Functional.Activate(x[0], Activation.Relu)),
        ["QuickGelu"] = new([[3, 7]], x => Functional.Activate(x[0], Activation.QuickGelu)),
        ["Gelu"] = new([[3, 7]], x => Functional.Activate(x[0], Activation.Gelu)),
        ["Sigmoid"] = new([[3, 7]], x => Functional.Activate(x[0], Activation.Sigmoid)),
        ["Add"] = new([[3, 7], [7]], x => Functional.Add(x[0], x[1])),
        ["Add, one image to all"] = new([[2, 3, 2, 4], [1, 3, 2, 4]], x => Functional.Add(x[0], x[1])),
        ["Add, gradients that meet"] = new([[3, 7], [3, 7]], x =>
        {
            var shared = Functional.Affine(x[0], 2);
            var other = Functional.Affine(shared, 3);
            return Functional.Add(other, Functional.Add(shared, x[1]));
        }),
        ["Subtract"] = new([[2, 3, 4], [3, 4]], x => Functional.Subtract(x[0], x[1])),
        ["Multiply"] = new([[3, 7], [7]], x => Functional.Multiply(x[0], x[1])),
        ["AddScaled"] = new([[3, 7], [3, 7]], x => Functional.AddScaled(x[0], x[1], 0.7f)),
        ["Affine"] = new([[3, 7]], x => Functional.Affine(x[0], -1.3f, 0.4f)),
        ["Cosine"] = new([[2, 1, 5], [2, 3, 5]], x => Functional.Cosine(x[0], x[1])),
        ["AddToTokens"] = new([[2, 3, 5], [2, 5]], x => Functional.AddToTokens(x[0], x[1])),
        ["AddToChannels"] = new([[2, 3, 4, 5], [3]], x => Functional.AddToChannels(x[0], x[1])),
        ["Exp"] = new([[1]], x => Functional.Exp(x[0])),
        ["Interpolate nearest"] = new([[1, 2, 3, 4]], x => Functional.Interpolate(x[0], 6, 8, ResizeMode.Nearest)),
        ["Interpolate bilinear"] = new([[1, 2, 3, 4]], x => Functional.Interpolate(x[0], 5, 7, ResizeMode.Bilinear)),
        // In place: its first operand must be a result that nobody else needs.
        ["AddUpsampled"] = new([[1, 2, 4, 6], [1, 2, 2, 3]],
            x => Functional.AddUpsampled(Functional.Affine(x[0], 1), x[1], ResizeMode.Nearest)),
        ["ConcatResized"] = new([[2, 2, 4, 6], [2, 3, 2, 3]], x => Functional.ConcatResized(x, 4, 6, ResizeMode.Bilinear)),
        ["AvgPool2d"] = new([[2, 3, 5, 6]], x => Functional.AvgPool2d(x[0], 2)),
        ["GlobalMean"] = new([[2, 3, 4, 5]], x => Functional.GlobalMean(x[0])),
        ["Transpose"] = new([[2, 3, 5]], x => Functional.Transpose(x[0])),
        ["ImageToTokens"] = new([[2, 4, 2, 3]], x => Functional.ImageToTokens(x[0])),
        ["TokensToImage"] = new([[2, 6, 4]], x => Functional.TokensToImage(x[0], 2, 3)),
        ["Concat"] = new([[2, 3, 4], [2, 2, 4]], x => Functional.Concat(x[0], x[1])),
        ["Narrow"] = new([[2, 5, 3]], x => Functional.Narrow(x[0], 1, 3)),
        ["Repeat"] = new([[2, 3]], x => Functional.Repeat(x[0], 4)),
        ["Reshape"] = new([[2, 6]], x => Functional.Affine(x[0].Reshape([3, 4]), 2)),
        ["Embedding"] = new([[5, 3]], x => Functional.Embedding(x[0], [4, 0, 4, 2])),
        ["BalancedCrossEntropy"] = new([[5, 8]], x => Functional.BalancedCrossEntropy(x[0], Bits(x[0], 3), Bits(x[0], 4, 0.8)))
        { Probabilities = true },
        ["BalancedCrossEntropy of logits"] = new([[5, 8]],
            x => Functional.BalancedCrossEntropy(x[0], Bits(x[0], 3), Bits(x[0], 4, 0.8), logits: true)),
        ["DiceLoss"] = new([[5, 8]], x => Functional.DiceLoss(x[0], Bits(x[0], 3), Bits(x[0], 4, 0.8))) { Probabilities = true },
        ["MaskedL1Loss"] = new([[5, 8]], x => Functional.MaskedL1Loss(x[0], Bits(x[0], 3), Bits(x[0], 4, 0.8))) { Probabilities = true },
        ["WeightedCrossEntropy"] = new([[5, 8]], x => Functional.WeightedCrossEntropy(x[0], Bits(x[0], 3), Bits(x[0], 4, 0.8))),
        ["WeightedSmoothL1Loss"] = new([[5, 8]],
            x => Functional.WeightedSmoothL1Loss(Functional.Affine(x[0], 3), Bits(x[0], 3), Bits(x[0], 4, 0.8))),
        ["SquaredDiceLoss"] = new([[2, 20]], x => Functional.SquaredDiceLoss(x[0], Bits(x[0], 3), Bits(x[0], 4, 0.8))),
        ["AggregationLoss"] = new([[2, 4, 4, 5]],
            x => Functional.AggregationLoss(Functional.Affine(x[0], 2), Labels(x[0], 1, 1, 2), Labels(x[0], 0, 1, 2), 2)),
        ["DiscriminationLoss"] = new([[2, 4, 4, 5]],
            x => Functional.DiscriminationLoss(x[0], Labels(x[0], 1, 1, 2), Labels(x[0], 0, 1, 2), 2)),
    };

    /// <summary>Numbers of instances for the pixels of embeddings (B,4,h,w): these in turn.</summary>
    private static Tensor Labels(Tensor embeddings, params int[] labels) => Tensor.From(embeddings.Backend,
        [.. Enumerable.Range(0, (int)embeddings.Length / 4).Select(i => (float)labels[i % labels.Length])],
        [embeddings.Shape[0], 1, embeddings.Shape[2], embeddings.Shape[3]]);

    public static TheoryData<string> Backends => TestBackends.Names;

    [Theory]
    [MemberData(nameof(Backends))]
    public void Gradients_are_the_slopes_of_the_result(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        string[] failures = [.. Checks.Select(c => Failure(backend, c.Key, c.Value)).OfType<string>()];
        Assert.True(failures.Length == 0, string.Join(Environment.NewLine, failures));
    }

    /// <summary>An operation that is added shall not be forgotten here.</summary>
    [Fact]
    public void Every_operation_has_a_check()
    {
        // Half precision is for inference alone.
        string[] without = [nameof(Functional.Activate), nameof(Functional.ToHalfImage), nameof(Functional.ToHalfTokens),
            nameof(Functional.ToFloat)];
        var operations = typeof(Functional).GetMethods().Where(m => m.ReturnType == typeof(Tensor)).Select(m => m.Name).Except(without);
        Assert.All(operations, name => Assert.Contains(Checks.Keys, key => key.Split(' ', ',')[0] == name));
    }

    /// <summary>Where gradient and slope disagree, or null.</summary>
    internal static string? Failure(Backend backend, string name, Check check)
    {
        using var scope = TensorScope.Begin();
        float[][] values = [.. check.Operands.Select((shape, i) => Values(shape, 20 + i, check.Probabilities))];
        float[] weights;
        float[][] gradients;
        using (var tape = Tape.Record())
        {
            var operands = Load(backend, check, values);
            foreach (var operand in operands)
            {
                operand.Node = new GradientNode(operand.Shape);
            }
            var result = check.Forward(operands);
            weights = KernelCase.Values((int)result.Length, 7);
            tape.Backward(result, Tensor.From(backend, weights, result.Shape));
            gradients = [.. operands.Select(o => o.Node!.Take()!.ToArray())];
        }
        var random = new Random(1);
        for (int operand = 0; operand < values.Length; operand++)
        {
            int count = values[operand].Length;
            foreach (int i in count <= MostElements ? Enumerable.Range(0, count) : Enumerable.Range(0, MostElements).Select(_ => random.Next(count)))
            {
                double slope = (Sum(backend, check, values, weights, operand, i, Step) - Sum(backend, check, values, weights, operand, i, -Step))
                    / (2 * Step);
                double error = Math.Abs(slope - gradients[operand][i]);
                if (!(error <= 2e-3 * (1 + Math.Abs(slope))))
                {
                    return $"{name}: operand {operand}, element {i}: gradient {gradients[operand][i]}, slope {slope}";
                }
            }
        }
        return null;
    }

    /// <summary>The weighted sum of the result with one element moved.</summary>
    private static double Sum(Backend backend, Check check, float[][] values, float[] weights, int operand, int element, float step)
    {
        using var scope = TensorScope.Begin();
        float kept = values[operand][element];
        values[operand][element] += step;
        float[] result = check.Forward(Load(backend, check, values)).ToArray();
        values[operand][element] = kept;
        return result.Zip(weights, (y, w) => (double)y * w).Sum();
    }

    private static Tensor[] Load(Backend backend, Check check, float[][] values) =>
        [.. values.Select((v, i) => Tensor.From(backend, v, check.Operands[i]))];

    private static float[] Values(Shape shape, int seed, bool probabilities) => [.. KernelCase.Values((int)shape.Length, seed)
        .Select(v => probabilities ? 0.5f + (0.4f * v) : MathF.CopySign(0.1f + (0.9f * MathF.Abs(v)), v))];

    /// <summary>Zeros and ones, as many as x has values.</summary>
    private static Tensor Bits(Tensor x, int seed, double share = 0.3)
    {
        var random = new Random(seed);
        var bits = new float[x.Length];
        foreach (ref float bit in bits.AsSpan())
        {
            bit = random.NextDouble() < share ? 1 : 0;
        }
        return Tensor.From(x.Backend, bits, x.Shape);
    }

    private static Tensor BatchNorm(Tensor[] x, bool training, Activation activation, Tensor? residual)
    {
        var backend = x[0].Backend;
        Tensor mean = Tensor.From(backend, [0.1f, -0.2f, 0.3f], [3]), variance = Tensor.From(backend, [0.5f, 1, 2], [3]);
        return Functional.BatchNorm2d(x[0], x[1], x[2], mean, variance, training, activation, residual);
    }
}
