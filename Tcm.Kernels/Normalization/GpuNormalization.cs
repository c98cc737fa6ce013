using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Normalization;

internal sealed partial class GpuNormalization(GpuBackend backend) : RowNormalization
{
    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuVersion Version { get; set; }

    private protected override void LayerNormCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice beta, Slice y) =>
        Launch(NormalizationKernels.LayerNormKernel, NormalizationKernels.LayerNormNaiveKernel, rows, new RowArgs
        {
            X = GpuBackend.View(x),
            Y = GpuBackend.View(y),
            Gamma = GpuBackend.View(gamma),
            Beta = GpuBackend.View(beta),
            Rows = rows,
            Columns = columns,
            Eps = eps,
        });

    private protected override void L2NormalizeCore(int rows, int columns, float eps, Slice x, Slice y) =>
        Launch(NormalizationKernels.L2NormalizeKernel, NormalizationKernels.L2NormalizeNaiveKernel, rows,
            Args(rows, columns, eps, x, y));

    private protected override void SoftmaxCore(int rows, int columns, Slice x, Slice y) =>
        Launch(NormalizationKernels.SoftmaxKernel, NormalizationKernels.SoftmaxNaiveKernel, rows,
            Args(rows, columns, 0, x, y));

    private static RowArgs Args(int rows, int columns, float eps, Slice x, Slice y) => new()
    {
        X = GpuBackend.View(x),
        Y = GpuBackend.View(y),
        Gamma = GpuBackend.View(x),
        Beta = GpuBackend.View(x),
        Rows = rows,
        Columns = columns,
        Eps = eps,
    };

    private void Launch(GpuKernel<RowArgs> byGroup, GpuKernel<RowArgs> byThread, int rows, RowArgs args)
    {
        if (Version == GpuVersion.Naive)
        {
            backend.Launch(byThread, (rows + byThread.GroupSize - 1) / byThread.GroupSize, args);
        }
        else
        {
            backend.Launch(byGroup, rows, args);
        }
    }
}
