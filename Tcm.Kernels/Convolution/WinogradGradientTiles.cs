using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Moves pixels of x and dy into Winograd's domain for the weight gradient. Lanes are channels, since the products sum over
/// tiles: pixels are interleaved first, then each axis is transformed as it lies.
/// </summary>
internal static unsafe class WinogradGradientTiles<T> where T : struct, IFloatVector<T>
{
    private const int Out = WinogradTransforms.Output, In = WinogradTransforms.Input;

    /// <summary>Tiles whose pixels stay in the first cache.</summary>
    private const int RunTiles = 8;

    private const int RunPixels = (RunTiles * Out) + 2;

    /// <summary>Floats of working memory.</summary>
    public static int WorkFloats => In * RunPixels * Gemm<T>.Columns;

    /// <summary>Tiles along an axis of the output.</summary>
    public static int Along(int pixels) => (pixels + Out - 1) / Out;

    /// <summary>
    /// B^T x B of tiles [first, first + count) of an image, for a panel of channels: v[position * positionStride + tile * columns +
    /// channel]. Channels past the last one hold anything.
    /// </summary>
    public static void Input(in Conv2dShape shape, float* image, int firstChannel, int first, int count, float* v,
        nint positionStride, float* work)
    {
        int columns = Gemm<T>.Columns, channels = Math.Min(columns, shape.Filter.C - firstChannel), across = Along(shape.Q);
        image += (long)firstChannel * shape.Input.H * shape.Input.W;
        for (int done = 0; done < count;)
        {
            int row = (first + done) / across, column = (first + done) % across;
            int run = Math.Min(Math.Min(across - column, count - done), RunTiles), width = (run * Out) + 2;
            Gather(image, channels, shape.Input.H, shape.Input.W, (row * Out) - 1, In, (column * Out) - 1, width, work, columns);
            nint pitch = (nint)width * columns;
            for (nint i = 0; i < pitch; i += T.Count)
            {
                float* p = work + i;
                WinogradTransforms.ForInput(T.Load(p), T.Load(p + pitch), T.Load(p + (2 * pitch)), T.Load(p + (3 * pitch)),
                    T.Load(p + (4 * pitch)), T.Load(p + (5 * pitch)),
                    out var r0, out var r1, out var r2, out var r3, out var r4, out var r5);
                r0.Store(p);
                r1.Store(p + pitch);
                r2.Store(p + (2 * pitch));
                r3.Store(p + (3 * pitch));
                r4.Store(p + (4 * pitch));
                r5.Store(p + (5 * pitch));
            }
            for (int i = 0; i < In; i++)
            {
                InputRow(work + (i * pitch), run, v + (i * In * positionStride) + (done * columns), positionStride);
            }
            done += run;
        }
    }

    /// <summary>
    /// A dy A^T of tiles [first, first + count) of an image, for four output channels: u[position * positionStride + tile * 4 +
    /// channel]. Channels past the last one hold anything.
    /// </summary>
    public static void OutputGradient(in Conv2dShape shape, float* image, int firstChannel, int first, int count, float* u,
        nint positionStride, float* work)
    {
        const int lanes = 4;
        int channels = Math.Min(lanes, shape.Filter.K - firstChannel), across = Along(shape.Q);
        image += (long)firstChannel * shape.P * shape.Q;
        for (int done = 0; done < count;)
        {
            int row = (first + done) / across, column = (first + done) % across;
            int run = Math.Min(Math.Min(across - column, count - done), RunTiles), width = run * Out;
            Gather(image, channels, shape.P, shape.Q, row * Out, Out, column * Out, width, work, lanes);
            nint pitch = (nint)width * lanes;
            float* rows = work + (Out * pitch);
            for (nint i = 0; i < pitch; i += lanes)
            {
                float* p = work + i, to = rows + i;
                WinogradTransforms.ForOutputGradient(Floats4.Load(p), Floats4.Load(p + pitch), Floats4.Load(p + (2 * pitch)),
                    Floats4.Load(p + (3 * pitch)), out var m0, out var m1, out var m2, out var m3, out var m4, out var m5);
                m0.Store(to);
                m1.Store(to + pitch);
                m2.Store(to + (2 * pitch));
                m3.Store(to + (3 * pitch));
                m4.Store(to + (4 * pitch));
                m5.Store(to + (5 * pitch));
            }
            for (int i = 0; i < In; i++)
            {
                OutputRow(rows + (i * pitch), run, u + (i * In * positionStride) + (done * lanes), positionStride);
            }
            done += run;
        }
    }

    private static void InputRow(float* pixels, int tiles, float* v, nint stride)
    {
        int columns = Gemm<T>.Columns;
        for (int tile = 0; tile < tiles; tile++, pixels += Out * columns, v += columns)
        {
            for (int i = 0; i < columns; i += T.Count)
            {
                float* p = pixels + i, to = v + i;
                WinogradTransforms.ForInput(T.Load(p), T.Load(p + columns), T.Load(p + (2 * columns)), T.Load(p + (3 * columns)),
                    T.Load(p + (4 * columns)), T.Load(p + (5 * columns)),
                    out var r0, out var r1, out var r2, out var r3, out var r4, out var r5);
                r0.Store(to);
                r1.Store(to + stride);
                r2.Store(to + (2 * stride));
                r3.Store(to + (3 * stride));
                r4.Store(to + (4 * stride));
                r5.Store(to + (5 * stride));
            }
        }
    }

    private static void OutputRow(float* pixels, int tiles, float* u, nint stride)
    {
        const int lanes = 4;
        for (int tile = 0; tile < tiles; tile++, pixels += Out * lanes, u += lanes)
        {
            WinogradTransforms.ForOutputGradient(Floats4.Load(pixels), Floats4.Load(pixels + lanes),
                Floats4.Load(pixels + (2 * lanes)), Floats4.Load(pixels + (3 * lanes)),
                out var m0, out var m1, out var m2, out var m3, out var m4, out var m5);
            m0.Store(u);
            m1.Store(u + stride);
            m2.Store(u + (2 * stride));
            m3.Store(u + (3 * stride));
            m4.Store(u + (4 * stride));
            m5.Store(u + (5 * stride));
        }
    }

    /// <summary>Rows and columns of some planes (h, w), zeros outside of them, as (rows, width, pixelFloats).</summary>
    private static void Gather(float* planes, int channels, int h, int w, int top, int rows, int left, int width, float* target,
        int pixelFloats)
    {
        int before = Math.Max(0, -left), inside = Math.Min(w, left + width) - left - before, after = width - before - inside;
        for (int y = top; y < top + rows; y++, target += width * pixelFloats)
        {
            if ((uint)y >= (uint)h)
            {
                new Span<float>(target, width * pixelFloats).Clear();
                continue;
            }
            new Span<float>(target, before * pixelFloats).Clear();
            float* to = target + (before * pixelFloats);
            Interleave.Rows(planes + ((long)y * w) + left + before, (nint)h * w, channels, inside, to, pixelFloats);
            new Span<float>(to + (inside * pixelFloats), after * pixelFloats).Clear();
        }
    }
}
