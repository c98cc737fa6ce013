using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tcm.Kernels.Cpu;

/// <summary>Turns planes into pixels: target[j * stride + i] = source[i * plane + j * step].</summary>
internal static unsafe class Interleave
{
    /// <param name="source">The first plane's run.</param>
    /// <param name="plane">Floats between planes.</param>
    /// <param name="planes">Planes; the rest of each target row is left as it is.</param>
    /// <param name="count">Pixels of the run.</param>
    /// <param name="target">The first pixel.</param>
    /// <param name="stride">Floats between pixels of the target.</param>
    /// <param name="step">Floats between pixels of the source.</param>
    public static void Rows(float* source, nint plane, int planes, int count, float* target, nint stride, int step = 1)
    {
        int i = 0;
        for (; i + 4 <= planes; i += 4)
        {
            Four(source + (i * plane), plane, count, target + i, stride, step);
        }
        for (; i < planes; i++)
        {
            float* row = source + (i * plane);
            float* to = target + i;
            for (int j = 0; j < count; j++, row += step, to += stride)
            {
                *to = *row;
            }
        }
    }

    private static void Four(float* source, nint plane, int count, float* target, nint stride, int step)
    {
        float* r0 = source, r1 = source + plane, r2 = r1 + plane, r3 = r2 + plane;
        int j = 0;
        for (; step == 1 && Sse.IsSupported && j + 4 <= count; j += 4, target += 4 * stride)
        {
            Vector128<float> a = Vector128.Load(r0 + j), b = Vector128.Load(r1 + j);
            Vector128<float> c = Vector128.Load(r2 + j), d = Vector128.Load(r3 + j);
            Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d);
            Vector128<float> abHigh = Sse.UnpackHigh(a, b), cdHigh = Sse.UnpackHigh(c, d);
            Sse.MoveLowToHigh(ab, cd).Store(target);
            Sse.MoveHighToLow(cd, ab).Store(target + stride);
            Sse.MoveLowToHigh(abHigh, cdHigh).Store(target + (2 * stride));
            Sse.MoveHighToLow(cdHigh, abHigh).Store(target + (3 * stride));
        }
        for (nint o = (nint)j * step; j < count; j++, o += step, target += stride)
        {
            Vector128.Create(r0[o], r1[o], r2[o], r3[o]).Store(target);
        }
    }
}
