using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Attention;

// y = softmax(scale * q k^T + mask) v for every head, fp32.
//   V1 Naive  one thread an output; scores are computed anew for each. Baseline for study; serves heads wider than 128.
//   V2 Flash  one group of 128 threads takes 32 queries of a head and walks over the keys in tiles of 32 with the online
//             softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): scores never leave shared memory.
//             Heads of up to 64 or up to 128 floats. <- default
//   V3 Tensor TensorAttentionKernels: both products on tensor cores, softmax in registers. When the backend's precision allows it.
//   V4 Half   HalfAttentionKernels: tokens in half precision.
internal static class AttentionKernels
{
    public const int Tile = 32;

    /// <summary>Float4 between rows of the score tile; one of padding.</summary>
    public const int ScoreStride = Tile / 4 + 1;

    /// <summary>Stands for minus infinity; exp(Masked - m) is 0 for every m that occurs.</summary>
    public const float Masked = -1e30f;

    public const int FlashGroupSize = 128;

    public static void Naive(AttentionArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int d = i % args.HeadDim, head = i / args.HeadDim % args.Heads, token = i / (args.HeadDim * args.Heads);
        int batch = token / args.Queries, query = token - batch * args.Queries;
        int q = token * args.QueryStride + head * args.HeadDim;
        int keys = args.Causal != 0 ? query + 1 : args.Keys;
        float max = Masked, sum = 0, value = 0;
        for (int key = 0; key < keys; key++)
        {
            int k = (batch * args.Keys + key) * args.KeyStride + head * args.HeadDim;
            float score = 0;
            for (int j = 0; j < args.HeadDim; j++)
            {
                score += args.Q[q + j] * args.K[k + j];
            }
            score *= args.Scale;
            float next = score > max ? score : max;
            float keep = XMath.Exp(max - next), weight = XMath.Exp(score - next);
            max = next;
            sum = sum * keep + weight;
            value = value * keep + weight * args.V[(batch * args.Keys + key) * args.ValueStride + head * args.HeadDim + d];
        }
        args.Y[i] = value / sum;
    }

    /// <summary>
    /// The grid is (batch, head, query block). Thread (tx, ty) = (thread % 16, thread / 16) owns queries 4ty..4ty+3: of the
    /// scores it computes keys tx and tx + 16, of the result columns 4tx..4tx+3 (and 64 further for wide heads).
    /// </summary>
    public static void Flash<TWidth>(AttentionArgs args) where TWidth : struct, IHeadWidth
    {
        int stride = TWidth.Size / 4 + 1;
        var q = SharedMemory.Allocate<Float4>(Tile * (TWidth.Size / 4 + 1));
        var kv = SharedMemory.Allocate<Float4>(Tile * (TWidth.Size / 4 + 1));
        var scores = SharedMemory.Allocate<Float4>(Tile * ScoreStride);
        var scalars = scores.Cast<float>();
        int blocks = (args.Queries + Tile - 1) / Tile;
        int block = Grid.IdxX % blocks, head = Grid.IdxX / blocks % args.Heads, batch = Grid.IdxX / (blocks * args.Heads);
        int tx = Group.IdxX % 16, row = Group.IdxX / 16 * 4;
        int firstQuery = block * Tile, column = head * args.HeadDim;

        LoadTile<TWidth>(q, args.Q, args.HeadDim, args.Vector, args.QueryStride, batch * args.Queries, firstQuery, args.Queries, column);
        Tile4x4 near = default, far = default;
        var max = new Float4(Masked, Masked, Masked, Masked);
        var sum = default(Float4);
        int lastKey = args.Causal != 0 && firstQuery + Tile < args.Keys ? firstQuery + Tile : args.Keys;
        for (int firstKey = 0; firstKey < lastKey; firstKey += Tile)
        {
            Group.Barrier(); // the values and weights of the last tile have been used
            LoadTile<TWidth>(kv, args.K, args.HeadDim, args.Vector, args.KeyStride, batch * args.Keys, firstKey, args.Keys, column);
            Group.Barrier();

            Float4 left = default, right = default; // scores of the four queries with keys tx and tx + 16
            for (int d = 0; d < TWidth.Size / 4; d++)
            {
                Float4 k0 = kv[tx * stride + d], k1 = kv[(tx + 16) * stride + d];
                Float4 q0 = q[row * stride + d], q1 = q[(row + 1) * stride + d];
                Float4 q2 = q[(row + 2) * stride + d], q3 = q[(row + 3) * stride + d];
                left = new Float4(Dot(q0, k0, left.X), Dot(q1, k0, left.Y), Dot(q2, k0, left.Z), Dot(q3, k0, left.W));
                right = new Float4(Dot(q0, k1, right.X), Dot(q1, k1, right.Y), Dot(q2, k1, right.Z), Dot(q3, k1, right.W));
            }
            left = Mask(args, left, firstQuery + row, firstKey + tx);
            right = Mask(args, right, firstQuery + row, firstKey + tx + 16);
            Spread(scalars, row, tx, left);
            Spread(scalars, row, tx + 16, right);
            Group.Barrier();

            // Every thread finds the maxima of its queries itself: cheaper than one more exchange.
            LoadTile<TWidth>(kv, args.V, args.HeadDim, args.Vector, args.ValueStride, batch * args.Keys, firstKey, args.Keys, column);
            var next = max;
            for (int j = 0; j < Tile / 4; j++)
            {
                next = new Float4(Max(scores[row * ScoreStride + j], next.X), Max(scores[(row + 1) * ScoreStride + j], next.Y),
                    Max(scores[(row + 2) * ScoreStride + j], next.Z), Max(scores[(row + 3) * ScoreStride + j], next.W));
            }
            Group.Barrier();
            Spread(scalars, row, tx, Exp(left, next));
            Spread(scalars, row, tx + 16, Exp(right, next));
            var keep = Exp(max, next);
            max = next;
            Group.Barrier();

            sum = new Float4(sum.X * keep.X, sum.Y * keep.Y, sum.Z * keep.Z, sum.W * keep.W);
            near = ScaleRows(near, keep);
            far = ScaleRows(far, keep);
            for (int j = 0; j < Tile / 4; j++)
            {
                Float4 p0 = scores[row * ScoreStride + j], p1 = scores[(row + 1) * ScoreStride + j];
                Float4 p2 = scores[(row + 2) * ScoreStride + j], p3 = scores[(row + 3) * ScoreStride + j];
                sum = new Float4(sum.X + Sum(p0), sum.Y + Sum(p1), sum.Z + Sum(p2), sum.W + Sum(p3));
                int at = j * 4 * stride + tx;
                near.Add(new Float4(p0.X, p1.X, p2.X, p3.X), kv[at]);
                near.Add(new Float4(p0.Y, p1.Y, p2.Y, p3.Y), kv[at + stride]);
                near.Add(new Float4(p0.Z, p1.Z, p2.Z, p3.Z), kv[at + 2 * stride]);
                near.Add(new Float4(p0.W, p1.W, p2.W, p3.W), kv[at + 3 * stride]);
                if (TWidth.Size == 128)
                {
                    far.Add(new Float4(p0.X, p1.X, p2.X, p3.X), kv[at + 16]);
                    far.Add(new Float4(p0.Y, p1.Y, p2.Y, p3.Y), kv[at + stride + 16]);
                    far.Add(new Float4(p0.Z, p1.Z, p2.Z, p3.Z), kv[at + 2 * stride + 16]);
                    far.Add(new Float4(p0.W, p1.W, p2.W, p3.W), kv[at + 3 * stride + 16]);
                }
            }
        }
        var inverse = new Float4(1 / sum.X, 1 / sum.Y, 1 / sum.Z, 1 / sum.W);
        Store(args, batch, firstQuery + row, column, tx * 4, ScaleRows(near, inverse));
        if (TWidth.Size == 128)
        {
            Store(args, batch, firstQuery + row, column, tx * 4 + 64, ScaleRows(far, inverse));
        }
    }

    /// <summary>32 rows of one head into shared memory; zeros beyond the last row and beyond the head's width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void LoadTile<TWidth>(ArrayView<Float4> shared, ArrayView<float> source, int headDim, int vector, int rowStride,
        int firstToken, int firstRow, int rows, int column) where TWidth : struct, IHeadWidth
    {
        for (int i = Group.IdxX; i < Tile * TWidth.Size / 4; i += FlashGroupSize)
        {
            int r = i / (TWidth.Size / 4), d = i % (TWidth.Size / 4);
            int left = headDim - 4 * d;
            var value = default(Float4);
            if (firstRow + r < rows && left > 0)
            {
                int at = (firstToken + firstRow + r) * rowStride + column + 4 * d;
                value = TileRow.Load(source, at, left, vector);
            }
            shared[r * (TWidth.Size / 4 + 1) + d] = value;
        }
    }

    /// <summary>Scales the scores of four queries with one key; a key that is out of sight gets no weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Mask(AttentionArgs args, Float4 s, int query, int key)
    {
        bool causal = args.Causal != 0;
        bool outside = key >= args.Keys;
        return new Float4(
            outside || (causal && key > query) ? Masked : s.X * args.Scale,
            outside || (causal && key > query + 1) ? Masked : s.Y * args.Scale,
            outside || (causal && key > query + 2) ? Masked : s.Z * args.Scale,
            outside || (causal && key > query + 3) ? Masked : s.W * args.Scale);
    }

    /// <summary>Writes one column of the score tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Spread(ArrayView<float> scores, int row, int key, Float4 value)
    {
        int at = row * 4 * ScoreStride + key;
        scores[at] = value.X;
        scores[at + 4 * ScoreStride] = value.Y;
        scores[at + 8 * ScoreStride] = value.Z;
        scores[at + 12 * ScoreStride] = value.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(AttentionArgs args, int batch, int query, int column, int d, Tile4x4 tile)
    {
        StoreRow(args, batch, query, column, d, tile.Row0);
        StoreRow(args, batch, query + 1, column, d, tile.Row1);
        StoreRow(args, batch, query + 2, column, d, tile.Row2);
        StoreRow(args, batch, query + 3, column, d, tile.Row3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(AttentionArgs args, int batch, int query, int column, int d, Float4 value)
    {
        if (query < args.Queries && d < args.HeadDim)
        {
            int at = (batch * args.Queries + query) * args.Heads * args.HeadDim + column + d;
            TileRow.Store(args.Y, at, args.HeadDim - d, args.Vector, value);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Dot(Float4 a, Float4 b, float c) => a.X * b.X + (a.Y * b.Y + (a.Z * b.Z + (a.W * b.W + c)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Float4 a) => a.X + a.Y + (a.Z + a.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Max(Float4 a, float b) => XMath.Max(XMath.Max(XMath.Max(a.X, a.Y), XMath.Max(a.Z, a.W)), b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Exp(Float4 a, Float4 max) =>
        new(XMath.Exp(a.X - max.X), XMath.Exp(a.Y - max.Y), XMath.Exp(a.Z - max.Z), XMath.Exp(a.W - max.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Tile4x4 ScaleRows(Tile4x4 tile, Float4 s) => new()
    {
        Row0 = Times(tile.Row0, s.X),
        Row1 = Times(tile.Row1, s.Y),
        Row2 = Times(tile.Row2, s.Z),
        Row3 = Times(tile.Row3, s.W),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Times(Float4 a, float s) => new(a.X * s, a.Y * s, a.Z * s, a.W * s);

    public static GpuKernel<AttentionArgs> NaiveKernel { get; } = new(Naive);

    public static GpuKernel<AttentionArgs> Flash64Kernel { get; } = new(Flash<HeadWidth64>, FlashGroupSize, 4);

    public static GpuKernel<AttentionArgs> Flash128Kernel { get; } = new(Flash<HeadWidth128>, FlashGroupSize, 4);

    public static IEnumerable<GpuKernel> All => [NaiveKernel, Flash64Kernel, Flash128Kernel];
}

/// <summary>The width to which heads are padded, as a type.</summary>
internal interface IHeadWidth
{
    static abstract int Size { get; }
}

/// <summary>Heads of up to 64 floats.</summary>
internal readonly struct HeadWidth64 : IHeadWidth
{
    public static int Size => 64;
}

/// <summary>Heads of up to 128 floats.</summary>
internal readonly struct HeadWidth128 : IHeadWidth
{
    public static int Size => 128;
}

/// <summary>Arguments of the attention kernels.</summary>
internal struct AttentionArgs
{
    public ArrayView<float> Q, K, V, Y;
    public int Outputs, Heads, Queries, Keys, HeadDim, QueryStride, KeyStride, ValueStride, Causal;

    /// <summary>1 when every row of a head starts on 16 bytes and its width is a multiple of 4.</summary>
    public int Vector;

    public float Scale;
}
