using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Pooling;

/// <summary>The gradient of average pooling on the CPU; a task is some planes.</summary>
internal sealed unsafe partial class CpuPooling
{
    private protected override void BackwardCore(int planes, int h, int w, int kernel, Slice dy, Slice dx)
    {
        var job = new GradientJob { H = h, W = w, Kernel = kernel, Dy = CpuBackend.Pointer(dy), Dx = CpuBackend.Pointer(dx) };
        backend.Team.Run(planes, ref job);
    }

    private struct GradientJob : IJob
    {
        public int H, W, Kernel;
        public float* Dy, Dx;

        public readonly void Run(int plane)
        {
            int p = H / Kernel, q = W / Kernel;
            float scale = 1f / (Kernel * Kernel);
            float* dy = Dy + ((long)plane * p * q), dx = Dx + ((long)plane * H * W);
            for (int y = 0; y < H; y++, dx += W)
            {
                var row = new Span<float>(dx, W);
                if (y >= p * Kernel)
                {
                    row.Clear();
                    continue;
                }
                float* source = dy + ((long)(y / Kernel) * q);
                if (y % Kernel > 0)
                {
                    new ReadOnlySpan<float>(dx - W, W).CopyTo(row);
                    continue;
                }
                if (Kernel == 2)
                {
                    Pairs(source, dx, q, scale);
                }
                else
                {
                    for (int x = 0; x < q * Kernel; x++)
                    {
                        dx[x] = source[x / Kernel] * scale;
                    }
                }
                row[(q * Kernel)..].Clear();
            }
        }

        private static void Pairs(float* source, float* dx, int count, float scale)
        {
            int i = 0;
            Floats4 factor = Floats4.Create(scale);
            for (; i <= count - 4; i += 4)
            {
                var (low, high) = Floats4.Duplicate(Floats4.Load(source + i) * factor);
                low.Store(dx + (2 * i));
                high.Store(dx + (2 * i) + 4);
            }
            for (; i < count; i++)
            {
                dx[2 * i] = dx[(2 * i) + 1] = source[i] * scale;
            }
        }
    }
}
