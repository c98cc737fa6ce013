using ILGPU;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// <see cref="ITensorCore"/> in C#, lane by lane: what each instruction does, and what the simulator runs in their place, so
/// that addresses, swizzle, edges and epilogue of the blocks are checked without a GPU. Lanes exchange words through their
/// warp's scratch memory, six each.
/// </summary>
internal static class EmulatedTensorCores
{
    /// <summary>32 lanes of six words.</summary>
    public const int ScratchChunks = 48;

    public static Word4 LoadMatrices(TensorGroup group, int chunk)
    {
        var words = group.Shared.Cast<uint>();
        int scratch = group.Scratch * 4, row = group.Lane / 4, word = group.Lane % 4;
        words[scratch + group.Lane] = (uint)chunk;
        Warp.Barrier();
        var result = new Word4(words[words[scratch + row] * 4 + word], words[words[scratch + 8 + row] * 4 + word],
            words[words[scratch + 16 + row] * 4 + word], words[words[scratch + 24 + row] * 4 + word]);
        Warp.Barrier();
        return result;
    }

    public static Word4 LoadTransposed(TensorGroup group, int chunk)
    {
        var words = group.Shared.Cast<uint>();
        int scratch = group.Scratch * 4;
        words[scratch + group.Lane] = (uint)chunk;
        Warp.Barrier();
        var result = new Word4(Column(words, scratch, group.Lane), Column(words, scratch + 8, group.Lane),
            Column(words, scratch + 16, group.Lane), Column(words, scratch + 24, group.Lane));
        Warp.Barrier();
        return result;
    }

    /// <summary>Two neighbours of a column of the matrix whose rows' chunks are named from here on.</summary>
    private static uint Column(ArrayView<uint> words, int rows, int lane)
    {
        int row = lane % 4 * 2, column = lane / 4;
        uint first = words[words[rows + row] * 4 + column / 2], second = words[words[rows + row + 1] * 4 + column / 2];
        return (first >> (column % 2 * 16) & 0xFFFF) | second >> (column % 2 * 16) << 16;
    }

    public static Float4 Multiply(Precision precision, TensorGroup group, Float4 c, Word4 a, uint b0, uint b1)
    {
        var words = group.Shared.Cast<uint>();
        int scratch = group.Scratch * 4, mine = scratch + group.Lane * 6;
        words[mine] = a.X;
        words[mine + 1] = a.Y;
        words[mine + 2] = a.Z;
        words[mine + 3] = a.W;
        words[mine + 4] = b0;
        words[mine + 5] = b1;
        Warp.Barrier();
        var result = new Float4(c.X + Sum(precision, words, scratch, group.Lane, 0),
            c.Y + Sum(precision, words, scratch, group.Lane, 1), c.Z + Sum(precision, words, scratch, group.Lane, 2),
            c.W + Sum(precision, words, scratch, group.Lane, 3));
        Warp.Barrier();
        return result;
    }

    private static float Sum(Precision precision, ArrayView<uint> words, int scratch, int lane, int register)
    {
        int row = MmaFragments.RowOfC(lane, register), column = MmaFragments.ColumnOfC(lane, register);
        int halves = precision == Precision.Tf32 ? 1 : 2;
        float sum = 0;
        for (int word = 0; word < 8; word++)
        {
            var a = MmaFragments.OfA(row, word);
            var b = MmaFragments.OfB(column, word);
            uint aWord = words[scratch + a.Lane * 6 + a.Register], bWord = words[scratch + b.Lane * 6 + 4 + b.Register];
            for (int half = 0; half < halves; half++)
            {
                sum += TensorFormats.Value(precision, aWord, half) * TensorFormats.Value(precision, bWord, half);
            }
        }
        return sum;
    }
}

/// <summary>Emulated TF32.</summary>
internal readonly struct EmulatedTf32Core : ITensorCore
{
    public static int ChunkValues => 4;

    public static int ScratchChunks => EmulatedTensorCores.ScratchChunks;

    public static uint SharedAddress() => 0;

    public static Word4 Pack(RawChunk raw) => TensorFormats.Pack(Precision.Tf32, raw.Low, raw.High);

    public static Word4 LoadMatrices(TensorGroup group, int chunk) => EmulatedTensorCores.LoadMatrices(group, chunk);

    public static Float4 Multiply(TensorGroup group, Float4 c, Word4 a, uint b0, uint b1) =>
        EmulatedTensorCores.Multiply(Precision.Tf32, group, c, a, b0, b1);

    public static void Copy(TensorGroup group, int to, ArrayView<Word4> source, long sourceAddress, int from) =>
        group.Shared[to] = source[from];

    public static void CopyIf(TensorGroup group, int to, ArrayView<Word4> source, long sourceAddress, int from, bool inside) =>
        group.Shared[to] = inside ? source[from] : default;

    public static void Commit() { }

    public static void WaitForAllButOne() { }

    public static void WaitForAll() { }
}

/// <summary>Emulated half precision.</summary>
internal readonly struct EmulatedFp16Core : IHalfCore
{
    public static int ChunkValues => 8;

    public static int ScratchChunks => EmulatedTensorCores.ScratchChunks;

    public static uint SharedAddress() => 0;

    public static Word4 Pack(RawChunk raw) => TensorFormats.Pack(Precision.Fp16, raw.Low, raw.High);

    public static Word4 LoadMatrices(TensorGroup group, int chunk) => EmulatedTensorCores.LoadMatrices(group, chunk);

    public static Word4 LoadTransposed(TensorGroup group, int chunk) => EmulatedTensorCores.LoadTransposed(group, chunk);

    public static Float4 Multiply(TensorGroup group, Float4 c, Word4 a, uint b0, uint b1) =>
        EmulatedTensorCores.Multiply(Precision.Fp16, group, c, a, b0, b1);

    public static void Copy(TensorGroup group, int to, ArrayView<Word4> source, long sourceAddress, int from) =>
        group.Shared[to] = source[from];

    public static void CopyIf(TensorGroup group, int to, ArrayView<Word4> source, long sourceAddress, int from, bool inside) =>
        group.Shared[to] = inside ? source[from] : default;

    public static void Commit() { }

    public static void WaitForAllButOne() { }

    public static void WaitForAll() { }
}

/// <summary>Emulated bfloat16.</summary>
internal readonly struct EmulatedBf16Core : ITensorCore
{
    public static int ChunkValues => 8;

    public static int ScratchChunks => EmulatedTensorCores.ScratchChunks;

    public static uint SharedAddress() => 0;

    public static Word4 Pack(RawChunk raw) => TensorFormats.Pack(Precision.Bf16, raw.Low, raw.High);

    public static Word4 LoadMatrices(TensorGroup group, int chunk) => EmulatedTensorCores.LoadMatrices(group, chunk);

    public static Float4 Multiply(TensorGroup group, Float4 c, Word4 a, uint b0, uint b1) =>
        EmulatedTensorCores.Multiply(Precision.Bf16, group, c, a, b0, b1);

    public static void Copy(TensorGroup group, int to, ArrayView<Word4> source, long sourceAddress, int from) =>
        group.Shared[to] = source[from];

    public static void CopyIf(TensorGroup group, int to, ArrayView<Word4> source, long sourceAddress, int from, bool inside) =>
        group.Shared[to] = inside ? source[from] : default;

    public static void Commit() { }

    public static void WaitForAllButOne() { }

    public static void WaitForAll() { }
}
