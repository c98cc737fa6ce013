using System.Runtime.InteropServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// Working memory of one thread for one task, 64-byte aligned, kept between calls and grown on demand. Only one user at a
/// time on each thread: a kernel asks once for all that it needs.
/// </summary>
internal sealed unsafe class Scratch
{
    [ThreadStatic] private static Scratch? mine;
    private byte* _block;
    private nuint _size;

    ~Scratch() => NativeMemory.AlignedFree(_block);

    /// <summary>At least <paramref name="floats"/> floats, contents undefined, readable 128 bytes past both ends.</summary>
    /// <exception cref="DeviceException">The system has no such memory.</exception>
    public static float* Get(long floats)
    {
        mine ??= new Scratch();
        nuint bytes = (nuint)floats * sizeof(float) + 256;
        if (bytes > mine._size)
        {
            NativeMemory.AlignedFree(mine._block);
            mine._block = null;
            mine._size = 0;
            try
            {
                mine._block = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
            }
            catch (OutOfMemoryException e)
            {
                throw new DeviceException($"cpu: out of memory while taking {bytes >> 20} MiB of working memory", e) { IsOutOfMemory = true };
            }
            mine._size = bytes;
        }
        return (float*)(mine._block + 128);
    }
}
