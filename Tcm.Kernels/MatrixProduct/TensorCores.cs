using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>What the instructions of a tensor core need to know of a thread and its group.</summary>
internal struct TensorGroup
{
    /// <summary>The group's shared memory, in chunks of 16 bytes.</summary>
    public ArrayView<Word4> Shared;

    /// <summary>Its address in the window of shared memory.</summary>
    public uint Address;

    public int Lane;
}

/// <summary>A chunk's values as they came from memory: four for TF32, eight for 16 bits.</summary>
internal struct RawChunk
{
    public Float4 Low, High;
}

/// <summary>
/// The instructions of one number format that a block of <see cref="TensorGemmKernels"/> is made of, in inline PTX. ILGPU's simulator
/// cannot run them; the tests interpret the PTX.
/// </summary>
internal interface ITensorCore
{
    /// <summary>Values along k in a chunk of 16 bytes.</summary>
    static abstract int ChunkValues { get; }

    /// <summary>The address of the group's first shared array.</summary>
    static abstract uint SharedAddress();

    /// <summary>Rounds to the format.</summary>
    static abstract Word4 Pack(RawChunk raw);

    /// <summary>
    /// ldmatrix.x4: lane 8j + i names the chunk that is row i of 8x8 matrix j; each lane gets word lane % 4 of row lane / 4 of
    /// the four.
    /// </summary>
    static abstract Word4 LoadMatrices(TensorGroup group, int chunk);

    /// <summary>mma.sync.m16n8: c + a b over 32 bytes along k; PTX ISA, "Matrix Fragments for mma.m16n8k8" (TF32), "... m16n8k16".</summary>
    static abstract Float4 Multiply(TensorGroup group, Float4 c, Word4 a, uint b0, uint b1);

    /// <summary>Starts to copy chunk <paramref name="from"/> behind the address of the source to chunk <paramref name="to"/> of the group.</summary>
    static abstract void Copy(TensorGroup group, int to, long source, int from);

    /// <summary>As <see cref="Copy"/>; zeros unless <paramref name="inside"/>; the place must be valid anyway.</summary>
    static abstract void CopyIf(TensorGroup group, int to, long source, int from, bool inside);

    /// <summary>Ends a set of copies.</summary>
    static abstract void Commit();

    /// <summary>Waits until this thread's copies are done, those of the latest set excepted.</summary>
    static abstract void WaitForAllButOne();

    /// <summary>Waits until this thread's copies are done.</summary>
    static abstract void WaitForAll();
}

/// <summary>The inline PTX of <see cref="ITensorCore"/>; sm_80, PTX ISA 7.0. Operands must be locals.</summary>
internal static class TensorPtx
{
    // ILGPU names a kernel's static arrays in the order of their allocation; the blocks allocate one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SharedAddress()
    {
        CudaAsm.Emit("mov.u32 %0, __shared_alloca0;", out uint address);
        return address;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 LoadMatrices(uint address)
    {
        Output<uint> x = default, y = default, z = default, w = default;
        Input<uint> at = address;
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];", ref x, ref y, ref z, ref w, ref at);
        return new Word4(x.Value, y.Value, z.Value, w.Value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 LoadTransposed(uint address)
    {
        Output<uint> x = default, y = default, z = default, w = default;
        Input<uint> at = address;
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];", ref x, ref y, ref z, ref w, ref at);
        return new Word4(x.Value, y.Value, z.Value, w.Value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(uint to, long from) => CudaAsm.Emit("cp.async.cg.shared.global [%0], [%1], 16;", to, from);

    // The last operand is the number of bytes that are read; the others become zeros.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyIf(uint to, long from, bool inside)
    {
        uint bytes = inside ? 16u : 0u;
        CudaAsm.Emit("cp.async.cg.shared.global [%0], [%1], 16, %2;", to, from, bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit() => CudaAsm.Emit("cp.async.commit_group;");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAllButOne() => CudaAsm.Emit("cp.async.wait_group 1;");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAll() => CudaAsm.Emit("cp.async.wait_all;");
}

/// <summary>TF32: mma.sync.m16n8k8.</summary>
internal readonly struct Tf32Core : ITensorCore
{
    public static int ChunkValues => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SharedAddress() => TensorPtx.SharedAddress();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 Pack(RawChunk raw) => new(Round(raw.Low.X), Round(raw.Low.Y), Round(raw.Low.Z), Round(raw.Low.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Round(float value)
    {
        CudaAsm.Emit("cvt.rna.tf32.f32 %0, %1;", out uint rounded, value);
        return rounded;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 LoadMatrices(TensorGroup group, int chunk) =>
        TensorPtx.LoadMatrices(group.Address + (uint)chunk * 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Multiply(TensorGroup group, Float4 c, Word4 a, uint b0, uint b1)
    {
        Ref<float> d0 = c.X, d1 = c.Y, d2 = c.Z, d3 = c.W;
        Input<uint> a0 = a.X, a1 = a.Y, a2 = a.Z, a3 = a.W, left = b0, right = b1;
        CudaAsm.EmitRef("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};",
            ref d0, ref d1, ref d2, ref d3, ref a0, ref a1, ref a2, ref a3, ref left, ref right);
        return new Float4(d0.Value, d1.Value, d2.Value, d3.Value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(TensorGroup group, int to, long source, int from) =>
        TensorPtx.Copy(group.Address + (uint)to * 16, source + (long)from * 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyIf(TensorGroup group, int to, long source, int from, bool inside) =>
        TensorPtx.CopyIf(group.Address + (uint)to * 16, source + (long)from * 16, inside);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit() => TensorPtx.Commit();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAllButOne() => TensorPtx.WaitForAllButOne();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAll() => TensorPtx.WaitForAll();
}

/// <summary>IEEE half precision: mma.sync.m16n8k16.</summary>
internal readonly struct Fp16Core : ITensorCore
{
    public static int ChunkValues => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SharedAddress() => TensorPtx.SharedAddress();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 Pack(RawChunk raw) => new(Pair(raw.Low.X, raw.Low.Y), Pair(raw.Low.Z, raw.Low.W),
        Pair(raw.High.X, raw.High.Y), Pair(raw.High.Z, raw.High.W));

    // The instruction takes the upper half first.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Pair(float low, float high)
    {
        CudaAsm.Emit("cvt.rn.f16x2.f32 %0, %1, %2;", out uint pair, high, low);
        return pair;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 LoadMatrices(TensorGroup group, int chunk) =>
        TensorPtx.LoadMatrices(group.Address + (uint)chunk * 16);

    /// <summary>
    /// ldmatrix.x4.trans: as <see cref="LoadMatrices"/>, but a lane gets column lane / 4 of rows 2 (lane % 4) and the one behind it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 LoadTransposed(TensorGroup group, int chunk) =>
        TensorPtx.LoadTransposed(group.Address + (uint)chunk * 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Multiply(TensorGroup group, Float4 c, Word4 a, uint b0, uint b1)
    {
        Ref<float> d0 = c.X, d1 = c.Y, d2 = c.Z, d3 = c.W;
        Input<uint> a0 = a.X, a1 = a.Y, a2 = a.Z, a3 = a.W, left = b0, right = b1;
        CudaAsm.EmitRef("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};",
            ref d0, ref d1, ref d2, ref d3, ref a0, ref a1, ref a2, ref a3, ref left, ref right);
        return new Float4(d0.Value, d1.Value, d2.Value, d3.Value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(TensorGroup group, int to, long source, int from) =>
        TensorPtx.Copy(group.Address + (uint)to * 16, source + (long)from * 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyIf(TensorGroup group, int to, long source, int from, bool inside) =>
        TensorPtx.CopyIf(group.Address + (uint)to * 16, source + (long)from * 16, inside);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit() => TensorPtx.Commit();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAllButOne() => TensorPtx.WaitForAllButOne();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAll() => TensorPtx.WaitForAll();
}

/// <summary>bfloat16: mma.sync.m16n8k16.</summary>
internal readonly struct Bf16Core : ITensorCore
{
    public static int ChunkValues => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SharedAddress() => TensorPtx.SharedAddress();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 Pack(RawChunk raw) => new(Pair(raw.Low.X, raw.Low.Y), Pair(raw.Low.Z, raw.Low.W),
        Pair(raw.High.X, raw.High.Y), Pair(raw.High.Z, raw.High.W));

    // The instruction takes the upper half first.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Pair(float low, float high)
    {
        CudaAsm.Emit("cvt.rn.bf16x2.f32 %0, %1, %2;", out uint pair, high, low);
        return pair;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word4 LoadMatrices(TensorGroup group, int chunk) =>
        TensorPtx.LoadMatrices(group.Address + (uint)chunk * 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Multiply(TensorGroup group, Float4 c, Word4 a, uint b0, uint b1)
    {
        Ref<float> d0 = c.X, d1 = c.Y, d2 = c.Z, d3 = c.W;
        Input<uint> a0 = a.X, a1 = a.Y, a2 = a.Z, a3 = a.W, left = b0, right = b1;
        CudaAsm.EmitRef("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};",
            ref d0, ref d1, ref d2, ref d3, ref a0, ref a1, ref a2, ref a3, ref left, ref right);
        return new Float4(d0.Value, d1.Value, d2.Value, d3.Value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(TensorGroup group, int to, long source, int from) =>
        TensorPtx.Copy(group.Address + (uint)to * 16, source + (long)from * 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyIf(TensorGroup group, int to, long source, int from, bool inside) =>
        TensorPtx.CopyIf(group.Address + (uint)to * 16, source + (long)from * 16, inside);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit() => TensorPtx.Commit();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAllButOne() => TensorPtx.WaitForAllButOne();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WaitForAll() => TensorPtx.WaitForAll();
}
