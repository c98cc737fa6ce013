using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Attention;

/// <summary>
/// Parts of <see cref="AttentionGradientKernels"/>: tiles of 32 rows of a head of up to 64 floats, score tiles of 32x32, and
/// what one thread holds of them, four rows in the fields of a <see cref="Float4"/>.
/// </summary>
internal static class AttentionTile
{
    /// <summary>The width to which heads are padded, that of <see cref="HeadWidth64"/>.</summary>
    private const int Width = 64;

    /// <summary>Float4 between rows of a tile in shared memory; one of padding.</summary>
    public const int Stride = Width / 4 + 1;

    private const int ScoreStride = AttentionKernels.ScoreStride;
    private const float Masked = AttentionKernels.Masked;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ArrayView<Float4> shared, ArrayView<float> source, AttentionGradientArgs args, int rowStride,
        int firstToken, int firstRow, int rows, int column) =>
        AttentionKernels.LoadTile<HeadWidth64>(shared, source, args.HeadDim, args.Vector, rowStride, firstToken, firstRow, rows, column);

    /// <summary>Products of rows row..row+3 of a with rows tx and tx + 16 of b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Products(ArrayView<Float4> a, ArrayView<Float4> b, int row, int tx, out Float4 left, out Float4 right)
    {
        left = default;
        right = default;
        for (int d = 0; d < Width / 4; d++)
        {
            Float4 b0 = b[tx * Stride + d], b1 = b[(tx + 16) * Stride + d];
            Float4 a0 = a[row * Stride + d], a1 = a[(row + 1) * Stride + d];
            Float4 a2 = a[(row + 2) * Stride + d], a3 = a[(row + 3) * Stride + d];
            left = new Float4(AttentionKernels.Dot(a0, b0, left.X), AttentionKernels.Dot(a1, b0, left.Y),
                AttentionKernels.Dot(a2, b0, left.Z), AttentionKernels.Dot(a3, b0, left.W));
            right = new Float4(AttentionKernels.Dot(a0, b1, right.X), AttentionKernels.Dot(a1, b1, right.Y),
                AttentionKernels.Dot(a2, b1, right.Z), AttentionKernels.Dot(a3, b1, right.W));
        }
    }

    /// <summary>sum += four columns of the scores' rows row..row+3, times the rows of b that they belong to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(ref Tile4x4 sum, ArrayView<Float4> scores, ArrayView<Float4> b, int row, int j, int tx)
    {
        Float4 p0 = scores[row * ScoreStride + j], p1 = scores[(row + 1) * ScoreStride + j];
        Float4 p2 = scores[(row + 2) * ScoreStride + j], p3 = scores[(row + 3) * ScoreStride + j];
        int at = j * 4 * Stride + tx;
        sum.Add(new Float4(p0.X, p1.X, p2.X, p3.X), b[at]);
        sum.Add(new Float4(p0.Y, p1.Y, p2.Y, p3.Y), b[at + Stride]);
        sum.Add(new Float4(p0.Z, p1.Z, p2.Z, p3.Z), b[at + 2 * Stride]);
        sum.Add(new Float4(p0.W, p1.W, p2.W, p3.W), b[at + 3 * Stride]);
    }

    /// <summary>Scaled scores of queries query..query+3 with one key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 MaskQueries(AttentionGradientArgs args, Float4 s, int query, int key)
    {
        bool causal = args.Causal != 0, outside = key >= args.Keys;
        return new Float4(outside || (causal && key > query) ? Masked : s.X * args.Scale,
            outside || (causal && key > query + 1) ? Masked : s.Y * args.Scale,
            outside || (causal && key > query + 2) ? Masked : s.Z * args.Scale,
            outside || (causal && key > query + 3) ? Masked : s.W * args.Scale);
    }

    /// <summary>Scaled scores of one query with keys key..key+3. Keys beyond the last are computed and not stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 MaskKeys(AttentionGradientArgs args, Float4 s, int query, int key)
    {
        bool causal = args.Causal != 0, outside = query >= args.Queries;
        return new Float4(outside || (causal && key > query) ? Masked : s.X * args.Scale,
            outside || (causal && key + 1 > query) ? Masked : s.Y * args.Scale,
            outside || (causal && key + 2 > query) ? Masked : s.Z * args.Scale,
            outside || (causal && key + 3 > query) ? Masked : s.W * args.Scale);
    }

    /// <summary>Four rows of one column of the score tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Gather(ArrayView<float> scores, int row, int column)
    {
        int at = row * 4 * ScoreStride + column;
        return new Float4(scores[at], scores[at + 4 * ScoreStride], scores[at + 8 * ScoreStride], scores[at + 12 * ScoreStride]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreStatistics(ArrayView<float> target, int at, int query, int queries, Float4 value)
    {
        if (query < queries)
        {
            target[at + query] = value.X;
        }
        if (query + 1 < queries)
        {
            target[at + query + 1] = value.Y;
        }
        if (query + 2 < queries)
        {
            target[at + query + 2] = value.Z;
        }
        if (query + 3 < queries)
        {
            target[at + query + 3] = value.W;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(AttentionGradientArgs args, ArrayView<float> target, int rowStride, int firstToken, int row,
        int rows, int column, int d, Tile4x4 tile)
    {
        StoreRow(args, target, rowStride, firstToken, row, rows, column, d, tile.Row0);
        StoreRow(args, target, rowStride, firstToken, row + 1, rows, column, d, tile.Row1);
        StoreRow(args, target, rowStride, firstToken, row + 2, rows, column, d, tile.Row2);
        StoreRow(args, target, rowStride, firstToken, row + 3, rows, column, d, tile.Row3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRow(AttentionGradientArgs args, ArrayView<float> target, int rowStride, int firstToken, int row,
        int rows, int column, int d, Float4 value)
    {
        if (row < rows && d < args.HeadDim)
        {
            TileRow.Store(target, (firstToken + row) * rowStride + column + d, args.HeadDim - d, args.Vector, value);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Add(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Times(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    /// <summary>(a - b) scale</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Difference(Float4 a, Float4 b, float scale) =>
        new((a.X - b.X) * scale, (a.Y - b.Y) * scale, (a.Z - b.Z) * scale, (a.W - b.W) * scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Max(Float4 a, Float4 b) =>
        new(XMath.Max(a.X, b.X), XMath.Max(a.Y, b.Y), XMath.Max(a.Z, b.Z), XMath.Max(a.W, b.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Exp(Float4 a, Float4 b) =>
        new(XMath.Exp(a.X - b.X), XMath.Exp(a.Y - b.Y), XMath.Exp(a.Z - b.Z), XMath.Exp(a.W - b.W));
}
