using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;
using static Tcm.Kernels.Attention.AttentionTile;

namespace Tcm.Kernels.Attention;

// Gradients of attention, fp32. With s = scale q k^T, p = softmax(s) and g = dy v^T of one query:
//   D = sum of p g over its keys, ds = p (g - D) scale;  dq = ds k,  dk = ds^T q,  dv = p^T dy.
//   V1 NaiveAttentionGradientKernels   one thread a query or an output; serve heads wider than 64.
//   V2 FlashQuery, FlashKeyValue       groups of 128 threads, tiles of 32 queries by 32 keys; scores never leave the chip
//      (FlashAttention, Dao et al. 2022). FlashQuery owns queries: a first walk over the keys finds log(sum exp s) and D
//      online, a second one dq. FlashKeyValue owns keys and walks over the queries. Each gradient is summed by one group in
//      one order: no float atomics, so that results repeat. <- default up to 64 floats a head
internal static class AttentionGradientKernels
{
    private const int Tile = AttentionKernels.Tile, ScoreStride = AttentionKernels.ScoreStride;
    private const int Stride = AttentionTile.Stride;
    private const float Masked = AttentionKernels.Masked;

    /// <summary>
    /// dq, and the statistics of each query. The grid is (batch, head, query block). Thread (tx, ty) = (thread % 16,
    /// thread / 16) owns queries 4ty..4ty+3: their scores with keys tx and tx + 16, columns 4tx..4tx+3 of their gradients.
    /// </summary>
    public static void FlashQuery(AttentionGradientArgs args)
    {
        var q = SharedMemory.Allocate<Float4>(Tile * Stride);
        var dy = SharedMemory.Allocate<Float4>(Tile * Stride);
        var k = SharedMemory.Allocate<Float4>(Tile * Stride);
        var v = SharedMemory.Allocate<Float4>(Tile * Stride);
        var scores = SharedMemory.Allocate<Float4>(Tile * ScoreStride);
        var scalars = scores.Cast<float>();
        int blocks = (args.Queries + Tile - 1) / Tile;
        int block = Grid.IdxX % blocks, head = Grid.IdxX / blocks % args.Heads, batch = Grid.IdxX / (blocks * args.Heads);
        int tx = Group.IdxX % 16, row = Group.IdxX / 16 * 4, firstQuery = block * Tile, column = head * args.HeadDim;
        int lastKey = args.Causal != 0 && firstQuery + Tile < args.Keys ? firstQuery + Tile : args.Keys;
        Load(q, args.Q, args, args.QueryStride, batch * args.Queries, firstQuery, args.Queries, column);
        Load(dy, args.Dy, args, args.Heads * args.HeadDim, batch * args.Queries, firstQuery, args.Queries, column);

        // Each thread keeps maxima and sums of the keys that it meets itself; they are merged after the walk.
        var max = new Float4(Masked, Masked, Masked, Masked);
        Float4 sum = default, product = default;
        for (int firstKey = 0; firstKey < lastKey; firstKey += Tile)
        {
            Group.Barrier(); // the last keys have been used
            Load(k, args.K, args, args.KeyStride, batch * args.Keys, firstKey, args.Keys, column);
            Load(v, args.V, args, args.ValueStride, batch * args.Keys, firstKey, args.Keys, column);
            Group.Barrier();
            Products(q, k, row, tx, out var left, out var right);
            Products(dy, v, row, tx, out var leftGradient, out var rightGradient);
            left = MaskQueries(args, left, firstQuery + row, firstKey + tx);
            right = MaskQueries(args, right, firstQuery + row, firstKey + tx + 16);
            var next = Max(max, Max(left, right));
            Float4 keep = Exp(max, next), p0 = Exp(left, next), p1 = Exp(right, next);
            max = next;
            sum = Add(Times(sum, keep), Add(p0, p1));
            product = Add(Times(product, keep), Add(Times(p0, leftGradient), Times(p1, rightGradient)));
        }
        AttentionKernels.Spread(scalars, row, tx, max);
        Group.Barrier();
        var top = max;
        for (int j = 0; j < 16; j++)
        {
            top = Max(top, Gather(scalars, row, j));
        }
        var share = Exp(max, top);
        Group.Barrier();
        AttentionKernels.Spread(scalars, row, tx, Times(sum, share));
        AttentionKernels.Spread(scalars, row, tx + 16, Times(product, share));
        Group.Barrier();
        sum = default;
        product = default;
        for (int j = 0; j < 16; j++)
        {
            sum = Add(sum, Gather(scalars, row, j));
            product = Add(product, Gather(scalars, row, j + 16));
        }
        var logSum = new Float4(top.X + XMath.Log(sum.X), top.Y + XMath.Log(sum.Y), top.Z + XMath.Log(sum.Z),
            top.W + XMath.Log(sum.W));
        var mean = new Float4(product.X / sum.X, product.Y / sum.Y, product.Z / sum.Z, product.W / sum.W);
        if (tx == 0)
        {
            int at = (batch * args.Heads + head) * args.Queries;
            StoreStatistics(args.LogSum, at, firstQuery + row, args.Queries, logSum);
            StoreStatistics(args.Mean, at, firstQuery + row, args.Queries, mean);
        }

        Tile4x4 dq = default;
        for (int firstKey = 0; firstKey < lastKey; firstKey += Tile)
        {
            Group.Barrier(); // the last keys and scores have been used
            Load(k, args.K, args, args.KeyStride, batch * args.Keys, firstKey, args.Keys, column);
            Load(v, args.V, args, args.ValueStride, batch * args.Keys, firstKey, args.Keys, column);
            Group.Barrier();
            Products(q, k, row, tx, out var left, out var right);
            Products(dy, v, row, tx, out var leftGradient, out var rightGradient);
            left = Exp(MaskQueries(args, left, firstQuery + row, firstKey + tx), logSum);
            right = Exp(MaskQueries(args, right, firstQuery + row, firstKey + tx + 16), logSum);
            AttentionKernels.Spread(scalars, row, tx, Times(left, Difference(leftGradient, mean, args.Scale)));
            AttentionKernels.Spread(scalars, row, tx + 16, Times(right, Difference(rightGradient, mean, args.Scale)));
            Group.Barrier();
            for (int j = 0; j < Tile / 4; j++)
            {
                Accumulate(ref dq, scores, k, row, j, tx);
            }
        }
        Store(args, args.Dq, args.QueryStride, batch * args.Queries, firstQuery + row, args.Queries, column, tx * 4, dq);
    }

    /// <summary>
    /// dk and dv, after the statistics of every query. The grid is (batch, head, key block); thread (tx, ty) owns keys
    /// 4ty..4ty+3: their scores with queries tx and tx + 16, columns 4tx..4tx+3 of their gradients.
    /// </summary>
    public static void FlashKeyValue(AttentionGradientArgs args)
    {
        var q = SharedMemory.Allocate<Float4>(Tile * Stride);
        var dy = SharedMemory.Allocate<Float4>(Tile * Stride);
        var k = SharedMemory.Allocate<Float4>(Tile * Stride);
        var v = SharedMemory.Allocate<Float4>(Tile * Stride);
        var weights = SharedMemory.Allocate<Float4>(Tile * ScoreStride);
        var scores = SharedMemory.Allocate<Float4>(Tile * ScoreStride);
        int blocks = (args.Keys + Tile - 1) / Tile;
        int block = Grid.IdxX % blocks, head = Grid.IdxX / blocks % args.Heads, batch = Grid.IdxX / (blocks * args.Heads);
        int tx = Group.IdxX % 16, row = Group.IdxX / 16 * 4, firstKey = block * Tile, column = head * args.HeadDim;
        Load(k, args.K, args, args.KeyStride, batch * args.Keys, firstKey, args.Keys, column);
        Load(v, args.V, args, args.ValueStride, batch * args.Keys, firstKey, args.Keys, column);
        Tile4x4 dk = default, dv = default;
        // Queries before the first key do not see it.
        for (int firstQuery = args.Causal != 0 ? firstKey : 0; firstQuery < args.Queries; firstQuery += Tile)
        {
            Group.Barrier(); // the last queries and scores have been used
            Load(q, args.Q, args, args.QueryStride, batch * args.Queries, firstQuery, args.Queries, column);
            Load(dy, args.Dy, args, args.Heads * args.HeadDim, batch * args.Queries, firstQuery, args.Queries, column);
            Group.Barrier();
            Products(k, q, row, tx, out var left, out var right);
            Products(v, dy, row, tx, out var leftGradient, out var rightGradient);
            int query = firstQuery + tx, at = (batch * args.Heads + head) * args.Queries + query;
            bool first = query < args.Queries, second = query + 16 < args.Queries;
            float logSum = first ? args.LogSum[at] : 0, mean = first ? args.Mean[at] : 0;
            left = Exp(MaskKeys(args, left, query, firstKey + row), new Float4(logSum, logSum, logSum, logSum));
            leftGradient = Difference(leftGradient, new Float4(mean, mean, mean, mean), args.Scale);
            logSum = second ? args.LogSum[at + 16] : 0;
            mean = second ? args.Mean[at + 16] : 0;
            right = Exp(MaskKeys(args, right, query + 16, firstKey + row), new Float4(logSum, logSum, logSum, logSum));
            rightGradient = Difference(rightGradient, new Float4(mean, mean, mean, mean), args.Scale);
            AttentionKernels.Spread(weights.Cast<float>(), row, tx, left);
            AttentionKernels.Spread(weights.Cast<float>(), row, tx + 16, right);
            AttentionKernels.Spread(scores.Cast<float>(), row, tx, Times(left, leftGradient));
            AttentionKernels.Spread(scores.Cast<float>(), row, tx + 16, Times(right, rightGradient));
            Group.Barrier();
            for (int j = 0; j < Tile / 4; j++)
            {
                Accumulate(ref dv, weights, dy, row, j, tx);
                Accumulate(ref dk, scores, q, row, j, tx);
            }
        }
        Store(args, args.Dk, args.KeyStride, batch * args.Keys, firstKey + row, args.Keys, column, tx * 4, dk);
        Store(args, args.Dv, args.ValueStride, batch * args.Keys, firstKey + row, args.Keys, column, tx * 4, dv);
    }

    public static GpuKernel<AttentionGradientArgs> FlashQueryKernel { get; } = new(FlashQuery, AttentionKernels.FlashGroupSize, 4);

    public static GpuKernel<AttentionGradientArgs> FlashKeyValueKernel { get; } =
        new(FlashKeyValue, AttentionKernels.FlashGroupSize, 4);

    public static IEnumerable<GpuKernel> All => [FlashQueryKernel, FlashKeyValueKernel];
}

/// <summary>Arguments of <see cref="AttentionGradientKernels"/>; LogSum and Mean are (Batch, Heads, Queries).</summary>
internal struct AttentionGradientArgs
{
    public ArrayView<float> Q, K, V, Dy, Dq, Dk, Dv, LogSum, Mean;

    /// <summary>Batch * Heads * Queries.</summary>
    public int Statistics;

    public int Batch, Heads, Queries, Keys, HeadDim, QueryStride, KeyStride, ValueStride, Causal;

    /// <summary>1 when every row of a head starts on 16 bytes and its width is a multiple of 4.</summary>
    public int Vector;

    public float Scale;
}
