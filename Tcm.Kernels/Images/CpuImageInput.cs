using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Images;

/// <summary>Picture input on the CPU; a task is some rows. A shuffle spreads four pixels of one channel into a vector.</summary>
internal sealed unsafe class CpuImageInput(CpuBackend backend) : ImageInput
{
    private const int RowsPerTask = 16;

    private protected override void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH,
        int paddedW, ChannelNormalization normalization, Slice y)
    {
        fixed (byte* source = rgb)
        {
            var job = new Job
            {
                Rgb = source,
                RowStride = rowStride,
                H = h,
                W = w,
                PaddedH = paddedH,
                PaddedW = paddedW,
                Normalization = normalization,
                Y = CpuBackend.Pointer(y),
            };
            backend.Team.Run((paddedH + RowsPerTask - 1) / RowsPerTask, ref job);
        }
    }

    private struct Job : IJob
    {
        public byte* Rgb;
        public int RowStride, H, W, PaddedH, PaddedW;
        public ChannelNormalization Normalization;
        public float* Y;

        public readonly void Run(int task)
        {
            int end = (int)Math.Min(PaddedH, ((long)task + 1) * RowsPerTask);
            for (int row = task * RowsPerTask; row < end; row++)
            {
                long plane = (long)PaddedH * PaddedW;
                float* y = Y + (long)row * PaddedW;
                int filled = 0;
                if (row < H)
                {
                    Row(Rgb + (long)row * RowStride, y, y + plane, y + 2 * plane);
                    filled = W;
                }
                for (int c = 0; c < 3; c++)
                {
                    new Span<float>(y + c * plane + filled, PaddedW - filled).Clear();
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Row(byte* rgb, float* r, float* g, float* b)
        {
            var n = Normalization;
            var meanR = Vector128.Create(n.MeanR);
            var meanG = Vector128.Create(n.MeanG);
            var meanB = Vector128.Create(n.MeanB);
            nint j = 0;
            // 16 bytes are loaded for 12, so the last two pixels of a row are left to the plain loop.
            for (; j + 6 <= W; j += 4)
            {
                var pixels = Vector128.Load(rgb + 3 * j);
                // Indices outside the vector give 0: each byte becomes the low byte of a 32-bit lane.
                var red = Vector128.Shuffle(pixels, Vector128.Create(
                    (byte)0, 99, 99, 99, 3, 99, 99, 99, 6, 99, 99, 99, 9, 99, 99, 99));
                var green = Vector128.Shuffle(pixels, Vector128.Create(
                    (byte)1, 99, 99, 99, 4, 99, 99, 99, 7, 99, 99, 99, 10, 99, 99, 99));
                var blue = Vector128.Shuffle(pixels, Vector128.Create(
                    (byte)2, 99, 99, 99, 5, 99, 99, 99, 8, 99, 99, 99, 11, 99, 99, 99));
                ((Vector128.ConvertToSingle(red.AsInt32()) - meanR) * n.ScaleR).Store(r + j);
                ((Vector128.ConvertToSingle(green.AsInt32()) - meanG) * n.ScaleG).Store(g + j);
                ((Vector128.ConvertToSingle(blue.AsInt32()) - meanB) * n.ScaleB).Store(b + j);
            }
            for (; j < W; j++)
            {
                r[j] = (rgb[3 * j] - n.MeanR) * n.ScaleR;
                g[j] = (rgb[3 * j + 1] - n.MeanG) * n.ScaleG;
                b[j] = (rgb[3 * j + 2] - n.MeanB) * n.ScaleB;
            }
        }
    }
}
