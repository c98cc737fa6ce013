using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Convolutions with groups, depthwise above all: with few input channels for each output there is nothing to gain from a matrix
/// product. A task is one output plane; it keeps the input rows that an output row reads, with the zeros of the padding, and
/// sums all taps of a run of outputs in registers.
/// </summary>
internal sealed unsafe class CpuGroupedConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    /// <summary>Vectors of outputs that are summed together.</summary>
    private const int Vectors = 4;

    private readonly CpuBackend _backend;
    private readonly CpuBuffer _weight, _bias;

    public CpuGroupedConvolution(CpuBackend backend, Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation) : base(filter, false, activation)
    {
        _backend = backend;
        _weight = CpuBuffer.From(weight);
        _bias = BiasOrZeros(bias, filter.K);
    }

    public override string Algorithm => "grouped";

    public override long PackedBytes => _weight.Bytes + _bias.Bytes;

    public override void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride) =>
        Run(_backend, Call(input, x, y, residual, yImageStride, _bias), _weight.Pointer);

    public override void Dispose()
    {
        _weight.Dispose();
        _bias.Dispose();
    }

    public static void Run(CpuBackend backend, in CpuConvolutionCall call, float* weight)
    {
        var job = new Job { Call = call, Weight = weight };
        backend.Team.Run(call.Shape.Input.N * call.Shape.Filter.K, ref job);
    }

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public float* Weight;

        private readonly Conv2dShape Shape => Call.Shape;

        public readonly void Run(int task)
        {
            var f = Shape.Filter;
            int k = task % f.K, image = task / f.K, inputs = f.C / f.Groups, group = k / (f.K / f.Groups);
            int h = Shape.Input.H, w = Shape.Input.W, block = Vectors * T.Count;
            // Outputs in whole blocks, and what the last tap is further right.
            int outputs = (Shape.Q + block - 1) / block * block, pitch = outputs + (f.S / f.Stride) + 1, row = f.Stride * pitch;
            int taps = inputs * f.R * f.S;
            float* sums = Scratch.Get(outputs + ((((long)inputs * f.R) + 1) * row) + 1 + (taps * (sizeof(float*) / sizeof(float))));
            float* rows = sums + outputs, zeros = rows + ((long)inputs * f.R * row);
            float** sources = (float**)(zeros + row + ((outputs + (((inputs * f.R) + 1) * row)) & 1));
            new Span<float>(zeros, row).Clear();
            float* weights = Weight + ((long)k * taps);
            float* planes = Call.X + (image * Shape.InputImage) + ((long)group * inputs * h * w);
            int read = 0;
            for (int i = 0; i < Shape.P; i++)
            {
                int top = (i * f.Stride) - f.Padding;
                // Row y of a channel is kept in place y % R until it is needed no more.
                for (read = Math.Max(read, top); read < Math.Min(h, top + f.R); read++)
                {
                    for (int c = 0; c < inputs; c++)
                    {
                        PaddedRow.Fill(planes + (((long)c * h) + read) * w, w, f, rows + (((c * f.R) + (read % f.R)) * row), pitch);
                    }
                }
                for (int tap = 0; tap < taps; tap++)
                {
                    int s = tap % f.S, y = top + (tap / f.S % f.R), c = tap / f.S / f.R;
                    float* source = (uint)y < (uint)h ? rows + (((c * f.R) + (y % f.R)) * row) : zeros;
                    sources[tap] = source + (s % f.Stride * pitch) + (s / f.Stride);
                }
                Row(sources, weights, taps, sums, outputs);
                long offset = (((long)k * Shape.P) + i) * Shape.Q;
                float* residual = Call.Residual == null ? null : Call.Residual + (image * Shape.OutputImage) + offset;
                Epilogue<T>.Row(sums, Call.BiasOf(k), residual, Call.Y + (image * Call.YImageStride) + offset, Shape.Q,
                    Call.Activation);
            }
        }
    }

    /// <summary>sums[j] = sum over the taps of sources[tap][j] * weights[tap]</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row(float** sources, float* weights, nint taps, float* sums, nint count)
    {
        for (nint j = 0; j < count; j += Vectors * T.Count)
        {
            T a = default, b = default, c = default, d = default;
            for (nint tap = 0; tap < taps; tap++)
            {
                T weight = T.Create(weights[tap]);
                float* source = sources[tap] + j;
                a = T.MultiplyAdd(weight, T.Load(source), a);
                b = T.MultiplyAdd(weight, T.Load(source + T.Count), b);
                c = T.MultiplyAdd(weight, T.Load(source + (2 * T.Count)), c);
                d = T.MultiplyAdd(weight, T.Load(source + (3 * T.Count)), d);
            }
            a.Store(sums + j);
            b.Store(sums + j + T.Count);
            c.Store(sums + j + (2 * T.Count));
            d.Store(sums + j + (3 * T.Count));
        }
    }
}
