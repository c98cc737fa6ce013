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
    private const int MaxDepth = 256;
    private const int Slack = 64;

    /// <summary>Whether the filter's products are few enough that forming panels would cost more.</summary>
    public static bool Suits(Conv2dFilter f) => f.R * f.S > 1 && f.Stride <= 2 && f.C * f.R * f.S <= MaxDepth;

    public static void Run(CpuBackend backend, in CpuConvolutionCall call, float* weight)
    {
        var job = new Job { Call = call, Weight = weight, Bands = (call.Shape.P + RowsPerTask - 1) / RowsPerTask };
        backend.Team.Run(call.Shape.Input.N * job.Bands, ref job);
    }

    /// <summary>Output rows [first, last) of the first image.</summary>
    public static void Rows(in CpuConvolutionCall call, float* weight, int first, int last, float* scratch)
    {
        var job = new Job { Call = call, Weight = weight };
        for (int row = first; row < last; row += RowsPerTask)
        {
            job.Band(0, row, Math.Min(row + RowsPerTask, last), scratch);
        }
    }

    /// <summary>Working memory for inputs of <paramref name="w"/> columns.</summary>
    public static long ScratchFloats(Conv2dFilter f, int w) =>
        MaxDepth + ((long)f.C * BandRows(f) * f.Stride * Pitch(new Conv2dShape(f, new ImageBatch(1, f.R, w)))) + Slack
        + (Gemm<T>.Rows * Gemm<T>.Columns);

    /// <summary>Input rows that a band of output rows reads.</summary>
    private static int BandRows(Conv2dFilter f) => ((RowsPerTask - 1) * f.Stride) + f.R;

    /// <summary>Floats of one row of one remainder: whole panels, and what the last tap is further right.</summary>
    private static int Pitch(in Conv2dShape shape) =>
        ((shape.Q + Gemm<T>.Columns - 1) / Gemm<T>.Columns * Gemm<T>.Columns) + shape.Filter.S + 16;

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public float* Weight;
        public int Bands;

        private readonly int Depth => Call.Shape.Filter.C * Call.Shape.Filter.R * Call.Shape.Filter.S;

        public readonly void Run(int task)
        {
            int first = task % Bands * RowsPerTask, last = Math.Min(first + RowsPerTask, Call.Shape.P);
            Band(task / Bands, first, last, Scratch.Get(ScratchFloats(Call.Shape.Filter, Call.Shape.Input.W)));
        }

        /// <summary>Output rows [first, last), at most <see cref="RowsPerTask"/>.</summary>
        public readonly void Band(int image, int first, int last, float* scratch)
        {
            var shape = Call.Shape;
            var f = shape.Filter;
            int columns = Gemm<T>.Columns, whole = shape.Q / columns * columns, pitch = Pitch(shape);
            int* offsets = (int*)scratch;
            Offsets(f, pitch, offsets);
            float* band = scratch + MaxDepth, tile = band + ((long)f.C * BandRows(f) * f.Stride * pitch) + Slack;
            int top = (first * f.Stride) - f.Padding;
            Fill(Call.X + (image * shape.InputImage), top, ((last - 1) * f.Stride) - f.Padding + f.R - top, band);
            float* residual = Call.Residual == null ? null : Call.Residual + (image * shape.OutputImage);
            float* y = Call.Y + (image * Call.YImageStride);
            for (int row = first; row < last; row++)
            {
                float* origin = band + ((long)(row - first) * f.Stride * f.Stride * pitch);
                for (int channel = 0; channel < f.K; channel += Gemm<T>.Rows)
                {
                    long offset = (channel * (long)Call.YPlane) + ((long)row * shape.Q);
                    Row(channel, origin, offsets, whole, tile, residual == null ? null : residual + offset, y + offset);
                }
            }
        }

        /// <summary>Where the band has row (c,r,s) of the im2col matrix.</summary>
        private static void Offsets(Conv2dFilter f, int pitch, int* offsets)
        {
            int rows = BandRows(f);
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
        }

        /// <summary>A row of 4 channels.</summary>
        private readonly void Row(int channel, float* origin, int* offsets, int whole, float* tile, float* residual, float* y)
        {
            int columns = Gemm<T>.Columns, channels = Math.Min(Gemm<T>.Rows, Call.Shape.Filter.K - channel), q = Call.Shape.Q;
            nint plane = Call.YPlane;
            float* a = Weight + ((long)channel * Depth), bias = Call.Bias == null ? null : Call.Bias + channel;
            bool direct = channels == Gemm<T>.Rows && Call.Activation is Activation.None or Activation.Relu;
            int done = direct ? whole : 0;
            if (done > 0)
            {
                bool relu = Call.Activation == Activation.Relu;
                var output = new TileOutput { Bias = bias, Residual = residual, Y = y, Pitch = plane, Relu = relu };
                Gemm<T>.TilesTo(done / columns, Depth, a, new Gemm<T>.OffsetRows(origin, offsets), columns, output);
            }
            for (int pixel = done; pixel < q; pixel += columns)
            {
                float* added = residual == null ? null : residual + pixel;
                Gemm<T>.TileTo(Depth, a, new Gemm<T>.OffsetRows(origin + pixel, offsets), new() { Bias = bias, Y = tile, Pitch = columns });
                for (int k = 0; k < channels; k++)
                {
                    Epilogue<T>.Row(tile + (k * columns), 0, added == null ? null : added + (k * plane),
                        y + pixel + (k * plane), Math.Min(columns, q - pixel), Call.Activation);
                }
            }
        }

        /// <summary><paramref name="count"/> input rows from <paramref name="top"/> on, of all channels.</summary>
        private readonly void Fill(float* x, int top, int count, float* band)
        {
            var f = Call.Shape.Filter;
            int h = Call.Shape.Input.H, w = Call.Shape.Input.W, pitch = Pitch(Call.Shape), rows = BandRows(f);
            for (int c = 0; c < f.C; c++)
            {
                float* target = band + ((long)c * rows * f.Stride * pitch);
                for (int r = 0; r < count; r++, target += f.Stride * pitch)
                {
                    int row = top + r;
                    if ((uint)row >= (uint)h)
                    {
                        new Span<float>(target, f.Stride * pitch).Clear();
                        continue;
                    }
                    PaddedRow.Fill(x + (c * (long)Call.XPlane) + ((long)row * w), w, f, target, pitch);
                }
            }
        }
    }
}
