using Tcm.Kernels;
using Tcm.Kernels.Optimizers;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>Optimiser steps. Parameter, gradient and moments are parts of one tensor, which is compared as a whole.</summary>
internal static class OptimizerCases
{
    private const int P = 0, G = 1, M = 2, V = 3;

    public static IEnumerable<KernelCase> All()
    {
        foreach (var (rows, columns) in new[] { (1, 1), (3, 5), (17, 1), (4, 24), (33, 27), (5, 1000), (2, 17_000) })
        {
            int n = rows * columns;
            yield return Step($"Sgd {n}", n, (u, p) => u.Sgd(0.1f, 0.9f, 1e-3f, p[P], p[G], p[V]));
            foreach (bool decoupled in new[] { false, true })
            {
                var adam = new AdamStep(0.01, 0.9, 0.999, 1e-8, 0.05, decoupled, 1 - Math.Pow(0.9, 3), 1 - Math.Pow(0.999, 3));
                yield return Step($"Adam {n}, decoupled {decoupled}", n, (u, p) => u.Adam(adam, p[P], p[G], p[M], p[V]));
            }
            foreach (bool rectified in new[] { false, true })
            {
                var ranger = new RectifiedAdamStep(0.02, 0.95, 0.999, 1e-5, 0.03, rectified, 1.2);
                yield return Step($"RectifiedAdam ({rows},{columns}), rectified {rectified}", n,
                    (u, p) => u.RectifiedAdam(ranger, rows, p[P], p[G], p[M], p[V]));
                yield return Step($"RectifiedAdam {n}, not centred, rectified {rectified}", n,
                    (u, p) => u.RectifiedAdam(ranger, 0, p[P], p[G], p[M], p[V]));
            }
            yield return Step($"Lookahead {n}", n, (u, p) => u.Lookahead(0.5f, true, p[P], p[M]));
            yield return Step($"Moving average {n}", n, (u, p) => u.Lookahead(0.01f, false, p[P], p[M]));
            yield return Step($"AddSquares {n}", n, (u, p) => u.AddSquares(p[G], p[V].Part(n - 1, 1))) with { Range = 3 };
        }
    }

    private static KernelCase Step(string name, int n, Action<ParameterUpdates, Parts> run) =>
        new(name, [4 * n], 4 * n, (b, _, x, _) => run(b.Optimizers, new(x[0], n)))
        {
            InPlace = 0,
            // Second moments are not negative.
            Map = (_, i, v) => i / n == V ? Math.Abs(v) : v,
        };

    /// <summary>Parts of equal length.</summary>
    internal readonly struct Parts(Slice all, int length)
    {
        public Slice this[int part] => all.Part((long)part * length, length);
    }
}
