using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Attention;

// Attention of tokens in half precision; the fourth rung of AttentionKernels' ladder.
//   V1 Naive  one thread two channels of a query's result, each by itself. Baseline for study; serves heads of any width.
//   V2 Flash  the blocks, fragments and softmax of TensorAttentionKernels on operands that lie in memory as they are multiplied.
//             What is different: queries, keys and values are copied to shared memory by cp.async, the next 32 keys while these
//             are computed; values stay rows of a key, and ldmatrix.trans turns them; a warp keeps its queries in registers; the
//             result leaves through shared memory, so that it is stored 128 bits at a time.
//             Heads of up to 64 halves, a multiple of 8. <- default
internal static class HalfAttentionKernels
{
    /// <summary>Queries of a group, threads of it, and the widest head.</summary>
    public const int Queries = TensorAttentionKernels.Queries, Threads = TensorAttentionKernels.Threads, Width = 64;

    private const int Keys = 32, RowChunks = Width / 8, StageChunks = 2 * Keys * RowChunks;

    public static void FlashHalf(HalfAttentionArgs args)
    {
        int lane = Group.IdxX % 32, warp = Group.IdxX / 32;
        var group = new TensorGroup
        {
            Shared = SharedMemory.Allocate<Word4>(Queries * RowChunks + 2 * StageChunks),
            Address = Fp16Core.SharedAddress(),
            Lane = lane,
        };
        int blocks = (args.Shape.Queries + Queries - 1) / Queries;
        int block = Grid.IdxX % blocks, head = Grid.IdxX / blocks % args.Shape.Heads;
        int batch = Grid.IdxX / (blocks * args.Shape.Heads), firstQuery = block * Queries, firstToken = batch * args.Shape.Keys;
        // Chunks of a head, and the first one of this.
        int width = args.Shape.HeadDim / 8, column = head * width;
        CopyRows(group, args.AddressQ, 0, Queries, args.Shape.QueryStride,
            batch * args.Shape.Queries, firstQuery, args.Shape.Queries, column, width);
        CopyTile(group, args, Queries * RowChunks, firstToken, 0, column, width);
        Fp16Core.WaitForAll();
        Group.Barrier();

        int row = warp * 16 + lane % 16, half = lane / 16;
        Word4 q0 = Fp16Core.LoadMatrices(group, Place(row, half)), q1 = Fp16Core.LoadMatrices(group, Place(row, 2 + half));
        Word4 q2 = Fp16Core.LoadMatrices(group, Place(row, 4 + half)), q3 = Fp16Core.LoadMatrices(group, Place(row, 6 + half));
        var state = new SoftmaxRows { Max0 = AttentionKernels.Masked, Max1 = AttentionKernels.Masked };
        int query = firstQuery + warp * 16 + lane / 4, stage = Queries * RowChunks;
        int lastKey = args.Shape.Causal != 0 && firstQuery + Queries < args.Shape.Keys ? firstQuery + Queries : args.Shape.Keys;
        for (int firstKey = 0; firstKey < lastKey; firstKey += Keys)
        {
            // One tile more than there are, of zeros or of keys that nobody sees: a branch would double the code behind it.
            int next = stage == Queries * RowChunks ? stage + StageChunks : Queries * RowChunks;
            CopyTile(group, args, next, firstToken, firstKey + Keys, column, width);
            var scores = default(Scores32);
            AddScores(group, ref scores, q0, stage, 0);
            AddScores(group, ref scores, q1, stage, 2);
            AddScores(group, ref scores, q2, stage, 4);
            AddScores(group, ref scores, q3, stage, 6);
            state.Weigh(ref scores, args.Shape, query, firstKey + lane % 4 * 2);
            int values = stage + Keys * RowChunks;
            AddValues(group, ref state, Fp16Core.Pack(new RawChunk { Low = scores.S0, High = scores.S1 }), values, 0);
            AddValues(group, ref state, Fp16Core.Pack(new RawChunk { Low = scores.S2, High = scores.S3 }), values, 16);
            stage = next;
            Fp16Core.WaitForAll();
            Group.Barrier();
        }
        state.Normalize();

        // Nobody needs the queries any more; each warp's result takes their place.
        row = warp * 16 + lane / 4;
        Put(group, row, 0, state.Left.S0, state.Left.S1);
        Put(group, row, 2, state.Left.S2, state.Left.S3);
        Put(group, row, 4, state.Right.S0, state.Right.S1);
        Put(group, row, 6, state.Right.S2, state.Right.S3);
        Group.Barrier();
        var y = args.Shape.Y.Cast<Word4>();
        for (int i = Group.IdxX; i < Queries * RowChunks; i += Threads)
        {
            int r = i / RowChunks, chunk = i % RowChunks;
            if (chunk < width && firstQuery + r < args.Shape.Queries)
            {
                y[(batch * args.Shape.Queries + firstQuery + r) * args.Shape.Heads * width + column + chunk] =
                    group.Shared[Place(r, chunk)];
            }
        }
    }

    public static void Naive(HalfAttentionArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX, words = args.Shape.Heads * args.Shape.HeadDim / 2;
        if (i < args.Shape.Outputs)
        {
            int token = i / words, c = i % words * 2;
            args.Shape.Y.Cast<uint>()[i] = Half8.Pair(Channel(args, token, c), Channel(args, token, c + 1));
        }
    }

    /// <summary>One channel of a token's result, by an online softmax over its keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Channel(HalfAttentionArgs args, int token, int c)
    {
        int first = c / args.Shape.HeadDim * args.Shape.HeadDim, batch = token / args.Shape.Queries;
        int query = token - batch * args.Shape.Queries, keys = args.Shape.Causal != 0 ? query + 1 : args.Shape.Keys;
        float max = AttentionKernels.Masked, sum = 0, value = 0;
        for (int key = 0; key < keys; key++)
        {
            int k = batch * args.Shape.Keys + key;
            float score = 0;
            for (int d = first; d < first + args.Shape.HeadDim; d++)
            {
                score += Value(args.Shape.Q, token * args.Shape.QueryStride, d) * Value(args.Shape.K, k * args.Shape.KeyStride, d);
            }
            float next = XMath.Max(max, score * args.Shape.Scale), keep = XMath.Exp(max - next);
            float weight = XMath.Exp(score * args.Shape.Scale - next);
            sum = sum * keep + weight;
            value = value * keep + weight * Value(args.Shape.V, k * args.Shape.ValueStride, c);
            max = next;
        }
        return value / sum;
    }

    /// <summary>Channel c of the row that begins with this chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Value(ArrayView<float> source, int chunk, int c) =>
        Half8.Value(source.Cast<uint>()[chunk * 4 + c / 2], c % 2);

    /// <summary>Starts to copy a tile of keys and of values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyTile(TensorGroup group, HalfAttentionArgs args, int to, int firstToken, int firstKey, int column,
        int width)
    {
        CopyRows(group, args.AddressK, to, Keys, args.Shape.KeyStride, firstToken, firstKey,
            args.Shape.Keys, column, width);
        CopyRows(group, args.AddressV, to + Keys * RowChunks, Keys, args.Shape.ValueStride,
            firstToken, firstKey, args.Shape.Keys, column, width);
    }

    /// <summary>Starts to copy rows of one head; zeros beyond the last row and beyond the head's width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRows(TensorGroup group, long source, int to, int count, int stride,
        int firstToken, int firstRow, int rows, int column, int width)
    {
        for (int i = Group.IdxX; i < count * RowChunks; i += Threads)
        {
            int r = i / RowChunks, chunk = i % RowChunks;
            bool inside = firstRow + r < rows && chunk < width;
            Fp16Core.CopyIf(group, to + Place(r, chunk), source,
                inside ? (firstToken + firstRow + r) * stride + column + chunk : 0, inside);
        }
    }

    /// <summary>scores += q k^T over 16 channels of 32 keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScores(TensorGroup group, ref Scores32 scores, Word4 q, int keys, int chunk)
    {
        int key = group.Lane % 8 + group.Lane / 16 * 8;
        Word4 b01 = Fp16Core.LoadMatrices(group, keys + Place(key, chunk + group.Lane / 8 % 2));
        Word4 b23 = Fp16Core.LoadMatrices(group, keys + Place(key + 16, chunk + group.Lane / 8 % 2));
        scores.S0 = Fp16Core.Multiply(group, scores.S0, q, b01.X, b01.Y);
        scores.S1 = Fp16Core.Multiply(group, scores.S1, q, b01.Z, b01.W);
        scores.S2 = Fp16Core.Multiply(group, scores.S2, q, b23.X, b23.Y);
        scores.S3 = Fp16Core.Multiply(group, scores.S3, q, b23.Z, b23.W);
    }

    /// <summary>result += weights v over 16 keys; a load turns 16 keys by 16 channels into two factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddValues(TensorGroup group, ref SoftmaxRows state, Word4 weights, int values, int firstKey)
    {
        int key = firstKey + group.Lane % 16, half = group.Lane / 16;
        Word4 b01 = Fp16Core.LoadTransposed(group, values + Place(key, half));
        Word4 b23 = Fp16Core.LoadTransposed(group, values + Place(key, 2 + half));
        state.Left.S0 = Fp16Core.Multiply(group, state.Left.S0, weights, b01.X, b01.Y);
        state.Left.S1 = Fp16Core.Multiply(group, state.Left.S1, weights, b01.Z, b01.W);
        state.Left.S2 = Fp16Core.Multiply(group, state.Left.S2, weights, b23.X, b23.Y);
        state.Left.S3 = Fp16Core.Multiply(group, state.Left.S3, weights, b23.Z, b23.W);
        Word4 b45 = Fp16Core.LoadTransposed(group, values + Place(key, 4 + half));
        Word4 b67 = Fp16Core.LoadTransposed(group, values + Place(key, 6 + half));
        state.Right.S0 = Fp16Core.Multiply(group, state.Right.S0, weights, b45.X, b45.Y);
        state.Right.S1 = Fp16Core.Multiply(group, state.Right.S1, weights, b45.Z, b45.W);
        state.Right.S2 = Fp16Core.Multiply(group, state.Right.S2, weights, b67.X, b67.Y);
        state.Right.S3 = Fp16Core.Multiply(group, state.Right.S3, weights, b67.Z, b67.W);
    }

    /// <summary>16 columns of a thread's two rows, rounded, to shared memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(TensorGroup group, int row, int chunk, Float4 left, Float4 right)
    {
        var words = group.Shared.Cast<uint>();
        var pairs = Fp16Core.Pack(new RawChunk { Low = left, High = right });
        words[Place(row, chunk) * 4 + group.Lane % 4] = pairs.X;
        words[Place(row + 8, chunk) * 4 + group.Lane % 4] = pairs.Y;
        words[Place(row, chunk + 1) * 4 + group.Lane % 4] = pairs.Z;
        words[Place(row + 8, chunk + 1) * 4 + group.Lane % 4] = pairs.W;
    }

    /// <summary>Swizzled, so that the eight rows of an ldmatrix meet all banks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Place(int row, int chunk) => row * RowChunks + (chunk ^ (row % 8));

    public static GpuKernel<HalfAttentionArgs> NaiveKernel { get; } = new(Naive);

    public static GpuKernel<HalfAttentionArgs> FlashKernel { get; } = new(FlashHalf, Threads, 4);

    public static IEnumerable<GpuKernel> All => [NaiveKernel, FlashKernel];
}

/// <summary>Arguments of <see cref="HalfAttentionKernels"/>.</summary>
internal struct HalfAttentionArgs
{
    /// <summary>As for floats, but that the views hold halves, strides count chunks of eight, and Outputs pairs.</summary>
    public AttentionArgs Shape;

    /// <summary>Where q, k and v begin, for cp.async.</summary>
    public long AddressQ, AddressK, AddressV;
}
