using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Moves pixels into and out of Winograd's domain, a vector of tiles at a time. Tiles are numbered row by row over the
/// image; a run of tiles is cut where a row of tiles ends.
/// </summary>
internal static unsafe class WinogradTiles<T> where T : struct, IFloatVector<T>
{
    private const int Out = WinogradTransforms.Output, In = WinogradTransforms.Input;

    /// <summary>Tiles that are transformed together, and floats from row to row of their pixels, and of one column of each.</summary>
    private const int MaxRun = 48, RowFloats = 272, PhaseFloats = 80;

    private const int MaxLanes = 16;

    /// <summary>Floats of working memory.</summary>
    public const int ScratchFloats = ((In + 1) * RowFloats) + (4 * PhaseFloats);

    /// <summary>
    /// Tiles [first, first + count) of one channel plane (h x w) to v[position * positionStride + i], i from 0. Writes whole
    /// vectors: up to a vector past count, which the next run or channel overwrites.
    /// </summary>
    public static void Input(float* plane, int h, int w, int first, int count, float* v, nint positionStride, float* scratch)
    {
        int across = (w + Out - 1) / Out, row = first / across, column = first % across;
        float* phases = scratch + ((In + 1) * RowFloats);
        for (int run; count > 0; count -= run, v += run, column += run)
        {
            if (column == across)
            {
                (row, column) = (row + 1, 0);
            }
            run = Math.Min(Math.Min(across - column, count), MaxRun);
            Vertical(plane, h, w, (row * Out) - 1, (column * Out) - 1, (run * Out) + 2, scratch);
            for (int i = 0; i < In; i++)
            {
                Split(scratch + (i * RowFloats), run + 1, phases);
                Horizontal(phases, run, v + (i * In * positionStride), positionStride);
            }
        }
    }

    /// <summary>Asks for the pixels of a run of tiles of another plane.</summary>
    public static void Prefetch(float* plane, int h, int w, int first, int count)
    {
        int across = (w + Out - 1) / Out, top = (first / across * Out) - 1, column = first % across * Out;
        int pixels = Math.Min(count * Out, w - column);
        for (int row = Math.Max(top, 0); row < Math.Min(top + In, h); row++)
        {
            CacheLines.Fetch(plane + ((long)row * w) + column, pixels);
        }
    }

    /// <summary>
    /// Products m[position * positionStride + i] of tiles [first, first + count) of one output channel to its plane
    /// (h x w), with bias, residual (a plane, or null) and activation.
    /// </summary>
    public static void Output(float* m, nint positionStride, int first, int count, int h, int w, float bias, float* residual,
        float* plane, Activation activation, float* scratch)
    {
        int across = (w + Out - 1) / Out, row = first / across, column = first % across;
        float* half = stackalloc float[Out * In * MaxLanes];
        bool relu = activation == Activation.Relu, simple = relu || activation == Activation.None;
        for (int run; count > 0; count -= run, m += run, column += run)
        {
            if (column == across)
            {
                (row, column) = (row + 1, 0);
            }
            run = Math.Min(Math.Min(across - column, count), MaxRun);
            int rows = Math.Min(Out, h - (row * Out)), pixels = Math.Min(run * Out, w - (column * Out));
            // Whole vectors of tiles inside the image go to it at once, others by way of scratch.
            int direct = simple ? pixels / (Out * T.Count) * T.Count : 0;
            long offset = ((long)row * Out * w) + (column * Out);
            for (int t = 0; t < run; t += T.Count)
            {
                OutputColumns(m + t, positionStride, half);
                if (t >= direct)
                {
                    OutputRows(half, Out, 0, null, scratch + (t * Out), RowFloats, false);
                    continue;
                }
                long pixel = offset + (t * Out);
                OutputRows(half, rows, bias, residual == null ? null : residual + pixel, plane + pixel, w, relu);
            }
            int left = pixels - (direct * Out);
            for (int i = 0; i < rows && left > 0; i++)
            {
                long pixel = offset + ((long)i * w) + (direct * Out);
                Epilogue<T>.Row(scratch + (i * RowFloats) + (direct * Out), bias, residual == null ? null : residual + pixel,
                    plane + pixel, left, activation);
            }
        }
    }

    /// <summary>B^T down the columns [left, left + width) of the six rows from top, into six rows of scratch.</summary>
    private static void Vertical(float* plane, int h, int w, int top, int left, int width, float* target)
    {
        // Columns outside the image are zero in the result, since they are zero in all six rows.
        int from = Math.Max(-left, 0), to = Math.Min(w - left, width);
        float* zeros = target + (In * RowFloats);
        if (top < 0 || top + In > h)
        {
            new Span<float>(zeros, RowFloats).Clear();
        }
        plane += ((long)top * w) + left;
        float* d0 = top >= 0 ? plane : zeros, d1 = top + 1 < h ? plane + w : zeros;
        float* d2 = top + 2 < h ? plane + (2L * w) : zeros, d3 = top + 3 < h ? plane + (3L * w) : zeros;
        float* d4 = top + 4 < h ? plane + (4L * w) : zeros, d5 = top + 5 < h ? plane + (5L * w) : zeros;
        for (nint i = from; i < to; i += T.Count)
        {
            WinogradTransforms.ForInput(T.Load(d0 + i), T.Load(d1 + i), T.Load(d2 + i), T.Load(d3 + i), T.Load(d4 + i),
                T.Load(d5 + i), out var r0, out var r1, out var r2, out var r3, out var r4, out var r5);
            float* t = target + i;
            r0.Store(t);
            r1.Store(t + RowFloats);
            r2.Store(t + (2 * RowFloats));
            r3.Store(t + (3 * RowFloats));
            r4.Store(t + (4 * RowFloats));
            r5.Store(t + (5 * RowFloats));
        }
        for (int r = 0; r < In && (from > 0 || to < width); r++)
        {
            float* t = target + (r * RowFloats);
            for (int i = 0; i < from; i++)
            {
                t[i] = 0;
            }
            for (int i = Math.Max(to, 0); i < width; i++)
            {
                t[i] = 0;
            }
        }
    }

    /// <summary>B^T along a row: tiles from their columns to six positions of v.</summary>
    private static void Horizontal(float* phases, int tiles, float* v, nint positionStride)
    {
        float* v1 = v + positionStride, v2 = v1 + positionStride, v3 = v2 + positionStride, v4 = v3 + positionStride;
        float* v5 = v4 + positionStride;
        for (nint t = 0; t < tiles; t += T.Count)
        {
            float* p = phases + t;
            // Columns 4 and 5 of a tile are columns 0 and 1 of the next.
            WinogradTransforms.ForInput(T.Load(p), T.Load(p + PhaseFloats), T.Load(p + (2 * PhaseFloats)),
                T.Load(p + (3 * PhaseFloats)), T.Load(p + 1), T.Load(p + PhaseFloats + 1),
                out var r0, out var r1, out var r2, out var r3, out var r4, out var r5);
            r0.Store(v + t);
            r1.Store(v1 + t);
            r2.Store(v2 + t);
            r3.Store(v3 + t);
            r4.Store(v4 + t);
            r5.Store(v5 + t);
        }
    }

    /// <summary>phases[j * PhaseFloats + t] = row[4 t + j]: the transpose of tiles x 4.</summary>
    private static void Split(float* row, int tiles, float* phases)
    {
        float* end = phases + tiles;
        if (Avx.IsSupported)
        {
            for (; phases < end; phases += 8, row += 32)
            {
                Transpose(Pair(row, row + 16), Pair(row + 4, row + 20), Pair(row + 8, row + 24), Pair(row + 12, row + 28),
                    out var s0, out var s1, out var s2, out var s3);
                s0.Store(phases);
                s1.Store(phases + PhaseFloats);
                s2.Store(phases + (2 * PhaseFloats));
                s3.Store(phases + (3 * PhaseFloats));
            }
            return;
        }
        for (; phases < end; phases++, row += 4)
        {
            phases[0] = row[0];
            phases[PhaseFloats] = row[1];
            phases[2 * PhaseFloats] = row[2];
            phases[3 * PhaseFloats] = row[3];
        }
    }

    /// <summary>A^T down the columns of a vector of tiles: half[i][j] for output row i, position j of the row.</summary>
    private static void OutputColumns(float* m, nint positionStride, float* half)
    {
        nint down = In * positionStride;
        float* below = m + (3 * down);
        for (int j = 0; j < In; j++, m += positionStride, below += positionStride, half += MaxLanes)
        {
            WinogradTransforms.ForOutput(T.Load(m), T.Load(m + down), T.Load(m + (2 * down)), T.Load(below), T.Load(below + down),
                T.Load(below + (2 * down)), out var y0, out var y1, out var y2, out var y3);
            y0.Store(half);
            y1.Store(half + (In * MaxLanes));
            y2.Store(half + (2 * In * MaxLanes));
            y3.Store(half + (3 * In * MaxLanes));
        }
    }

    /// <summary>A^T along the rows of a vector of tiles, whose pixels come to lie side by side.</summary>
    private static void OutputRows(float* half, int rows, float bias, float* residual, float* y, nint pitch, bool relu)
    {
        T added = T.Create(bias), zero = default;
        for (; rows > 0; rows--, half += In * MaxLanes, y += pitch)
        {
            WinogradTransforms.ForOutput(T.Load(half), T.Load(half + MaxLanes), T.Load(half + (2 * MaxLanes)),
                T.Load(half + (3 * MaxLanes)), T.Load(half + (4 * MaxLanes)), T.Load(half + (5 * MaxLanes)),
                out var y0, out var y1, out var y2, out var y3);
            var (even, evenHigh) = T.Interleave(y0 + added, y2 + added);
            var (odd, oddHigh) = T.Interleave(y1 + added, y3 + added);
            (y0, y1) = T.Interleave(even, odd);
            (y2, y3) = T.Interleave(evenHigh, oddHigh);
            if (residual != null)
            {
                (y0, y1) = (y0 + T.Load(residual), y1 + T.Load(residual + T.Count));
                (y2, y3) = (y2 + T.Load(residual + (2 * T.Count)), y3 + T.Load(residual + (3 * T.Count)));
                residual += pitch;
            }
            if (relu)
            {
                (y0, y1, y2, y3) = (T.Max(y0, zero), T.Max(y1, zero), T.Max(y2, zero), T.Max(y3, zero));
            }
            y0.Store(y);
            y1.Store(y + T.Count);
            y2.Store(y + (2 * T.Count));
            y3.Store(y + (3 * T.Count));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Pair(float* low, float* high) =>
        Vector256.Create(Vector128.Load(low), Vector128.Load(high));

    /// <summary>Transposes the 4x4 block in each half of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d,
        out Vector256<float> s0, out Vector256<float> s1, out Vector256<float> s2, out Vector256<float> s3)
    {
        var ab = Avx.UnpackLow(a, b).AsDouble();
        var cd = Avx.UnpackLow(c, d).AsDouble();
        s0 = Avx.UnpackLow(ab, cd).AsSingle();
        s1 = Avx.UnpackHigh(ab, cd).AsSingle();
        ab = Avx.UnpackHigh(a, b).AsDouble();
        cd = Avx.UnpackHigh(c, d).AsDouble();
        s2 = Avx.UnpackLow(ab, cd).AsSingle();
        s3 = Avx.UnpackHigh(ab, cd).AsSingle();
    }
}
