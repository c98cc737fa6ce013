using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Normalization;

/// <summary>Launchers of <see cref="RowGradientKernels"/>.</summary>
internal sealed partial class GpuNormalization
{
    private protected override void LayerNormBackwardCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice dy,
        Slice dx, Slice dgamma, Slice dbeta)
    {
        int blocks = (rows + RowGradientKernels.RowBlock - 1) / RowGradientKernels.RowBlock;
        using var workspace = backend.Allocate(2L * rows + 2L * blocks * columns);
        var statistics = GpuBackend.View(workspace.All.Part(0, 2L * rows));
        backend.Launch(RowGradientKernels.LayerNormKernel, rows, new RowGradientArgs
        {
            X = GpuBackend.View(x),
            Gamma = GpuBackend.View(gamma),
            Dy = GpuBackend.View(dy),
            Dx = GpuBackend.View(dx),
            Statistics = statistics,
            Columns = columns,
            Eps = eps,
        });
        var args = new ColumnGradientArgs
        {
            X = GpuBackend.View(x),
            Dy = GpuBackend.View(dy),
            Statistics = statistics,
            Partial = GpuBackend.View(workspace.All.Part(2L * rows, 2L * blocks * columns)),
            Dgamma = GpuBackend.View(dgamma),
            Dbeta = GpuBackend.View(dbeta),
            Rows = rows,
            Columns = columns,
            Blocks = blocks,
        };
        long tiles = (columns + RowGradientKernels.ColumnTile - 1) / RowGradientKernels.ColumnTile;
        backend.Launch(RowGradientKernels.ColumnSumsKernel, blocks * tiles, args);
        var add = RowGradientKernels.AddBlocksKernel;
        backend.Launch(add, ((long)columns + add.GroupSize - 1) / add.GroupSize, args);
    }

    private protected override void L2NormalizeBackwardCore(int rows, int columns, float eps, Slice x, Slice dy, Slice dx) =>
        backend.Launch(RowGradientKernels.L2NormalizeKernel, rows, Args(columns, eps, x, dy, dx));

    private protected override void SoftmaxBackwardCore(int rows, int columns, Slice y, Slice dy, Slice dx) =>
        backend.Launch(RowGradientKernels.SoftmaxKernel, rows, Args(columns, 0, y, dy, dx));

    private static RowGradientArgs Args(int columns, float eps, Slice x, Slice dy, Slice dx) => new()
    {
        X = GpuBackend.View(x),
        Gamma = GpuBackend.View(x),
        Dy = GpuBackend.View(dy),
        Dx = GpuBackend.View(dx),
        Statistics = GpuBackend.View(x),
        Columns = columns,
        Eps = eps,
    };
}
