using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Attention;

// The third rung of AttentionKernels' ladder: both products on tensor cores (mma.sync), softmax in registers.
//   A group of four warps takes 64 queries of a head, a warp 16 of them, and walks over the keys in tiles of 32 with the online
//   softmax. Scores q k^T are fragments of 16x8: a thread holds two neighbouring keys of rows lane/4 and lane/4 + 8, so that a row
//   belongs to four neighbouring lanes, and two shuffles find its maximum. Weights go into the second product from the registers
//   that they were computed in: for 16-bit formats the fragments of the result are those of a factor; for TF32, whose factors hold
//   other keys in a lane, the keys of v are stored in the order that makes them so (Value).
//   Shared memory: queries (64 x 64), keys (32 x 64), values transposed (64 x 32), rounded on the way in, in chunks of 16 bytes,
//   swizzled so that the eight rows of an ldmatrix meet all banks.
//   Heads of up to 64 floats; scores, maxima and sums FP32.
internal static class TensorAttentionKernels
{
    /// <summary>Queries of a group, and threads of it.</summary>
    public const int Queries = 64, Threads = 128;

    private const int Keys = 32, Width = 64;

    public static void FlashTensor<TCore>(AttentionArgs args) where TCore : struct, ITensorCore
    {
        int thread = Group.IdxX, lane = thread % 32, warp = thread / 32;
        // Chunks of a row of 64 floats, and of the three matrices.
        int rowChunks = Width / TCore.ChunkValues, atKeys = Queries * rowChunks, atValues = atKeys + Keys * rowChunks;
        var group = new TensorGroup
        {
            Shared = SharedMemory.Allocate<Word4>((Queries + Keys) * (Width / TCore.ChunkValues)
                + Width * (Keys / TCore.ChunkValues)),
            Address = TCore.SharedAddress(),
            Lane = lane,
        };
        int blocks = (args.Queries + Queries - 1) / Queries;
        int block = Grid.IdxX % blocks, head = Grid.IdxX / blocks % args.Heads, batch = Grid.IdxX / (blocks * args.Heads);
        int firstQuery = block * Queries, column = head * args.HeadDim;
        LoadRows<TCore>(group, args, args.Q, 0, Queries, args.QueryStride, batch * args.Queries, firstQuery, args.Queries, column);

        var state = new SoftmaxRows { Max0 = AttentionKernels.Masked, Max1 = AttentionKernels.Masked };
        int query = firstQuery + warp * 16 + lane / 4, row = warp * 16 + lane % 16;
        int lastKey = args.Causal != 0 && firstQuery + Queries < args.Keys ? firstQuery + Queries : args.Keys;
        for (int firstKey = 0; firstKey < lastKey; firstKey += Keys)
        {
            Group.Barrier(); // the last tile has been used
            LoadRows<TCore>(group, args, args.K, atKeys, Keys, args.KeyStride, batch * args.Keys, firstKey, args.Keys, column);
            LoadValues<TCore>(group, args, atValues, batch * args.Keys, firstKey, column);
            Group.Barrier();

            var scores = default(Scores32);
            int keyRow = lane % 8 + lane / 16 * 8;
            for (int chunk = 0; chunk < Width / TCore.ChunkValues; chunk += 2)
            {
                var a = TCore.LoadMatrices(group, Place<TCore>(row, chunk + lane / 16));
                var b01 = TCore.LoadMatrices(group, atKeys + Place<TCore>(keyRow, chunk + lane / 8 % 2));
                var b23 = TCore.LoadMatrices(group, atKeys + Place<TCore>(keyRow + 16, chunk + lane / 8 % 2));
                scores.S0 = TCore.Multiply(group, scores.S0, a, b01.X, b01.Y);
                scores.S1 = TCore.Multiply(group, scores.S1, a, b01.Z, b01.W);
                scores.S2 = TCore.Multiply(group, scores.S2, a, b23.X, b23.Y);
                scores.S3 = TCore.Multiply(group, scores.S3, a, b23.Z, b23.W);
            }
            state.Weigh(ref scores, args, query, firstKey + lane % 4 * 2);
            if (TCore.ChunkValues == 8)
            {
                AddValues<TCore>(group, ref state, TCore.Pack(new RawChunk { Low = scores.S0, High = scores.S1 }), atValues, 0);
                AddValues<TCore>(group, ref state, TCore.Pack(new RawChunk { Low = scores.S2, High = scores.S3 }), atValues, 2);
            }
            else
            {
                AddValues<TCore>(group, ref state, TCore.Pack(Turned(scores.S0)), atValues, 0);
                AddValues<TCore>(group, ref state, TCore.Pack(Turned(scores.S1)), atValues, 2);
                AddValues<TCore>(group, ref state, TCore.Pack(Turned(scores.S2)), atValues, 4);
                AddValues<TCore>(group, ref state, TCore.Pack(Turned(scores.S3)), atValues, 6);
            }
        }
        state.Normalize();
        int target = (batch * args.Queries + query) * args.Heads * args.HeadDim + column;
        Store(args, query, target, lane, 0, state.Left);
        Store(args, query, target, lane, 32, state.Right);
    }

    /// <summary>Rows of one head, rounded; zeros beyond the last row and beyond the head's width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadRows<TCore>(TensorGroup group, AttentionArgs args, ArrayView<float> source, int at, int count,
        int stride, int firstToken, int firstRow, int rows, int column) where TCore : struct, ITensorCore
    {
        for (int i = Group.IdxX; i < count * (Width / TCore.ChunkValues); i += Threads)
        {
            int r = i / (Width / TCore.ChunkValues), chunk = i % (Width / TCore.ChunkValues), d = chunk * TCore.ChunkValues;
            var raw = default(RawChunk);
            if (firstRow + r < rows)
            {
                int from = (firstToken + firstRow + r) * stride + column + d;
                raw.Low = Four(source, from, args.HeadDim - d, args.Vector);
                if (TCore.ChunkValues == 8)
                {
                    raw.High = Four(source, from + 4, args.HeadDim - d - 4, args.Vector);
                }
            }
            group.Shared[at + Place<TCore>(r, chunk)] = TCore.Pack(raw);
        }
    }

    /// <summary>A tile of values, transposed: neighbouring threads read neighbouring floats of a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadValues<TCore>(TensorGroup group, AttentionArgs args, int at, int firstToken, int firstKey, int column)
        where TCore : struct, ITensorCore
    {
        for (int i = Group.IdxX; i < Width * (Keys / TCore.ChunkValues); i += Threads)
        {
            int d = i % Width, chunk = i / Width;
            var raw = default(RawChunk);
            raw.Low = new Float4(Value<TCore>(args, firstToken, firstKey, column, d, chunk, 0),
                Value<TCore>(args, firstToken, firstKey, column, d, chunk, 1),
                Value<TCore>(args, firstToken, firstKey, column, d, chunk, 2),
                Value<TCore>(args, firstToken, firstKey, column, d, chunk, 3));
            if (TCore.ChunkValues == 8)
            {
                raw.High = new Float4(Value<TCore>(args, firstToken, firstKey, column, d, chunk, 4),
                    Value<TCore>(args, firstToken, firstKey, column, d, chunk, 5),
                    Value<TCore>(args, firstToken, firstKey, column, d, chunk, 6),
                    Value<TCore>(args, firstToken, firstKey, column, d, chunk, 7));
            }
            group.Shared[at + PlaceOfValue<TCore>(d, chunk)] = TCore.Pack(raw);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Value<TCore>(AttentionArgs args, int firstToken, int firstKey, int column, int d, int chunk, int place)
        where TCore : struct, ITensorCore
    {
        // 16 bits: in order. TF32: a lane's factor takes keys t and t + 4 of eight where its scores are those of 2t and 2t + 1.
        int key = firstKey + (TCore.ChunkValues == 8 ? chunk * 8 + place : chunk / 2 * 8 + place * 2 + chunk % 2);
        float value = 0;
        if (key < args.Keys && d < args.HeadDim)
        {
            value = args.V[(firstToken + key) * args.ValueStride + column + d];
        }
        return value;
    }

    /// <summary>result += weights v over 32 bytes of keys; the result's 64 columns are eight fragments.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddValues<TCore>(TensorGroup group, ref SoftmaxRows state, Word4 weights, int at, int chunk)
        where TCore : struct, ITensorCore
    {
        int d = group.Lane % 8 + group.Lane / 16 * 8, k = chunk + group.Lane / 8 % 2;
        Word4 b01 = TCore.LoadMatrices(group, at + PlaceOfValue<TCore>(d, k));
        Word4 b23 = TCore.LoadMatrices(group, at + PlaceOfValue<TCore>(d + 16, k));
        state.Left.S0 = TCore.Multiply(group, state.Left.S0, weights, b01.X, b01.Y);
        state.Left.S1 = TCore.Multiply(group, state.Left.S1, weights, b01.Z, b01.W);
        state.Left.S2 = TCore.Multiply(group, state.Left.S2, weights, b23.X, b23.Y);
        state.Left.S3 = TCore.Multiply(group, state.Left.S3, weights, b23.Z, b23.W);
        Word4 b45 = TCore.LoadMatrices(group, at + PlaceOfValue<TCore>(d + 32, k));
        Word4 b67 = TCore.LoadMatrices(group, at + PlaceOfValue<TCore>(d + 48, k));
        state.Right.S0 = TCore.Multiply(group, state.Right.S0, weights, b45.X, b45.Y);
        state.Right.S1 = TCore.Multiply(group, state.Right.S1, weights, b45.Z, b45.W);
        state.Right.S2 = TCore.Multiply(group, state.Right.S2, weights, b67.X, b67.Y);
        state.Right.S3 = TCore.Multiply(group, state.Right.S3, weights, b67.Z, b67.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RawChunk Turned(Float4 s) => new() { Low = new Float4(s.X, s.Z, s.Y, s.W) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Place<TCore>(int row, int chunk) where TCore : struct, ITensorCore =>
        row * (Width / TCore.ChunkValues) + (chunk ^ (row % 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int PlaceOfValue<TCore>(int row, int chunk) where TCore : struct, ITensorCore =>
        TCore.ChunkValues == 8 ? TensorGemmKernels.Place(row, chunk) : row * 8 + (chunk ^ (row % 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Four(ArrayView<float> source, int at, int left, int vector)
    {
        var value = default(Float4);
        if (left > 0)
        {
            value = TileRow.Load(source, at, left, vector);
        }
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(AttentionArgs args, int query, int target, int lane, int d, Scores32 result)
    {
        d += lane % 4 * 2;
        StoreFragment(args, query, target, d, result.S0);
        StoreFragment(args, query, target, d + 8, result.S1);
        StoreFragment(args, query, target, d + 16, result.S2);
        StoreFragment(args, query, target, d + 24, result.S3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFragment(AttentionArgs args, int query, int target, int d, Float4 value)
    {
        if (query < args.Queries)
        {
            StorePair(args, target + d, args.HeadDim - d, value.X, value.Y);
        }
        if (query + 8 < args.Queries)
        {
            StorePair(args, target + 8 * args.Heads * args.HeadDim + d, args.HeadDim - d, value.Z, value.W);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(AttentionArgs args, int at, int left, float first, float second)
    {
        if (left > 0 && args.Vector != 0)
        {
            args.Y.Cast<Float2>()[at / 2] = new Float2(first, second);
        }
        else if (left > 0)
        {
            args.Y[at] = first;
            if (left > 1)
            {
                args.Y[at + 1] = second;
            }
        }
    }

    public static GpuKernel<AttentionArgs>[] TensorKernels { get; } =
    [
        new(FlashTensor<Tf32Core>, Threads, 4), new(FlashTensor<Fp16Core>, Threads, 4), new(FlashTensor<Bf16Core>, Threads, 4),
    ];

    public static IEnumerable<GpuKernel> All => TensorKernels;

    /// <summary>The kernel of a precision other than FP32.</summary>
    public static GpuKernel<AttentionArgs> Of(Precision precision) => TensorKernels[precision - Precision.Tf32];
}

/// <summary>A thread's part of 16 rows by 32 columns: four fragments of 16x8.</summary>
internal struct Scores32
{
    public Float4 S0, S1, S2, S3;
}

/// <summary>The online softmax of a thread's two rows, and its part of 16 rows of the result.</summary>
internal struct SoftmaxRows
{
    /// <summary>Largest score so far of row lane / 4 and of the row 8 below; sums of this thread's weights.</summary>
    public float Max0, Max1, Sum0, Sum1;

    /// <summary>Columns 0..31 and 32..63.</summary>
    public Scores32 Left, Right;

    /// <summary>Scores to weights; what was summed before is scaled to the new maxima.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Weigh(ref Scores32 s, AttentionArgs args, int query, int key)
    {
        s.S0 = Mask(s.S0, args, query, key);
        s.S1 = Mask(s.S1, args, query, key + 8);
        s.S2 = Mask(s.S2, args, query, key + 16);
        s.S3 = Mask(s.S3, args, query, key + 24);
        float next0 = RowMax(XMath.Max(Max0, Largest(s.S0.X, s.S0.Y, s.S1.X, s.S1.Y, s.S2.X, s.S2.Y, s.S3.X, s.S3.Y)));
        float next1 = RowMax(XMath.Max(Max1, Largest(s.S0.Z, s.S0.W, s.S1.Z, s.S1.W, s.S2.Z, s.S2.W, s.S3.Z, s.S3.W)));
        float keep0 = XMath.Exp(Max0 - next0), keep1 = XMath.Exp(Max1 - next1);
        Max0 = next0;
        Max1 = next1;
        s.S0 = Exp(s.S0);
        s.S1 = Exp(s.S1);
        s.S2 = Exp(s.S2);
        s.S3 = Exp(s.S3);
        Sum0 = Sum0 * keep0 + s.S0.X + s.S0.Y + s.S1.X + s.S1.Y + s.S2.X + s.S2.Y + s.S3.X + s.S3.Y;
        Sum1 = Sum1 * keep1 + s.S0.Z + s.S0.W + s.S1.Z + s.S1.W + s.S2.Z + s.S2.W + s.S3.Z + s.S3.W;
        Left = Scale(Left, keep0, keep1);
        Right = Scale(Right, keep0, keep1);
    }

    /// <summary>Divides by the sums of the weights, those of the row's four lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Normalize()
    {
        float sum0 = Sum0 + Warp.ShuffleXor(Sum0, 1), sum1 = Sum1 + Warp.ShuffleXor(Sum1, 1);
        sum0 += Warp.ShuffleXor(sum0, 2);
        sum1 += Warp.ShuffleXor(sum1, 2);
        Left = Scale(Left, 1 / sum0, 1 / sum1);
        Right = Scale(Right, 1 / sum0, 1 / sum1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Mask(Float4 s, AttentionArgs args, int query, int key) => new(
        Hidden(args, query, key) ? AttentionKernels.Masked : s.X * args.Scale,
        Hidden(args, query, key + 1) ? AttentionKernels.Masked : s.Y * args.Scale,
        Hidden(args, query + 8, key) ? AttentionKernels.Masked : s.Z * args.Scale,
        Hidden(args, query + 8, key + 1) ? AttentionKernels.Masked : s.W * args.Scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Hidden(AttentionArgs args, int query, int key) => key >= args.Keys || (args.Causal != 0 && key > query);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(float a, float b, float c, float d, float e, float f, float g, float h) =>
        XMath.Max(XMath.Max(XMath.Max(a, b), XMath.Max(c, d)), XMath.Max(XMath.Max(e, f), XMath.Max(g, h)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float RowMax(float value)
    {
        value = XMath.Max(value, Warp.ShuffleXor(value, 1));
        return XMath.Max(value, Warp.ShuffleXor(value, 2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly Float4 Exp(Float4 s) =>
        new(XMath.Exp(s.X - Max0), XMath.Exp(s.Y - Max0), XMath.Exp(s.Z - Max1), XMath.Exp(s.W - Max1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Scores32 Scale(Scores32 s, float row0, float row1) => new()
    {
        S0 = Scale(s.S0, row0, row1),
        S1 = Scale(s.S1, row0, row1),
        S2 = Scale(s.S2, row0, row1),
        S3 = Scale(s.S3, row0, row1),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Scale(Float4 s, float row0, float row1) => new(s.X * row0, s.Y * row0, s.Z * row1, s.W * row1);
}
