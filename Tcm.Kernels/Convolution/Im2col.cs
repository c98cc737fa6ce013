using System.Runtime.Intrinsics.X86;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>Forms a panel of the im2col matrix: rows (c,r,s), columns a run of output pixels in row-major order.</summary>
internal static unsafe class Im2col<T> where T : struct, IFloatVector<T>
{
    /// <summary>
    /// Rows [first, first + kc) and pixels [pixel, pixel + count) into target (kc, columns). Copies whole vectors: what
    /// overshoots a run is overwritten by the next one, so rows are written in ascending order and target has a vector of
    /// slack. Columns past <paramref name="count"/> hold values that nobody uses.
    /// </summary>
    public static void Panel(in Conv2dShape shape, float* x, int first, int kc, int pixel, int count, float* target)
    {
        var f = shape.Filter;
        int columns = Gemm<T>.Columns;
        int h = shape.Input.H, w = shape.Input.W;
        if (f.R == 1 && f.S == 1 && f.Stride == 1 && f.Padding == 0)
        {
            long plane = (long)h * w;
            float* source = x + (first * plane) + pixel;
            for (int i = 0; i < kc; i++, source += plane, target += columns)
            {
                T.Load(source).Store(target);
                T.Load(source + T.Count).Store(target + T.Count);
                T.Load(source + (2 * T.Count)).Store(target + (2 * T.Count));
                if (Sse.IsSupported)
                {
                    // The next panel's line: rows are a plane apart, which the hardware does not foresee.
                    Sse.Prefetch1(source + columns + columns);
                }
            }
            return;
        }
        int area = f.R * f.S, c = first / area, r = first % area / f.S, s = first % f.S;
        int q = shape.Q, firstRow = pixel / q, firstColumn = pixel % q;
        for (int i = 0; i < kc; i++, target += columns)
        {
            float* plane = x + ((long)c * h * w);
            int row = firstRow, column = firstColumn, done = 0;
            while (done < count)
            {
                int run = Math.Min(q - column, count - done);
                int y = (row * f.Stride) - f.Padding + r;
                if ((uint)y >= (uint)h)
                {
                    Clear(target + done, run);
                }
                else
                {
                    Run(plane + ((long)y * w), w, (column * f.Stride) - f.Padding + s, f.Stride, target + done, run);
                }
                done += run;
                row++;
                column = 0;
            }
            if (++s == f.S)
            {
                s = 0;
                if (++r == f.R)
                {
                    r = 0;
                    c++;
                }
            }
        }
    }

    /// <summary>target[i] = row[start + i * stride], 0 outside the row of w pixels.</summary>
    private static void Run(float* row, int w, int start, int stride, float* target, int run)
    {
        if (stride != 1)
        {
            for (int i = 0; i < run; i++)
            {
                int column = start + (i * stride);
                target[i] = (uint)column < (uint)w ? row[column] : 0;
            }
            return;
        }
        int from = Math.Clamp(-start, 0, run), to = Math.Clamp(w - start, from, run);
        for (int i = from; i < to; i += T.Count)
        {
            T.Load(row + start + i).Store(target + i);
        }
        for (int i = 0; i < from; i++)
        {
            target[i] = 0;
        }
        for (int i = to; i < run; i++)
        {
            target[i] = 0;
        }
    }

    private static void Clear(float* target, int run)
    {
        T zero = T.Create(0);
        for (int i = 0; i < run; i += T.Count)
        {
            zero.Store(target + i);
        }
    }
}
