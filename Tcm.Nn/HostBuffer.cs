using System.Runtime.InteropServices;
using Tcm.Kernels;

namespace Tcm.Nn;

/// <summary>
/// Host memory for weights on their way to a backend. Native, because arrays of this size would stay in the garbage
/// collector's large-object heap and double the memory of a loaded model.
/// </summary>
internal sealed unsafe class HostBuffer : IDisposable
{
    private readonly int _length;
    private void* _memory;

    public HostBuffer(long floats)
    {
        _length = checked((int)floats);
        try
        {
            _memory = NativeMemory.Alloc((nuint)floats, sizeof(float));
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceException($"out of memory while reading {floats >> 18} MiB of weights", e) { IsOutOfMemory = true };
        }
    }

    ~HostBuffer() => Dispose();

    public Span<float> Span => new(_memory, _length);

    public void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
        GC.SuppressFinalize(this);
    }
}
