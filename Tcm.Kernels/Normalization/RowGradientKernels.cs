using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Normalization;

// Gradients of LayerNorm, L2 normalisation and softmax of rows. One group of 128 threads a row, sums through shared memory.
// dgamma and dbeta are sums over all rows: LayerNorm leaves mean and 1/std of each row, ColumnSums adds blocks of 128 rows (a
// group takes 32 neighbouring columns, 8 threads share the rows of each), AddBlocks adds the blocks in their order. No float
// atomics, so that results repeat.
internal static class RowGradientKernels
{
    public const int ColumnTile = 32, ColumnThreads = 8, RowBlock = 128;

    /// <summary>dx = (g - mean(g) - xhat mean(g xhat)) / std with g = dy gamma, xhat = (x - mean) / std</summary>
    public static void LayerNorm(RowGradientArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int start = Grid.IdxX * args.Columns;
        var x = args.X.SubView(start, args.Columns);
        var dy = args.Dy.SubView(start, args.Columns);
        var dx = args.Dx.SubView(start, args.Columns);
        float sum = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            sum += x[i];
        }
        float mean = GroupReduction.Sum(shared, sum) / args.Columns;
        float squares = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            squares += (x[i] - mean) * (x[i] - mean);
        }
        float rstd = 1 / XMath.Sqrt(GroupReduction.Sum(shared, squares) / args.Columns + args.Eps);
        float total = 0, product = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            float g = dy[i] * args.Gamma[i];
            total += g;
            product += g * ((x[i] - mean) * rstd);
        }
        total = GroupReduction.Sum(shared, total) / args.Columns;
        product = GroupReduction.Sum(shared, product) / args.Columns;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            dx[i] = (dy[i] * args.Gamma[i] - total - (x[i] - mean) * rstd * product) * rstd;
        }
        if (Group.IdxX == 0)
        {
            args.Statistics[2 * Grid.IdxX] = mean;
            args.Statistics[2 * Grid.IdxX + 1] = rstd;
        }
    }

    /// <summary>dx = (dy - u (u dy)) / max(||x||, eps) with u = x / max(||x||, eps); dy / eps where the norm is below eps</summary>
    public static void L2Normalize(RowGradientArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int start = Grid.IdxX * args.Columns;
        var x = args.X.SubView(start, args.Columns);
        var dy = args.Dy.SubView(start, args.Columns);
        var dx = args.Dx.SubView(start, args.Columns);
        float squares = 0, product = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            squares += x[i] * x[i];
            product += x[i] * dy[i];
        }
        float norm = XMath.Sqrt(GroupReduction.Sum(shared, squares));
        product = GroupReduction.Sum(shared, product);
        float scale = 1 / (norm > args.Eps ? norm : args.Eps);
        float along = norm > args.Eps ? product * scale * scale : 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            dx[i] = (dy[i] - x[i] * along) * scale;
        }
    }

    /// <summary>dx = y (dy - sum(y dy)); X holds y</summary>
    public static void Softmax(RowGradientArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        int start = Grid.IdxX * args.Columns;
        var y = args.X.SubView(start, args.Columns);
        var dy = args.Dy.SubView(start, args.Columns);
        var dx = args.Dx.SubView(start, args.Columns);
        float sum = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            sum += y[i] * dy[i];
        }
        sum = GroupReduction.Sum(shared, sum);
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            dx[i] = y[i] * (dy[i] - sum);
        }
    }

    /// <summary>Partial sums of dy xhat and of dy over a block of rows; the grid is (row block, column tile).</summary>
    public static void ColumnSums(ColumnGradientArgs args)
    {
        var gammas = SharedMemory.Allocate<float>(ColumnTile * ColumnThreads);
        var betas = SharedMemory.Allocate<float>(ColumnTile * ColumnThreads);
        int tiles = (args.Columns + ColumnTile - 1) / ColumnTile;
        int block = Grid.IdxX / tiles;
        int lane = Group.IdxX % ColumnTile, slice = Group.IdxX / ColumnTile;
        int column = (Grid.IdxX - block * tiles) * ColumnTile + lane;
        int end = (block + 1) * RowBlock < args.Rows ? (block + 1) * RowBlock : args.Rows;
        float gamma = 0, beta = 0;
        if (column < args.Columns)
        {
            for (int row = block * RowBlock + slice; row < end; row += ColumnThreads)
            {
                float dy = args.Dy[row * args.Columns + column];
                gamma += dy * ((args.X[row * args.Columns + column] - args.Statistics[2 * row]) * args.Statistics[2 * row + 1]);
                beta += dy;
            }
        }
        gammas[Group.IdxX] = gamma;
        betas[Group.IdxX] = beta;
        Group.Barrier();
        if (slice == 0 && column < args.Columns)
        {
            for (int s = 1; s < ColumnThreads; s++)
            {
                gamma += gammas[s * ColumnTile + lane];
                beta += betas[s * ColumnTile + lane];
            }
            args.Partial[2 * block * args.Columns + column] = gamma;
            args.Partial[(2 * block + 1) * args.Columns + column] = beta;
        }
    }

    public static void AddBlocks(ColumnGradientArgs args)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX;
        if (column >= args.Columns)
        {
            return;
        }
        float gamma = 0, beta = 0;
        for (int block = 0; block < args.Blocks; block++)
        {
            gamma += args.Partial[2 * block * args.Columns + column];
            beta += args.Partial[(2 * block + 1) * args.Columns + column];
        }
        args.Dgamma[column] = gamma;
        args.Dbeta[column] = beta;
    }

    public static GpuKernel<RowGradientArgs> LayerNormKernel { get; } = new(LayerNorm, GroupReduction.GroupSize);

    public static GpuKernel<RowGradientArgs> L2NormalizeKernel { get; } = new(L2Normalize, GroupReduction.GroupSize);

    public static GpuKernel<RowGradientArgs> SoftmaxKernel { get; } = new(Softmax, GroupReduction.GroupSize);

    public static GpuKernel<ColumnGradientArgs> ColumnSumsKernel { get; } = new(ColumnSums, ColumnTile * ColumnThreads);

    public static GpuKernel<ColumnGradientArgs> AddBlocksKernel { get; } = new(AddBlocks, 128);

    public static IEnumerable<GpuKernel> All =>
        [LayerNormKernel, L2NormalizeKernel, SoftmaxKernel, ColumnSumsKernel, AddBlocksKernel];
}

/// <summary>Arguments of the kernels by rows; gamma and the statistics (mean, 1/std of each row) only for LayerNorm.</summary>
internal struct RowGradientArgs
{
    public ArrayView<float> X, Gamma, Dy, Dx, Statistics;
    public int Columns;
    public float Eps;
}

/// <summary>Arguments of the kernels by columns; Partial is (Blocks, 2, Columns).</summary>
internal struct ColumnGradientArgs
{
    public ArrayView<float> X, Dy, Statistics, Partial, Dgamma, Dbeta;
    public int Rows, Columns, Blocks;
}
