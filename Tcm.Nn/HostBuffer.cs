using System.Runtime.InteropServices;

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
        _memory = NativeMemory.Alloc((nuint)floats, sizeof(float));
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
