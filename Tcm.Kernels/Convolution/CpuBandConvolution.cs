using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// The direct convolution where there are few input channels (the stem): im2col would write every pixel R*S times for few
/// products each. Instead a task copies the input rows of a band of output rows once, with the zeros of the padding around
/// them; with that, row (c,r,s) of the im2col matrix is the band at a fixed distance, and the product reads it there.
/// A stride splits the columns of the band by their remainder, so that a run of outputs reads a run of inputs.
/// Filters are packed as for <see cref="CpuDirectConvolution{T}"/>.
/// </summary>
internal static unsafe class CpuBandConvolution<T> where T : struct, IFloatVector<T>
{
    private const int RowsPerTask = 8;
    private const int ChannelsPerBlock = 32;
    private const int MaxDepth = 256;
    private const int Slack = 64;

    /// <summary>Whether the filter's products are few enough that forming panels would cost more.</summary>
    public static bool Suits(Conv2dFilter f) => f.R * f.S > 1 && f.Stride <= 2 && f.C * f.R * f.S <= MaxDepth;

    public static void Run(CpuBackend backend, in CpuConvolutionCall call, float* weight)
    {
        var f = call.Shape.Filter;
        int depth = f.C * f.R * f.S, pitch = Pitch(call.Shape), rows = BandRows(f);
        int* offsets = stackalloc int[depth];
        for (int c = 0, i = 0; c < f.C; c++)
        {
            for (int r = 0; r < f.R; r++)
            {
                for (int s = 0; s < f.S; s++, i++)
                {
                    offsets[i] = ((((c * rows) + r) * f.Stride) + (s % f.Stride)) * pitch + (s / f.Stride);
                }
            }
        }
        var job = new Job
        {
            Call = call,
            Weight = weight,
            Offsets = offsets,
            Depth = depth,
            Pitch = pitch,
            BandRows = rows,
            Bands = (call.Shape.P + RowsPerTask - 1) / RowsPerTask,
        };
        backend.Team.Run(call.Shape.Input.N * job.Bands, ref job);
    }

    /// <summary>Input rows that a band of output rows reads.</summary>
    private static int BandRows(Conv2dFilter f) => ((RowsPerTask - 1) * f.Stride) + f.R;

    /// <summary>Floats of one row of one remainder: whole panels, and what the last tap is further right.</summary>
    private static int Pitch(in Conv2dShape shape) =>
        ((shape.Q + Gemm<T>.Columns - 1) / Gemm<T>.Columns * Gemm<T>.Columns) + shape.Filter.S + 16;

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public float* Weight;
        public int* Offsets;
        public int Depth, Pitch, BandRows, Bands;

        public readonly void Run(int task)
        {
            var shape = Call.Shape;
            var f = shape.Filter;
            int image = task / Bands, first = task % Bands * RowsPerTask, last = Math.Min(first + RowsPerTask, shape.P);
            int columns = Gemm<T>.Columns, panels = (shape.Q + columns - 1) / columns, ldc = panels * columns;
            long bandFloats = (long)f.C * BandRows * f.Stride * Pitch;
            float* band = Scratch.Get(bandFloats + Slack + ((long)ChannelsPerBlock * ldc));
            float* sums = band + bandFloats + Slack;
            Fill(Call.X + (image * shape.InputImage), (first * f.Stride) - f.Padding, band);
            for (int row = first; row < last; row++)
            {
                float* origin = band + ((long)(row - first) * f.Stride * f.Stride * Pitch);
                for (int firstChannel = 0; firstChannel < f.K; firstChannel += ChannelsPerBlock)
                {
                    int channels = Math.Min(ChannelsPerBlock, f.K - firstChannel);
                    float* a = Weight + ((long)firstChannel * Depth);
                    for (int panel = 0; panel < panels; panel++)
                    {
                        for (int k = 0; k < channels; k += Gemm<T>.Rows)
                        {
                            Tile(Depth, a + ((long)k * Depth), origin + (panel * columns), Offsets,
                                sums + ((long)k * ldc) + (panel * columns), ldc);
                        }
                    }
                    for (int k = 0; k < channels; k++)
                    {
                        long offset = ((((long)(firstChannel + k) * shape.P) + row) * shape.Q);
                        float* residual = Call.Residual == null ? null : Call.Residual + (image * shape.OutputImage) + offset;
                        Epilogue<T>.Row(sums + ((long)k * ldc), Call.BiasOf(firstChannel + k), residual,
                            Call.Y + (image * Call.YImageStride) + offset, shape.Q, Call.Activation);
                    }
                }
            }
        }

        /// <summary>Input rows from <paramref name="top"/> on, of all channels.</summary>
        private readonly void Fill(float* x, int top, float* band)
        {
            var f = Call.Shape.Filter;
            int h = Call.Shape.Input.H, w = Call.Shape.Input.W;
            for (int c = 0; c < f.C; c++)
            {
                for (int r = 0; r < BandRows; r++, band += f.Stride * Pitch)
                {
                    int row = top + r;
                    if ((uint)row >= (uint)h)
                    {
                        new Span<float>(band, f.Stride * Pitch).Clear();
                        continue;
                    }
                    float* source = x + (((long)c * h) + row) * w;
                    PaddedRow.Fill(source, w, f, band, Pitch);
                }
            }
        }
    }

    /// <summary>c (4 x 3 vectors) = a (depth,4) * b, whose row i begins at b + offsets[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(nint depth, float* a, float* b, int* offsets, float* c, nint ldc)
    {
        int v = T.Count;
        T c00 = default, c01 = default, c02 = default, c10 = default, c11 = default, c12 = default;
        T c20 = default, c21 = default, c22 = default, c30 = default, c31 = default, c32 = default;
        for (nint i = 0; i < depth; i++)
        {
            float* row = b + offsets[i];
            T b0 = T.Load(row), b1 = T.Load(row + v), b2 = T.Load(row + (2 * v));
            T r = T.Create(a[0]);
            c00 = T.MultiplyAdd(r, b0, c00);
            c01 = T.MultiplyAdd(r, b1, c01);
            c02 = T.MultiplyAdd(r, b2, c02);
            r = T.Create(a[1]);
            c10 = T.MultiplyAdd(r, b0, c10);
            c11 = T.MultiplyAdd(r, b1, c11);
            c12 = T.MultiplyAdd(r, b2, c12);
            r = T.Create(a[2]);
            c20 = T.MultiplyAdd(r, b0, c20);
            c21 = T.MultiplyAdd(r, b1, c21);
            c22 = T.MultiplyAdd(r, b2, c22);
            r = T.Create(a[3]);
            c30 = T.MultiplyAdd(r, b0, c30);
            c31 = T.MultiplyAdd(r, b1, c31);
            c32 = T.MultiplyAdd(r, b2, c32);
            a += Gemm<T>.Rows;
        }
        c00.Store(c);
        c01.Store(c + v);
        c02.Store(c + (2 * v));
        c10.Store(c + ldc);
        c11.Store(c + ldc + v);
        c12.Store(c + ldc + (2 * v));
        c20.Store(c + (2 * ldc));
        c21.Store(c + (2 * ldc) + v);
        c22.Store(c + (2 * ldc) + (2 * v));
        c30.Store(c + (3 * ldc));
        c31.Store(c + (3 * ldc) + v);
        c32.Store(c + (3 * ldc) + (2 * v));
    }
}
