using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Elementwise;

/// <summary>Gradients of activations on the CPU, in chunks of fixed size.</summary>
internal sealed unsafe partial class CpuElementwise
{
    private protected override void ActivateBackwardCore(Activation activation, Slice x, Slice y, Slice dy, Slice dx)
    {
        var job = new GradientJob
        {
            Activation = activation,
            Length = x.Length,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
            Dy = CpuBackend.Pointer(dy),
            Dx = CpuBackend.Pointer(dx),
        };
        backend.Team.Run(Tasks(x.Length), ref job);
    }

    private struct GradientJob : IJob
    {
        public Activation Activation;
        public long Length;
        public float* X, Y, Dy, Dx;

        public readonly void Run(int task)
        {
            long first = (long)task * Chunk;
            int count = (int)Math.Min(Chunk, Length - first);
            float* x = X + first, y = Y + first, dy = Dy + first, dx = Dx + first;
            switch (Activation)
            {
                case Activation.None:
                    new ReadOnlySpan<float>(dy, count).CopyTo(new Span<float>(dx, count));
                    break;
                case Activation.Relu:
                    for (int i = 0; i < count; i++)
                    {
                        dx[i] = y[i] > 0 ? dy[i] : 0;
                    }
                    break;
                case Activation.Sigmoid:
                    for (int i = 0; i < count; i++)
                    {
                        dx[i] = dy[i] * y[i] * (1 - y[i]);
                    }
                    break;
                case Activation.QuickGelu:
                    for (int i = 0; i < count; i++)
                    {
                        float s = 1 / (1 + MathF.Exp(-1.702f * x[i]));
                        dx[i] = dy[i] * (s + (1.702f * x[i] * s * (1 - s)));
                    }
                    break;
                default:
                    // x Phi(x): Phi is y / x, away from 0 where it is 1/2.
                    for (int i = 0; i < count; i++)
                    {
                        float phi = MathF.Abs(x[i]) > 1e-3f ? y[i] / x[i] : 0.5f + (0.39894228f * x[i]);
                        dx[i] = dy[i] * (phi + (0.39894228f * x[i] * MathF.Exp(-0.5f * x[i] * x[i])));
                    }
                    break;
            }
        }
    }
}
