namespace Tcm.Tests.Kernels.Cases;

/// <summary>Losses over maps. The output is the gradient and, behind it, the loss.</summary>
internal static class LossCases
{
    private const int Prediction = 0, Target = 1, Mask = 2;

    public static IEnumerable<KernelCase> All()
    {
        foreach (int n in new[] { 1, 7, 16, 33, 1021, 5000, 70_001 })
        {
            yield return Balanced($"BalancedCrossEntropy {n}", n, logits: false, ratio: 3, positives: 0.1f);
            yield return Balanced($"BalancedCrossEntropy of logits {n}", n, logits: true, ratio: 3, positives: 0.1f);
            yield return new($"Dice {n}", [n, n, n], n + 1,
                (b, _, x, y) => b.Losses.Dice(0.7f, x[0], x[1], x[2], y.Part(n, 1), y.Part(0, n)))
            { Map = (input, _, v) => Value(false, 0.2f, input, v) };
            yield return new($"MaskedL1 {n}", [n, n, n], n + 1,
                (b, _, x, y) => b.Losses.MaskedL1(10, x[0], x[1], x[2], y.Part(n, 1), y.Part(0, n)))
            { Map = (input, i, v) => input == Mask ? Value(false, 0, input, v) : i % 5 == 0 ? 0.25f : (v + 1) / 2 };
            // Weights of a mean, so that the loss does not grow with the map.
            yield return new($"WeightedCrossEntropy {n}", [n, n, n], n + 1,
                (b, _, x, y) => b.Losses.WeightedCrossEntropy(2, x[0], x[1], x[2], y.Part(n, 1), y.Part(0, n)))
            { Map = (input, _, v) => input == Mask ? (v + 1) / n : Value(true, 0.2f, input, v) };
            yield return new($"WeightedSmoothL1 {n}", [n, n, n], n + 1,
                (b, _, x, y) => b.Losses.WeightedSmoothL1(2, x[0], x[1], x[2], y.Part(n, 1), y.Part(0, n)))
            { Map = (input, _, v) => input == Mask ? (v + 1) / n : 2 * v };
        }
        foreach (int n in new[] { 300, 4000, 40_000 })
        {
            // Few distinct values, so that equal ones stand on both sides of the cut.
            yield return Balanced($"BalancedCrossEntropy with ties {n}", n, logits: false, ratio: 3, positives: 0.06f, levels: 4);
            yield return Balanced($"BalancedCrossEntropy of logits with ties {n}", n, logits: true, ratio: 1.7f, positives: 0.06f,
                levels: 3);
            yield return Balanced($"BalancedCrossEntropy of equals {n}", n, logits: true, ratio: 3, positives: 0.1f, levels: 0);
        }
        yield return Balanced("BalancedCrossEntropy, more wanted than there are", 500, logits: false, ratio: 3, positives: 0.7f);
        yield return Balanced("BalancedCrossEntropy, no positives", 500, logits: true, ratio: 3, positives: 0);
        yield return Balanced("BalancedCrossEntropy, 100 negatives without positives", 500, logits: true, ratio: 3, positives: 0,
            fallback: 100);
        yield return Balanced("BalancedCrossEntropy, fewer negatives without positives", 50, logits: true, ratio: 3, positives: 0,
            fallback: 100);
        yield return Balanced("BalancedCrossEntropy, positives only", 500, logits: true, ratio: 3, positives: 1);
        yield return Balanced("BalancedCrossEntropy, no negatives wanted", 500, logits: false, ratio: 0, positives: 0.3f);
        yield return Balanced("BalancedCrossEntropy, nothing counts", 500, logits: false, ratio: 3, positives: 0.3f,
            masked: true);
        yield return Balanced("BalancedCrossEntropy, 3 images broadcast", 1500, logits: true, ratio: 3, positives: 0.1f,
            images: 3);
        yield return Balanced("BalancedCrossEntropy, 3 images broadcast with ties", 1500, logits: false, ratio: 3,
            positives: 0.1f, levels: 4, images: 3);
        yield return Balanced("BalancedCrossEntropy, 2 large images broadcast", 80_000, logits: true, ratio: 3, positives: 0.1f,
            images: 2);
        foreach (string map in new[] { "Dice", "MaskedL1" })
        {
            yield return new($"{map}, nothing counts", [20, 20, 20], 21, (b, _, x, y) =>
            {
                if (map == "Dice")
                {
                    b.Losses.Dice(1, x[0], x[1], x[2], y.Part(20, 1), y.Part(0, 20));
                }
                else
                {
                    b.Losses.MaskedL1(1, x[0], x[1], x[2], y.Part(20, 1), y.Part(0, 20));
                }
            })
            { Map = (input, _, v) => input == Mask ? 0 : Math.Abs(v) };
        }
    }

    private static KernelCase Balanced(string name, int n, bool logits, float ratio, float positives, int? levels = null,
        bool masked = false, int images = 0, int fallback = 0) => new(name, [n, n, n], n + 1,
            (b, _, x, y) => b.Losses.BalancedCrossEntropy(logits, ratio, 5, x[0], x[1], x[2], y.Part(n, 1), y.Part(0, n), images, fallback))
        {
            Map = (input, _, v) => input == Mask && masked ? 0
                : Value(logits, positives, input, input == Prediction && levels is { } l ? MathF.Round(v * l) / (l + 1) : v),
        };

    /// <summary>A uniform value in [-1,1) as a prediction, target or mask.</summary>
    private static float Value(bool logits, float positives, int input, float v) => input switch
    {
        Target => (v + 1) / 2 < positives ? 1 : 0,
        Mask => v < 0.8f ? 1 : 0,
        _ => logits ? 8 * v : 0.5f + 0.499f * v,
    };
}
