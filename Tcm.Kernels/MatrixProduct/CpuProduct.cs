using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// The product of packed operands. Layouts, with K cut into equal blocks of kc:
///   strips (block)(M/4)(kc)(4), panels (block)(N/columns)(kc)(columns); what is missing in the last ones is 0.
/// </summary>
internal static unsafe class CpuProduct<T> where T : struct, IFloatVector<T>
{
    private const int DepthBlock = 256;
    private const int StripsPerTask = 64;
    private const int PanelsPerTask = 8;

    private static int Columns => Gemm<T>.Columns;

    public static long StripFloats(int m, int k) => (long)Strips(m) * Gemm<T>.Rows * k;

    public static long PanelFloats(int n, int k) => (long)Panels(n) * Columns * k;

    /// <summary>Packs alpha * a; element (i, j) is source[i * rowStride + j * columnStride].</summary>
    public static void PackStrips(ThreadTeam team, float* source, nint rowStride, nint columnStride, int m, int k, float alpha,
        float* target)
    {
        var job = new StripJob
        {
            Source = source,
            Target = target,
            RowStride = rowStride,
            ColumnStride = columnStride,
            M = m,
            K = k,
            Alpha = alpha,
            PerTask = Math.Max(Strips(m) / 16, 8),
        };
        team.Run((Strips(m) + job.PerTask - 1) / job.PerTask, ref job);
    }

    /// <summary>Packs b; element (j, i) of row j, column i is source[j * rowStride + i * columnStride].</summary>
    public static void PackPanels(ThreadTeam team, float* source, nint rowStride, nint columnStride, int n, int k,
        float* target)
    {
        var job = new PanelJob
        {
            Source = source,
            Target = target,
            RowStride = rowStride,
            ColumnStride = columnStride,
            N = n,
            K = k,
        };
        team.Run(Panels(n), ref job);
    }

    /// <summary>y (M x N) = act(strips * panels + bias + residual); bias has N values, it and residual may be null.</summary>
    public static void Run(ThreadTeam team, int m, int n, int k, float* strips, float* panels, float* bias, float* residual,
        float* y, Activation activation)
    {
        int perTask = Math.Clamp(Panels(n) * ((Strips(m) + StripsPerTask - 1) / StripsPerTask) / (4 * team.Threads), 1,
            PanelsPerTask);
        var job = new ProductJob
        {
            M = m,
            N = n,
            K = k,
            PanelsPerTask = perTask,
            Groups = (Panels(n) + perTask - 1) / perTask,
            StripBlocks = (Strips(m) + StripsPerTask - 1) / StripsPerTask,
            A = strips,
            B = panels,
            Bias = bias,
            Residual = residual,
            Y = y,
            Activation = activation,
        };
        team.Run(job.Groups * job.StripBlocks, ref job);
    }

    private static int Strips(int m) => (m + Gemm<T>.Rows - 1) / Gemm<T>.Rows;

    private static int Panels(int n) => (n + Columns - 1) / Columns;

    private static int BlockOf(int k)
    {
        int blocks = (k + DepthBlock - 1) / DepthBlock;
        return (k + blocks - 1) / blocks;
    }

    private struct StripJob : IJob
    {
        public float* Source, Target;
        public nint RowStride, ColumnStride;
        public int M, K, PerTask;
        public float Alpha;

        public readonly void Run(int task)
        {
            int block = BlockOf(K), firstStrip = task * PerTask, strips = Math.Min(PerTask, Strips(M) - firstStrip);
            int row = firstStrip * Gemm<T>.Rows;
            for (int first = 0; first < K; first += block)
            {
                int kc = Math.Min(block, K - first);
                float* target = Target + ((long)Strips(M) * Gemm<T>.Rows * first) + ((long)row * kc);
                Gemm<T>.PackStrips(Source + (row * RowStride) + (first * ColumnStride), RowStride, ColumnStride,
                    Math.Min(strips * Gemm<T>.Rows, M - row), kc, target);
                if (Alpha != 1)
                {
                    T scale = T.Create(Alpha);
                    long count = (long)strips * Gemm<T>.Rows * kc, i = 0;
                    for (; i + T.Count <= count; i += T.Count)
                    {
                        (T.Load(target + i) * scale).Store(target + i);
                    }
                    for (; i < count; i++)
                    {
                        target[i] *= Alpha;
                    }
                }
            }
        }
    }

    private struct PanelJob : IJob
    {
        public float* Source, Target;
        public nint RowStride, ColumnStride;
        public int N, K;

        public readonly void Run(int panel)
        {
            int block = BlockOf(K), columns = Columns, column = panel * columns, have = Math.Min(columns, N - column);
            for (int first = 0; first < K; first += block)
            {
                int kc = Math.Min(block, K - first);
                float* target = Target + ((long)Panels(N) * columns * first) + ((long)column * kc);
                float* source = Source + (first * RowStride) + (column * ColumnStride);
                if (RowStride == 1)
                {
                    // b is stored transposed, as a linear layer's weight: read along its rows.
                    for (int i = 0; i < columns; i++)
                    {
                        float* from = source + (i * ColumnStride);
                        for (int j = 0; j < kc; j++)
                        {
                            target[((long)j * columns) + i] = i < have ? from[j] : 0;
                        }
                    }
                    continue;
                }
                for (int j = 0; j < kc; j++, target += columns, source += RowStride)
                {
                    for (int i = 0; i < columns; i++)
                    {
                        target[i] = i < have ? source[i * ColumnStride] : 0;
                    }
                }
            }
        }
    }

    private struct ProductJob : IJob
    {
        public int M, N, K, PanelsPerTask, Groups, StripBlocks;
        public float* A, B, Bias, Residual, Y;
        public Activation Activation;

        public readonly void Run(int task)
        {
            // Tasks of one panel group follow each other: b is the larger operand and is read from memory once.
            int group = task / StripBlocks, stripBlock = task % StripBlocks, columns = Columns, block = BlockOf(K);
            int firstPanel = group * PanelsPerTask, panels = Math.Min(PanelsPerTask, Panels(N) - firstPanel);
            int firstStrip = stripBlock * StripsPerTask, strips = Math.Min(StripsPerTask, Strips(M) - firstStrip);
            int ldc = PanelsPerTask * columns;
            float* sums = Scratch.Get((long)strips * Gemm<T>.Rows * ldc);
            for (int first = 0; first < K; first += block)
            {
                int kc = Math.Min(block, K - first);
                float* a = A + ((long)Strips(M) * Gemm<T>.Rows * first) + ((long)firstStrip * Gemm<T>.Rows * kc);
                float* b = B + ((long)Panels(N) * columns * first) + ((long)firstPanel * columns * kc);
                for (int p = 0; p < panels; p++, b += (long)columns * kc)
                {
                    for (int s = 0; s < strips; s++)
                    {
                        Gemm<T>.Tile(kc, a + ((long)s * Gemm<T>.Rows * kc), b, columns,
                            sums + ((long)s * Gemm<T>.Rows * ldc) + (p * columns), ldc, first == 0);
                    }
                }
            }
            int row = firstStrip * Gemm<T>.Rows, rows = Math.Min(strips * Gemm<T>.Rows, M - row);
            int column = firstPanel * columns, count = Math.Min(panels * columns, N - column);
            for (int i = 0; i < rows; i++)
            {
                long offset = ((long)(row + i) * N) + column;
                float* residual = Residual == null ? null : Residual + offset;
                if (Bias == null)
                {
                    Epilogue<T>.Row(sums + ((long)i * ldc), 0f, residual, Y + offset, count, Activation);
                }
                else
                {
                    Epilogue<T>.Row(sums + ((long)i * ldc), Bias + column, residual, Y + offset, count, Activation);
                }
            }
        }
    }
}
