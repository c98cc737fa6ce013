using System.Runtime.CompilerServices;
using ILGPU;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Sums and maxima over a group of 128 threads through shared memory: 128 values, then 8 partial results that every thread
/// reads. No warp instructions, so that OpenCL devices and the simulator run it too.
/// </summary>
internal static class GroupReduction
{
    public const int GroupSize = 128;

    /// <summary>Floats of shared memory it needs.</summary>
    public const int SharedLength = GroupSize + Partials;

    private const int Partials = 8;

    /// <summary>The sum of every thread's value; all threads must call it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(ArrayView<float> shared, float value)
    {
        Group.Barrier(); // the last result may still be read
        shared[Group.IdxX] = value;
        Group.Barrier();
        if (Group.IdxX < Partials)
        {
            float part = 0;
            for (int i = Group.IdxX; i < GroupSize; i += Partials)
            {
                part += shared[i];
            }
            shared[GroupSize + Group.IdxX] = part;
        }
        Group.Barrier();
        float sum = 0;
        for (int i = 0; i < Partials; i++)
        {
            sum += shared[GroupSize + i];
        }
        return sum;
    }

    /// <summary>The largest of every thread's value; all threads must call it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(ArrayView<float> shared, float value)
    {
        Group.Barrier();
        shared[Group.IdxX] = value;
        Group.Barrier();
        if (Group.IdxX < Partials)
        {
            float part = value;
            for (int i = Group.IdxX; i < GroupSize; i += Partials)
            {
                part = shared[i] > part ? shared[i] : part;
            }
            shared[GroupSize + Group.IdxX] = part;
        }
        Group.Barrier();
        float max = shared[GroupSize];
        for (int i = 1; i < Partials; i++)
        {
            max = shared[GroupSize + i] > max ? shared[GroupSize + i] : max;
        }
        return max;
    }
}
