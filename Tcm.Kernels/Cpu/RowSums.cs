using System.Runtime.CompilerServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// Sums over a contiguous row, in four vectors of partial sums: fast, and more accurate than one running sum. The order
/// depends on the length and the vector width only.
/// </summary>
internal static unsafe class RowSums
{
    /// <summary>sum of x[i]</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum<T>(float* x, nint count) where T : struct, IFloatVector<T>
    {
        T s0 = T.Create(0), s1 = s0, s2 = s0, s3 = s0;
        nint i = 0;
        for (; i <= count - 4 * T.Count; i += 4 * T.Count)
        {
            s0 += T.Load(x + i);
            s1 += T.Load(x + i + T.Count);
            s2 += T.Load(x + i + 2 * T.Count);
            s3 += T.Load(x + i + 3 * T.Count);
        }
        for (; i <= count - T.Count; i += T.Count)
        {
            s0 += T.Load(x + i);
        }
        float sum = T.Sum(s0 + s1 + (s2 + s3));
        for (; i < count; i++)
        {
            sum += x[i];
        }
        return sum;
    }

    /// <summary>sum of (x[i] - centre)^2</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SquaredDistance<T>(float* x, nint count, float centre) where T : struct, IFloatVector<T>
    {
        T s0 = T.Create(0), s1 = s0, s2 = s0, s3 = s0, c = T.Create(centre);
        nint i = 0;
        for (; i <= count - 4 * T.Count; i += 4 * T.Count)
        {
            T d0 = T.Load(x + i) - c, d1 = T.Load(x + i + T.Count) - c;
            T d2 = T.Load(x + i + 2 * T.Count) - c, d3 = T.Load(x + i + 3 * T.Count) - c;
            s0 = T.MultiplyAdd(d0, d0, s0);
            s1 = T.MultiplyAdd(d1, d1, s1);
            s2 = T.MultiplyAdd(d2, d2, s2);
            s3 = T.MultiplyAdd(d3, d3, s3);
        }
        for (; i <= count - T.Count; i += T.Count)
        {
            T d = T.Load(x + i) - c;
            s0 = T.MultiplyAdd(d, d, s0);
        }
        float sum = T.Sum(s0 + s1 + (s2 + s3));
        for (; i < count; i++)
        {
            float d = x[i] - centre;
            sum += d * d;
        }
        return sum;
    }

    /// <summary>y[i] = x[i] * factor</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale<T>(float* x, float* y, nint count, float factor) where T : struct, IFloatVector<T>
    {
        T scale = T.Create(factor);
        nint i = 0;
        for (; i <= count - T.Count; i += T.Count)
        {
            (T.Load(x + i) * scale).Store(y + i);
        }
        if (i < count)
        {
            (T.Load(x + i) * scale).StorePart(y + i, count - i);
        }
    }
}
