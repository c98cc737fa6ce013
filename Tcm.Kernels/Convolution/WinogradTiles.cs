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

    /// <summary>Floats of working memory for a run of at most <paramref name="tiles"/> tiles.</summary>
    public static int ScratchFloats(int tiles) => In * RowFloats(tiles) + 4 * PhaseFloats(tiles);

    /// <summary>
    /// Tiles [first, first + count) of one channel plane (h x w) to v[position * positionStride + i], i from 0. Writes whole
    /// vectors: up to a vector past count, which the next run or channel overwrites.
    /// </summary>
    public static void Input(float* plane, int h, int w, int first, int count, float* v, nint positionStride, float* scratch)
    {
        int across = (w + Out - 1) / Out;
        for (int done = 0; done < count;)
        {
            int row = (first + done) / across, column = (first + done) % across;
            int run = Math.Min(across - column, count - done);
            InputRun(plane, h, w, row, column, run, v + done, positionStride, scratch);
            done += run;
        }
    }

    /// <summary>
    /// Asks for the pixels of a run of tiles of another plane: its rows are far from those that are read now, which the hardware
    /// does not foresee.
    /// </summary>
    public static void Prefetch(float* plane, int h, int w, int first, int count)
    {
        if (!Sse.IsSupported)
        {
            return;
        }
        int across = (w + Out - 1) / Out, top = (first / across * Out) - 1, column = first % across * Out;
        int pixels = Math.Min(count * Out, w - column);
        for (int row = Math.Max(top, 0); row < Math.Min(top + In, h); row++)
        {
            float* pixel = plane + ((long)row * w) + column;
            for (int i = 0; i < pixels; i += 16)
            {
                Sse.Prefetch0(pixel + i);
            }
        }
    }

    /// <summary>
    /// Products m[position * positionStride + i] of tiles [first, first + count) of one output channel to its plane
    /// (h x w), with bias, residual (a plane, or null) and activation.
    /// </summary>
    public static void Output(float* m, nint positionStride, int first, int count, int h, int w, float bias, float* residual,
        float* plane, Activation activation, float* scratch)
    {
        int across = (w + Out - 1) / Out;
        for (int done = 0; done < count;)
        {
            int row = (first + done) / across, column = (first + done) % across;
            int run = Math.Min(across - column, count - done);
            int rowFloats = RowFloats(run);
            OutputRun(m + done, positionStride, run, scratch, rowFloats);
            int pixels = Math.Min(run * Out, w - (column * Out));
            for (int i = 0; i < Out && (row * Out) + i < h; i++)
            {
                long offset = ((long)((row * Out) + i) * w) + (column * Out);
                Epilogue<T>.Row(scratch + (i * rowFloats), bias, residual == null ? null : residual + offset, plane + offset,
                    pixels, activation);
            }
            done += run;
        }
    }

    private static int RowFloats(int tiles) => ((tiles + 1) * Out) + 64;

    private static int PhaseFloats(int tiles) => tiles + 64;

    private static void InputRun(float* plane, int h, int w, int row, int column, int run, float* v, nint positionStride,
        float* scratch)
    {
        int rowFloats = RowFloats(run), width = (run * Out) + 2;
        Vertical(plane, h, w, (row * Out) - 1, (column * Out) - 1, width, scratch, rowFloats);
        float* phases = scratch + (In * rowFloats);
        int phase = PhaseFloats(run);
        for (int i = 0; i < In; i++)
        {
            Split(scratch + (i * rowFloats), run + 1, phases, phase);
            float* target = v + (i * In * positionStride);
            for (int t = 0; t < run; t += T.Count)
            {
                float* p = phases + t;
                // Columns 4 and 5 of a tile are columns 0 and 1 of the next.
                WinogradTransforms.ForInput(T.Load(p), T.Load(p + phase), T.Load(p + (2 * phase)), T.Load(p + (3 * phase)),
                    T.Load(p + 1), T.Load(p + phase + 1),
                    out var r0, out var r1, out var r2, out var r3, out var r4, out var r5);
                r0.Store(target + t);
                r1.Store(target + positionStride + t);
                r2.Store(target + (2 * positionStride) + t);
                r3.Store(target + (3 * positionStride) + t);
                r4.Store(target + (4 * positionStride) + t);
                r5.Store(target + (5 * positionStride) + t);
            }
        }
    }

    /// <summary>B^T down the columns [left, left + width) of the six rows from top, into six rows of scratch.</summary>
    private static void Vertical(float* plane, int h, int w, int top, int left, int width, float* target, int rowFloats)
    {
        // Columns outside the image are zero in the result, since they are zero in all six rows.
        int from = Math.Max(-left, 0), to = Math.Min(w - left, width);
        T zero = T.Create(0);
        for (int i = from; i < to; i += T.Count)
        {
            float* p = plane + ((long)top * w) + left + i;
            T d0 = (uint)top < (uint)h ? T.Load(p) : zero;
            T d1 = (uint)(top + 1) < (uint)h ? T.Load(p + w) : zero;
            T d2 = (uint)(top + 2) < (uint)h ? T.Load(p + (2L * w)) : zero;
            T d3 = (uint)(top + 3) < (uint)h ? T.Load(p + (3L * w)) : zero;
            T d4 = (uint)(top + 4) < (uint)h ? T.Load(p + (4L * w)) : zero;
            T d5 = (uint)(top + 5) < (uint)h ? T.Load(p + (5L * w)) : zero;
            WinogradTransforms.ForInput(d0, d1, d2, d3, d4, d5,
                out var r0, out var r1, out var r2, out var r3, out var r4, out var r5);
            float* t = target + i;
            r0.Store(t);
            r1.Store(t + rowFloats);
            r2.Store(t + (2 * rowFloats));
            r3.Store(t + (3 * rowFloats));
            r4.Store(t + (4 * rowFloats));
            r5.Store(t + (5 * rowFloats));
        }
        for (int r = 0; r < In; r++)
        {
            float* t = target + (r * rowFloats);
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

    /// <summary>phases[j * stride + t] = row[4 t + j]: the transpose of tiles x 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Split(float* row, int tiles, float* phases, int stride)
    {
        int t = 0;
        if (Avx.IsSupported)
        {
            for (; t < tiles; t += 8, row += 32)
            {
                Transpose(Pair(row, row + 16), Pair(row + 4, row + 20), Pair(row + 8, row + 24), Pair(row + 12, row + 28),
                    out var s0, out var s1, out var s2, out var s3);
                s0.Store(phases + t);
                s1.Store(phases + stride + t);
                s2.Store(phases + (2 * stride) + t);
                s3.Store(phases + (3 * stride) + t);
            }
            return;
        }
        for (; t < tiles; t++, row += 4)
        {
            phases[t] = row[0];
            phases[stride + t] = row[1];
            phases[(2 * stride) + t] = row[2];
            phases[(3 * stride) + t] = row[3];
        }
    }

    private static void OutputRun(float* m, nint positionStride, int run, float* rows, int rowFloats)
    {
        // Four output rows of one vector of tiles: A^T down the columns first, then along the rows.
        float* half = stackalloc float[Out * In * 16];
        float* pixels = stackalloc float[Out * 16];
        for (int t = 0; t < run; t += T.Count)
        {
            for (int j = 0; j < In; j++)
            {
                float* p = m + (j * positionStride) + t;
                nint down = In * positionStride;
                WinogradTransforms.ForOutput(T.Load(p), T.Load(p + down), T.Load(p + (2 * down)), T.Load(p + (3 * down)),
                    T.Load(p + (4 * down)), T.Load(p + (5 * down)), out var y0, out var y1, out var y2, out var y3);
                y0.Store(half + (j * 16));
                y1.Store(half + ((In + j) * 16));
                y2.Store(half + (((2 * In) + j) * 16));
                y3.Store(half + (((3 * In) + j) * 16));
            }
            for (int i = 0; i < Out; i++)
            {
                float* p = half + (i * In * 16);
                WinogradTransforms.ForOutput(T.Load(p), T.Load(p + 16), T.Load(p + 32), T.Load(p + 48), T.Load(p + 64),
                    T.Load(p + 80), out var y0, out var y1, out var y2, out var y3);
                y0.Store(pixels);
                y1.Store(pixels + 16);
                y2.Store(pixels + 32);
                y3.Store(pixels + 48);
                Merge(pixels, 16, T.Count, rows + (i * rowFloats) + (t * Out));
            }
        }
    }

    /// <summary>row[4 t + j] = phases[j * stride + t]</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Merge(float* phases, int stride, int tiles, float* row)
    {
        int t = 0;
        if (Avx.IsSupported && T.Count >= 8)
        {
            for (; t < tiles; t += 8, row += 32)
            {
                Transpose(Vector256.Load(phases + t), Vector256.Load(phases + stride + t),
                    Vector256.Load(phases + (2 * stride) + t), Vector256.Load(phases + (3 * stride) + t),
                    out var s0, out var s1, out var s2, out var s3);
                s0.GetLower().Store(row);
                s1.GetLower().Store(row + 4);
                s2.GetLower().Store(row + 8);
                s3.GetLower().Store(row + 12);
                s0.GetUpper().Store(row + 16);
                s1.GetUpper().Store(row + 20);
                s2.GetUpper().Store(row + 24);
                s3.GetUpper().Store(row + 28);
            }
            return;
        }
        for (; t < tiles; t++, row += 4)
        {
            row[0] = phases[t];
            row[1] = phases[stride + t];
            row[2] = phases[(2 * stride) + t];
            row[3] = phases[(3 * stride) + t];
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
