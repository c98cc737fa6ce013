namespace Tcm.Tests.Kernels.Cases;

/// <summary>Normalisations and reductions.</summary>
internal static class RowCases
{
    private static readonly (int Rows, int Columns)[] matrices =
        [(1, 1), (3, 1), (1, 7), (5, 8), (7, 15), (4, 16), (9, 17), (3, 33), (2, 127), (35, 1024), (1, 40_000), (300, 129)];

    public static IEnumerable<KernelCase> Normalization()
    {
        foreach (var (rows, columns) in matrices)
        {
            // A row of one value has variance 0: 1/sqrt(eps) magnifies the rounding of x - mean, which is exactly 0 here.
            yield return new($"LayerNorm ({rows},{columns})", [rows * columns, columns, columns], rows * columns,
                (b, _, x, y) => b.Normalization.LayerNorm(rows, columns, 1e-5f, x[0], x[1], x[2], y))
            { Atol = 3e-6f };
            yield return new($"LayerNorm in place ({rows},{columns})", [rows * columns, columns, columns], rows * columns,
                (b, _, x, y) => b.Normalization.LayerNorm(rows, columns, 1e-5f, x[0], x[1], x[2], y))
            { Atol = 2e-5f, InPlace = 0, Range = 50 };
            yield return new($"L2Normalize ({rows},{columns})", [rows * columns], rows * columns,
                (b, _, x, y) => b.Normalization.L2Normalize(rows, columns, 1e-12f, x[0], y));
            yield return new($"L2Normalize in place, small norm ({rows},{columns})", [rows * columns], rows * columns,
                (b, _, x, y) => b.Normalization.L2Normalize(rows, columns, 1e3f, x[0], y))
            { InPlace = 0 };
            yield return new($"Softmax ({rows},{columns})", [rows * columns], rows * columns,
                (b, _, x, y) => b.Normalization.Softmax(rows, columns, x[0], y));
            yield return new($"Softmax in place ({rows},{columns})", [rows * columns], rows * columns,
                (b, _, x, y) => b.Normalization.Softmax(rows, columns, x[0], y))
            { InPlace = 0, Range = 90 };
        }
    }

    public static IEnumerable<KernelCase> Reduction()
    {
        foreach (var (outer, axis, inner) in new[]
        {
            (1, 1, 1), (3, 7, 1), (2, 400, 1), (1, 50_000, 1), (4, 1, 5), (1, 9, 15), (2, 50, 65), (1, 401, 1024), (5, 3, 300),
            (3000, 5, 2),
        })
        {
            yield return new($"Mean ({outer},{axis},{inner})", [outer * axis * inner], outer * inner,
                (b, _, x, y) => b.Reduction.Mean(outer, axis, inner, x[0], y));
            // The rounding of a sum of n values of size 1 grows like sqrt(n).
            yield return new($"Sum ({outer},{axis},{inner})", [outer * axis * inner], outer * inner,
                (b, _, x, y) => b.Reduction.Sum(outer, axis, inner, x[0], y))
            { Atol = 1e-6f + 5e-7f * MathF.Sqrt(axis) };
        }
    }
}
