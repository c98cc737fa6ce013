using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// The product of packed operands. Layouts: strips (M/4)(K)(4), panels (N/columns)(K)(columns); what is missing in the last ones
/// is 0. A task owns some panels, as many as the second-level cache holds, and runs some strips over them.
/// </summary>
internal static unsafe class CpuProduct<T> where T : struct, IFloatVector<T>
{
    private const int StripsPerTask = 64;
    private const int MostPanels = 8, MostPanelFloats = 48 * 1024;

    // What was widened for a few strips goes through the caches once more than it is used: as little of it as possible at a time.
    private const int FewStrips = 16, FewStripsFloats = 12 * 1024;

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

    /// <summary>y (M x N) = act(strips * panels + bias + residual); bias has a value for every column of the panels, it and residual may be null.</summary>
    public static void Run(ThreadTeam team, int m, int n, int k, float* strips, PackedPanels panels, float* bias, float* residual,
        float* y, Activation activation)
    {
        int mostFloats = panels.Halves != null && Strips(m) <= FewStrips ? FewStripsFloats : MostPanelFloats;
        int perTask = Math.Clamp(Panels(n) * ((Strips(m) + StripsPerTask - 1) / StripsPerTask) / (4 * team.Threads), 1,
            Math.Clamp(mostFloats / (k * Columns), 1, MostPanels));
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

    private struct StripJob : IJob
    {
        public float* Source, Target;
        public nint RowStride, ColumnStride;
        public int M, K, PerTask;
        public float Alpha;

        public readonly void Run(int task)
        {
            int firstStrip = task * PerTask, strips = Math.Min(PerTask, Strips(M) - firstStrip), row = firstStrip * Gemm<T>.Rows;
            float* target = Target + ((long)row * K);
            Gemm<T>.PackStrips(Source + (row * RowStride), RowStride, ColumnStride, Math.Min(strips * Gemm<T>.Rows, M - row), K, target);
            if (Alpha != 1)
            {
                T scale = T.Create(Alpha);
                long count = (long)strips * Gemm<T>.Rows * K, i = 0;
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

    private struct PanelJob : IJob
    {
        public float* Source, Target;
        public nint RowStride, ColumnStride;
        public int N, K;

        public readonly void Run(int panel)
        {
            int columns = Columns, column = panel * columns, have = Math.Min(columns, N - column);
            float* target = Target + ((long)column * K), source = Source + (column * ColumnStride);
            if (RowStride == 1)
            {
                // b is stored transposed, as a linear layer's weight: read along its rows.
                for (int i = 0; i < columns; i++)
                {
                    float* from = source + (i * ColumnStride);
                    for (int j = 0; j < K; j++)
                    {
                        target[((long)j * columns) + i] = i < have ? from[j] : 0;
                    }
                }
                return;
            }
            for (int j = 0; j < K; j++, target += columns, source += RowStride)
            {
                for (int i = 0; i < columns; i++)
                {
                    target[i] = i < have ? source[i * ColumnStride] : 0;
                }
            }
        }
    }

    private struct ProductJob : IJob
    {
        public int M, N, K, PanelsPerTask, Groups, StripBlocks;
        public float* A, Bias, Residual, Y;
        public PackedPanels B;
        public Activation Activation;

        public readonly void Run(int task)
        {
            // Tasks of one panel group follow each other: b is the larger operand and is read from memory once.
            int group = task / StripBlocks, stripBlock = task % StripBlocks, columns = Columns;
            int column = group * PanelsPerTask * columns, count = Math.Min(PanelsPerTask * columns, N - column);
            int firstStrip = stripBlock * StripsPerTask, lastStrip = Math.Min(firstStrip + StripsPerTask, Strips(M));
            long length = (long)(count + columns - 1) / columns * columns * K;
            float* tile = Scratch.Get((Gemm<T>.Rows * columns) + (B.Halves == null ? 0 : length));
            float* panels = B.Floats + ((long)column * K);
            if (B.Halves != null)
            {
                panels = tile + (Gemm<T>.Rows * columns);
                HalfPanels<T>.Widen(B.Halves + ((long)column * K), panels, length);
            }
            for (int strip = firstStrip; strip < lastStrip; strip++)
            {
                int row = strip * Gemm<T>.Rows, rows = Math.Min(Gemm<T>.Rows, M - row);
                int whole = rows == Gemm<T>.Rows ? count / columns * columns : 0;
                long offset = ((long)row * N) + column;
                WholeTiles(row, column, whole, panels, offset);
                for (int i = whole; i < count; i += columns)
                {
                    // The bias first, as in whole tiles: which rows are in one depends on the batch, their bits must not.
                    Gemm<T>.TileTo(K, A + ((long)row * K), new Gemm<T>.PanelRows(panels + ((long)i * K)),
                        new() { Bias = Bias == null ? null : Bias + column + i, BiasOfColumns = true, Y = tile, Pitch = columns });
                    for (int r = 0; r < rows; r++)
                    {
                        Finish(tile + (r * columns), offset + ((long)r * N) + i, Math.Min(columns, count - i));
                    }
                }
            }
        }

        /// <summary>4 rows of some columns, straight to the result.</summary>
        private readonly void WholeTiles(int row, int column, int count, float* panels, long offset)
        {
            var output = new TileOutput
            {
                Bias = Bias == null ? null : Bias + column,
                BiasOfColumns = true,
                Residual = Residual == null ? null : Residual + offset,
                Y = Y + offset,
                Pitch = N,
                Relu = Activation == Activation.Relu,
            };
            Gemm<T>.TilesTo(count / Columns, K, A + ((long)row * K), new Gemm<T>.PanelRows(panels), (nint)K * Columns, output);
            if (Activation is not (Activation.None or Activation.Relu))
            {
                float* y = Y + offset;
                for (int r = 0; r < Gemm<T>.Rows; r++, y += N)
                {
                    Epilogue<T>.Row(y, 0, null, y, count, Activation);
                }
            }
        }

        private readonly void Finish(float* sums, long offset, int count) =>
            Epilogue<T>.Row(sums, 0f, Residual == null ? null : Residual + offset, Y + offset, count, Activation);
    }
}

/// <summary>The panels of a product: floats, or halves where those are not null.</summary>
internal readonly unsafe struct PackedPanels(float* floats, ushort* halves = null)
{
    public float* Floats { get; } = floats;

    public ushort* Halves { get; } = halves;
}
