using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Convolutions with groups, depthwise above all: each output row is the sum of shifted input rows times one weight, so
/// with few input channels for each output there is nothing to gain from a matrix product. A task is one output plane.
/// </summary>
internal sealed unsafe class CpuGroupedConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
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
            int p = Shape.P, q = Shape.Q, h = Shape.Input.H, w = Shape.Input.W;
            float* sums = Scratch.Get(q);
            float* weights = Weight + ((long)k * inputs * f.R * f.S);
            float* planes = Call.X + (image * Shape.InputImage) + ((long)group * inputs * h * w);
            for (int i = 0; i < p; i++)
            {
                new Span<float>(sums, q).Clear();
                for (int c = 0; c < inputs; c++)
                {
                    for (int r = 0; r < f.R; r++)
                    {
                        int row = (i * f.Stride) - f.Padding + r;
                        if ((uint)row < (uint)h)
                        {
                            AddRow(planes + ((long)c * h * w) + ((long)row * w), weights + (((c * f.R) + r) * f.S), sums);
                        }
                    }
                }
                long offset = (((long)k * p) + i) * q;
                float* residual = Call.Residual == null ? null : Call.Residual + (image * Shape.OutputImage) + offset;
                Epilogue<T>.Row(sums, Call.BiasOf(k), residual, Call.Y + (image * Call.YImageStride) + offset, q,
                    Call.Activation);
            }
        }

        /// <summary>sums[j] += sum over s of row[j * stride - pad + s] * weights[s]</summary>
        private readonly void AddRow(float* row, float* weights, float* sums)
        {
            var f = Shape.Filter;
            int w = Shape.Input.W, q = Shape.Q;
            for (int s = 0; s < f.S; s++)
            {
                // Output columns whose input column lies inside the row.
                int shift = s - f.Padding;
                int from = Math.Clamp(shift >= 0 ? 0 : (-shift + f.Stride - 1) / f.Stride, 0, q);
                int to = w - 1 < shift ? from : Math.Clamp(((w - 1 - shift) / f.Stride) + 1, from, q);
                int j = from;
                if (f.Stride == 1)
                {
                    T weight = T.Create(weights[s]);
                    for (; j + T.Count <= to; j += T.Count)
                    {
                        T.MultiplyAdd(weight, T.Load(row + j + shift), T.Load(sums + j)).Store(sums + j);
                    }
                }
                for (; j < to; j++)
                {
                    sums[j] = MathF.FusedMultiplyAdd(weights[s], row[(j * f.Stride) + shift], sums[j]);
                }
            }
        }
    }
}
