using Tcm.Kernels.Losses;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>PAN's losses. The output is the gradient and, behind it, the loss.</summary>
internal static class InstanceLossCases
{
    private const int Regions = 1, Kernels = 2;

    public static IEnumerable<KernelCase> All()
    {
        foreach (var (images, pixels) in new[] { (1, 1), (1, 33), (3, 127), (2, 1500), (2, 33_000) })
        {
            int n = images * pixels;
            yield return new($"SquaredDice of {images} x {pixels}", [n, n, n], n + 1,
                (b, _, x, y) => b.Losses.SquaredDice(images, 0.7f, x[0], x[1], x[2], y.Part(n, 1), y.Part(0, n)))
            { Map = (input, _, v) => input == 0 ? 6 * v : input == 1 ? v > 0.6f ? 3 : 0 : v < 0.8f ? 1 : 0 };
        }
        yield return new("SquaredDice, nothing counts", [40, 40, 40], 41,
            (b, _, x, y) => b.Losses.SquaredDice(2, 1, x[0], x[1], x[2], y.Part(40, 1), y.Part(0, 40)))
        { Map = (input, _, v) => input == 2 ? 0 : Math.Abs(v) };
        foreach (bool attraction in new[] { true, false })
        {
            yield return Case(attraction, new(1, 5, 1), range: 2);
            yield return Case(attraction, new(1, 200, 3), range: 3);
            yield return Case(attraction, new(3, 150, 7), range: 1);
            yield return Case(attraction, new(2, 1700, 40), range: 2);
            yield return Case(attraction, new(2, 20_000, 130), range: 4);
            // Labels that do not count: none at all, and more than there are said to be.
            yield return Case(attraction, new(2, 60, 0), range: 2);
            yield return Case(attraction, new(2, 300, 4), range: 2, labels: 9);
        }
    }

    private static KernelCase Case(bool attraction, InstanceMaps shape, float range, int? labels = null)
    {
        int pixels = shape.Images * shape.Pixels, values = (int)shape.Embeddings, most = labels ?? shape.Instances;
        return new($"{(attraction ? "Aggregation" : "Discrimination")} {shape}", [values, pixels, pixels], values + 1, (b, _, x, y) =>
        {
            var (loss, gradient) = (y.Part(values, 1), y.Part(0, values));
            if (attraction)
            {
                b.Losses.Aggregation(shape, 0.25f, x[0], x[Regions], x[Kernels], loss, gradient);
            }
            else
            {
                b.Losses.Discrimination(shape, 0.25f, x[0], x[Regions], x[Kernels], loss, gradient);
            }
        })
        {
            // Regions: about half of the pixels. Kernels: fewer, and not always in the region of their own number.
            Map = (input, _, v) => input switch
            {
                Regions => MathF.Max(0, MathF.Ceiling(v * most)),
                Kernels => MathF.Max(0, MathF.Ceiling(((2 * v) - 1) * most)),
                _ => range * v,
            },
        };
    }
}
