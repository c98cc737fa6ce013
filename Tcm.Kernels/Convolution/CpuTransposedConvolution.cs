using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// The transposed convolution with kernel 2 and stride 2. Its blocks do not overlap, so it is one product
/// (4K x C) * (C x HW), rows ordered (k, a, b), whose rows (k,a,0) and (k,a,1) are interleaved into row 2h+a of plane k.
/// </summary>
internal sealed unsafe class CpuTransposedConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    private const int PanelsPerTask = 8;
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

    /// <summary>w (C,K,2,2), seen as (C,4K), into 4KC floats: strips of the rows (k,a,b).</summary>
    public static void Pack(CpuBackend backend, int c, int k, float* w, float* target) =>
        CpuDirectConvolution<T>.Pack(backend, Product(c, k), FilterView.Transposed(w, 4 * k), target);

    /// <summary>The call's filter is (C, K, 2, 2), its input what goes into the transposed convolution.</summary>
    public static void Run(CpuBackend backend, in CpuConvolutionCall call, float* weight)
    {
        var input = call.Shape.Input;
        int pixels = input.H * input.W, columns = Gemm<T>.Columns;
        var job = new Job
        {
            Call = call,
            Weight = weight,
            Groups = (pixels + (columns * PanelsPerTask) - 1) / (columns * PanelsPerTask),
        };
        backend.Team.Run(input.N * job.Groups, ref job);
    }

    private static Conv2dFilter Product(int c, int k) => new(c, 4 * k, 1, 1);

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public float* Weight;
        public int Groups;

        public readonly void Run(int task)
        {
            int c = Call.Shape.Filter.C, k = Call.Shape.Filter.K;
            var shape = new Conv2dShape(Product(c, k), Call.Shape.Input);
            int group = task % Groups, image = task / Groups, columns = Gemm<T>.Columns;
            int w = shape.Input.W, total = shape.Input.H * w;
            int first = group * PanelsPerTask * columns, last = Math.Min(first + (PanelsPerTask * columns), total);
            int half = Gemm<T>.Rows / 2;
            float* panel = Scratch.Get(((long)c * columns) + 64 + (6L * columns));
            float* tile = panel + ((long)c * columns) + 64;
            float* pairs = tile + (4 * columns);
            float* x = Call.X + (image * shape.InputImage);
            for (int pixel = first; pixel < last; pixel += columns)
            {
                int count = Math.Min(columns, last - pixel);
                Im2col<T>.Panels(shape, x, c, pixel, count, panel);
                for (int strip = 0; strip < k; strip++)
                {
                    // A strip is one output channel: rows (a,b) = (0,0), (0,1), (1,0), (1,1).
                    Gemm<T>.Tile(c, Weight + ((long)strip * Gemm<T>.Rows * c), panel, columns, tile, columns, first: true);
                    for (int a = 0; a < half; a++)
                    {
                        Interleave(tile + (2 * a * columns), tile + (((2 * a) + 1) * columns), pairs, columns);
                        StoreRows(image, strip, a, pixel, count, w, pairs);
                    }
                }
            }
        }

        /// <summary>Writes 2*count floats of row a of channel k; a run ends where the input row does.</summary>
        private readonly void StoreRows(int image, int k, int a, int pixel, int count, int w, float* pairs)
        {
            for (int done = 0; done < count;)
            {
                int row = (pixel + done) / w, column = (pixel + done) % w, run = Math.Min(w - column, count - done);
                long offset = ((((long)k * 2 * Call.Shape.Input.H) + (2 * row) + a) * 2 * w) + (2 * column);
                long image1 = 4L * Call.Shape.Filter.K * Call.Shape.Input.H * w;
                float* residual = Call.Residual == null ? null : Call.Residual + (image * image1) + offset;
                Epilogue<T>.Row(pairs + (2 * done), Call.BiasOf(k), residual, Call.Y + (image * Call.YImageStride) + offset,
                    2 * run, Call.Activation);
                done += run;
            }
        }

        /// <summary>target = a0, b0, a1, b1, ...</summary>
        private static void Interleave(float* a, float* b, float* target, int count)
        {
            int i = 0;
            if (Avx.IsSupported)
            {
                for (; i + 8 <= count; i += 8)
                {
                    var low = Avx.UnpackLow(Vector256.Load(a + i), Vector256.Load(b + i));
                    var high = Avx.UnpackHigh(Vector256.Load(a + i), Vector256.Load(b + i));
                    Avx.Permute2x128(low, high, 0x20).Store(target + (2 * i));
                    Avx.Permute2x128(low, high, 0x31).Store(target + (2 * i) + 8);
                }
            }
            for (; i < count; i++)
            {
                target[2 * i] = a[i];
                target[(2 * i) + 1] = b[i];
            }
        }
    }
}
