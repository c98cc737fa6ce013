using System.Runtime.InteropServices;

namespace Tcm.Kernels.Cpu;

/// <summary>Packed weights: native memory, 64-byte aligned, readable 128 bytes past its end, freed with its owner.</summary>
internal sealed unsafe class CpuBuffer : IDisposable
{
    private const int Slack = 128;

    public CpuBuffer(long floats)
    {
        Bytes = floats * sizeof(float);
        try
        {
            Pointer = (float*)NativeMemory.AlignedAlloc((nuint)Bytes + Slack, 64);
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceException($"cpu: out of memory while packing {Bytes >> 20} MiB of weights", e) { IsOutOfMemory = true };
        }
        NativeMemory.Clear((byte*)Pointer + Bytes, Slack);
    }

    ~CpuBuffer() => Dispose();

    public float* Pointer { get; private set; }

    public long Bytes { get; }

    /// <summary>A copy of host values.</summary>
    public static CpuBuffer From(ReadOnlySpan<float> values)
    {
        var buffer = new CpuBuffer(values.Length);
        values.CopyTo(new Span<float>(buffer.Pointer, values.Length));
        return buffer;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        GC.SuppressFinalize(this);
    }
}
