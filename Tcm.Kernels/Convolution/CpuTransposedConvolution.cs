using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// The transposed convolution with kernel 2 and stride 2. Its blocks do not overlap, so it is one product
/// (4K x C) * (C x HW), rows ordered (k, a, b), whose rows (k,a,0) and (k,a,1) are interleaved into row 2h+a of plane k.
/// A task is some rows of the input; a run of a row is packed once, then each channel writes long pieces of its two output rows:
/// planes are often a multiple of 4 KiB apart, where short pieces of many would push each other out of the cache.
/// </summary>
internal sealed unsafe class CpuTransposedConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    private const int PanelsPerRun = 16, PixelsPerTask = 512;
    private readonly CpuBackend _backend;
    private readonly CpuBuffer _weight, _bias;

    public CpuTransposedConvolution(CpuBackend backend, int c, int k, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) : base(new Conv2dFilter(c, k, 2, 2, 2), true, activation)
    {
        _backend = backend;
        _bias = BiasOrZeros(bias, k);
        _weight = new CpuBuffer(4L * k * c);
        fixed (float* source = weight)
        {
            Pack(backend, c, k, source, _weight.Pointer);
        }
    }

    public override string Algorithm => "transposed";

    public override long PackedBytes => _weight.Bytes + _bias.Bytes;

    public override void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride) =>
        Run(_backend, Call(input, x, y, residual, yImageStride, _bias), _weight.Pointer);

    public override void Dispose()
    {
        _weight.Dispose();
        _bias.Dispose();
    }

    public override int RowGranularity => 2;

    public override long RowScratchFloats(int w) => ScratchFloats(Filter.C);

    public override void Rows(in CpuConvolutionCall call, int first, int last, float* scratch)
    {
        var job = new Job { Call = call with { Bias = _bias.Pointer }, Weight = _weight.Pointer };
        for (int row = first / 2; row < last / 2; row++)
        {
            job.Row(0, row, scratch);
        }
    }

    /// <summary>w (C,K,2,2), seen as (C,4K), into 4KC floats: strips of the rows (k,a,b).</summary>
    public static void Pack(CpuBackend backend, int c, int k, float* w, float* target) =>
        CpuDirectConvolution<T>.Pack(backend, Product(c, k), FilterView.Transposed(w, 4 * k), target);

    /// <summary>The call's filter is (C, K, 2, 2), its input what goes into the transposed convolution.</summary>
    public static void Run(CpuBackend backend, in CpuConvolutionCall call, float* weight)
    {
        var input = call.Shape.Input;
        int rows = Math.Clamp(PixelsPerTask / input.W, 1, input.H);
        var job = new Job { Call = call, Weight = weight, RowsPerTask = rows, Tasks = (input.H + rows - 1) / rows };
        backend.Team.Run(input.N * job.Tasks, ref job);
    }

    private static Conv2dFilter Product(int c, int k) => new(c, 4 * k, 1, 1);

    /// <summary>The packed run, a tile of the product, and its two rows of pairs.</summary>
    private static long ScratchFloats(int c) => (((PanelsPerRun * (long)c) + Gemm<T>.Rows + 4) * Gemm<T>.Columns) + 128;

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public float* Weight;
        public int RowsPerTask, Tasks;

        public readonly void Run(int task)
        {
            float* scratch = Scratch.Get(ScratchFloats(Call.Shape.Filter.C));
            int first = task % Tasks * RowsPerTask, last = Math.Min(first + RowsPerTask, Call.Shape.Input.H);
            for (int row = first; row < last; row++)
            {
                Row(task / Tasks, row, scratch);
            }
        }

        /// <summary>The two output rows of an input row.</summary>
        public readonly void Row(int image, int row, float* packed)
        {
            int c = Call.Shape.Filter.C, k = Call.Shape.Filter.K, h = Call.Shape.Input.H, w = Call.Shape.Input.W;
            int columns = Gemm<T>.Columns;
            nint plane = Call.YBand != 0 ? Call.YBand : (nint)4 * h * w;
            var product = new Conv2dShape(Product(c, k), Call.Shape.Input);
            float* tile = packed + (PanelsPerRun * (long)c * columns) + 64, x = Call.X + (image * product.InputImage);
            for (int from = 0; from < w; from += PanelsPerRun * columns)
            {
                int run = Math.Min(PanelsPerRun * columns, w - from);
                Im2col<T>.Panels(product, x, Call.XPlane, c, (row * w) + from, run, packed);
                for (int channel = 0; channel < k; channel++)
                {
                    long offset = (channel * (long)plane) + (4L * row * w) + (2 * from);
                    float* residual = Call.Residual == null ? null : Call.Residual + ((long)image * k * plane) + offset;
                    Channel(channel, packed, run, tile, residual, Call.Y + (image * Call.YImageStride) + offset);
                }
            }
        }

        /// <summary>A run of one channel: a strip of the product has its rows (a,b) = (0,0), (0,1), (1,0), (1,1).</summary>
        private readonly void Channel(int channel, float* panel, int run, float* tile, float* residual, float* y)
        {
            int c = Call.Shape.Filter.C, columns = Gemm<T>.Columns, below = 2 * Call.Shape.Input.W;
            float* a = Weight + ((long)channel * Gemm<T>.Rows * c), pairs = tile + (Gemm<T>.Rows * columns);
            float bias = Call.BiasOf(channel);
            bool direct = residual == null && (Call.Activation is Activation.None or Activation.Relu);
            bool relu = direct && Call.Activation == Activation.Relu;
            float* biases = stackalloc float[4] { bias, bias, bias, bias };
            for (int pixel = 0; pixel < run; pixel += columns, panel += (nint)c * columns, y += 2 * columns)
            {
                int count = Math.Min(columns, run - pixel);
                Gemm<T>.TileTo(c, a, new Gemm<T>.PanelRows(panel), new() { Bias = biases, Y = tile, Pitch = columns, Relu = relu });
                if (direct && count == columns)
                {
                    Interleave(tile, tile + columns, y);
                    Interleave(tile + (2 * columns), tile + (3 * columns), y + below);
                    continue;
                }
                Interleave(tile, tile + columns, pairs);
                Interleave(tile + (2 * columns), tile + (3 * columns), pairs + (2 * columns));
                float* added = residual == null ? null : residual + (2 * pixel), addedBelow = added == null ? null : added + below;
                Epilogue<T>.Row(pairs, 0, added, y, 2 * count, Call.Activation);
                Epilogue<T>.Row(pairs + (2 * columns), 0, addedBelow, y + below, 2 * count, Call.Activation);
            }
        }

        /// <summary>target = a0, b0, a1, b1, ... for the columns of a tile.</summary>
        private static void Interleave(float* a, float* b, float* target)
        {
            for (int i = 0; i < Gemm<T>.Columns; i += T.Count)
            {
                var (low, high) = T.Interleave(T.Load(a + i), T.Load(b + i));
                low.Store(target + (2 * i));
                high.Store(target + (2 * i) + T.Count);
            }
        }
    }
}
