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
            // (C, 4K) seen as its transpose: 4K rows, one float apart; columns 4K apart. 4K is a multiple of a strip.
            Gemm<T>.PackStrips(source, 1, 4 * k, 4 * k, c, _weight.Pointer);
        }
    }

    public override string Algorithm => "transposed";

    public override long PackedBytes => _weight.Bytes + _bias.Bytes;

    public override void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride)
    {
        int pixels = input.H * input.W, columns = Gemm<T>.Columns;
        var job = new Job
        {
            Owner = this,
            Shape = new Conv2dShape(new Conv2dFilter(Filter.C, 4 * Filter.K, 1, 1), input),
            Groups = (pixels + (columns * PanelsPerTask) - 1) / (columns * PanelsPerTask),
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
            Residual = residual is { } r ? CpuBackend.Pointer(r) : null,
            YImageStride = yImageStride,
        };
        _backend.Team.Run(input.N * job.Groups, ref job);
    }

    public override void Dispose()
    {
        _weight.Dispose();
        _bias.Dispose();
    }

    private struct Job : IJob
    {
        public CpuTransposedConvolution<T> Owner;
        public Conv2dShape Shape;
        public int Groups;
        public float* X, Y, Residual;
        public long YImageStride;

        public readonly void Run(int task)
        {
            int group = task % Groups, image = task / Groups, columns = Gemm<T>.Columns, c = Shape.Filter.C;
            int w = Shape.Input.W, total = Shape.Input.H * w;
            int first = group * PanelsPerTask * columns, last = Math.Min(first + (PanelsPerTask * columns), total);
            int k = Owner.Filter.K, half = Gemm<T>.Rows / 2;
            float* panel = Scratch.Get(((long)c * columns) + 64 + (6L * columns));
            float* tile = panel + ((long)c * columns) + 64;
            float* pairs = tile + (4 * columns);
            float* x = X + (image * Shape.InputImage);
            for (int pixel = first; pixel < last; pixel += columns)
            {
                int count = Math.Min(columns, last - pixel);
                Im2col<T>.Panel(Shape, x, 0, c, pixel, count, panel);
                for (int strip = 0; strip < k; strip++)
                {
                    // A strip is one output channel: rows (a,b) = (0,0), (0,1), (1,0), (1,1).
                    Gemm<T>.Tile(c, Owner._weight.Pointer + ((long)strip * 4 * c), panel, columns, tile, columns, true);
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
                long offset = ((((long)k * 2 * Shape.Input.H) + (2 * row) + a) * 2 * w) + (2 * column);
                long image1 = 4L * Owner.Filter.K * Shape.Input.H * w;
                float* residual = Residual == null ? null : Residual + (image * image1) + offset;
                Epilogue<T>.Row(pairs + (2 * done), Owner._bias.Pointer[k], residual, Y + (image * YImageStride) + offset,
                    2 * run, Owner.Activation);
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
