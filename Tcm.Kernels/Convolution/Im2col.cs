using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>Forms a panel of the im2col matrix: rows (c,r,s), columns a run of output pixels in row-major order.</summary>
internal static unsafe class Im2col<T> where T : struct, IFloatVector<T>
{
    /// <summary>Rows of a pointwise filter's input that are on their way from memory while one is copied.</summary>
    private const int RowsAhead = 4;

    public static bool IsPointwise(Conv2dFilter f) => f is { R: 1, S: 1, Stride: 1, Padding: 0 };

    /// <summary>
    /// Panels of the pixels from <paramref name="pixel"/> on, side by side: (panel)(depth, columns). A pointwise filter's rows are read
    /// once, each in one piece over all panels; they are a plane apart, which the hardware does not foresee.
    /// </summary>
    public static void Panels(in Conv2dShape shape, float* x, nint plane, int depth, int pixel, int count, float* target)
    {
        var f = shape.Filter;
        int columns = Gemm<T>.Columns;
        long panelFloats = (long)depth * columns;
        if (!IsPointwise(f))
        {
            for (int done = 0; done < count; done += columns, target += panelFloats)
            {
                Panel(shape, x, depth, pixel + done, Math.Min(columns, count - done), target);
            }
            return;
        }
        float* source = x + pixel;
        for (int i = 0; i < depth; i++, source += plane, target += columns)
        {
            if (i + RowsAhead < depth)
            {
                CacheLines.Fetch(source + (RowsAhead * plane), count);
            }
            float* panel = target;
            for (int done = 0; done < count; done += columns, panel += panelFloats)
            {
                T.Load(source + done).Store(panel);
                T.Load(source + done + T.Count).Store(panel + T.Count);
                T.Load(source + done + (2 * T.Count)).Store(panel + (2 * T.Count));
            }
        }
    }

    /// <summary>
    /// Pixels [pixel, pixel + count) into target (depth, columns). Copies whole vectors: what
    /// overshoots a run is overwritten by the next one, so rows are written in ascending order and target has a vector of
    /// slack. Columns past <paramref name="count"/> hold values that nobody uses.
    /// </summary>
    private static void Panel(in Conv2dShape shape, float* x, int depth, int pixel, int count, float* target)
    {
        var f = shape.Filter;
        int columns = Gemm<T>.Columns;
        int h = shape.Input.H, w = shape.Input.W;
        int c = 0, r = 0, s = 0;
        int q = shape.Q, firstRow = pixel / q, firstColumn = pixel % q;
        for (int i = 0; i < depth; i++, target += columns)
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
