using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Normalization;

// LayerNorm, L2 normalisation and softmax of the rows of x (rows, columns).
//   V1 ...Naive  one thread a row. Baseline for study.
//   V2           one group of 128 threads a row, sums through shared memory; two passes over the row for the variance, so
//                that it does not cancel. <- default
internal static class NormalizationKernels
{
    /// <summary>y = (x - mean) / sqrt(var + eps) * gamma + beta</summary>
    public static void LayerNorm(RowArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        var x = args.X.SubView(Grid.IdxX * args.Columns, args.Columns);
        var y = args.Y.SubView(Grid.IdxX * args.Columns, args.Columns);
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
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            y[i] = (x[i] - mean) * rstd * args.Gamma[i] + args.Beta[i];
        }
    }

    /// <summary>y = x / max(||x||, eps)</summary>
    public static void L2Normalize(RowArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        var x = args.X.SubView(Grid.IdxX * args.Columns, args.Columns);
        var y = args.Y.SubView(Grid.IdxX * args.Columns, args.Columns);
        float squares = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            squares += x[i] * x[i];
        }
        float norm = XMath.Sqrt(GroupReduction.Sum(shared, squares));
        float scale = 1 / (norm > args.Eps ? norm : args.Eps);
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            y[i] = x[i] * scale;
        }
    }

    /// <summary>y = exp(x - max) / sum exp(x - max)</summary>
    public static void Softmax(RowArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        var x = args.X.SubView(Grid.IdxX * args.Columns, args.Columns);
        var y = args.Y.SubView(Grid.IdxX * args.Columns, args.Columns);
        float max = x[0];
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            max = x[i] > max ? x[i] : max;
        }
        max = GroupReduction.Max(shared, max);
        float sum = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            // y may be x: each thread rewrites only what it has read.
            float e = XMath.Exp(x[i] - max);
            y[i] = e;
            sum += e;
        }
        float scale = 1 / GroupReduction.Sum(shared, sum);
        for (int i = Group.IdxX; i < args.Columns; i += GroupReduction.GroupSize)
        {
            y[i] *= scale;
        }
    }

    public static void LayerNormNaive(RowArgs args)
    {
        int row = Grid.IdxX * Group.DimX + Group.IdxX;
        if (row >= args.Rows)
        {
            return;
        }
        int start = row * args.Columns;
        float mean = 0, variance = 0;
        for (int i = start; i < start + args.Columns; i++)
        {
            mean += args.X[i];
        }
        mean /= args.Columns;
        for (int i = start; i < start + args.Columns; i++)
        {
            variance += (args.X[i] - mean) * (args.X[i] - mean);
        }
        float rstd = 1 / XMath.Sqrt(variance / args.Columns + args.Eps);
        for (int i = 0; i < args.Columns; i++)
        {
            args.Y[start + i] = (args.X[start + i] - mean) * rstd * args.Gamma[i] + args.Beta[i];
        }
    }

    public static void L2NormalizeNaive(RowArgs args)
    {
        int row = Grid.IdxX * Group.DimX + Group.IdxX;
        if (row >= args.Rows)
        {
            return;
        }
        int start = row * args.Columns;
        float squares = 0;
        for (int i = start; i < start + args.Columns; i++)
        {
            squares += args.X[i] * args.X[i];
        }
        float norm = XMath.Sqrt(squares);
        float scale = 1 / (norm > args.Eps ? norm : args.Eps);
        for (int i = start; i < start + args.Columns; i++)
        {
            args.Y[i] = args.X[i] * scale;
        }
    }

    public static void SoftmaxNaive(RowArgs args)
    {
        int row = Grid.IdxX * Group.DimX + Group.IdxX;
        if (row >= args.Rows)
        {
            return;
        }
        int start = row * args.Columns;
        float max = args.X[start], sum = 0;
        for (int i = start; i < start + args.Columns; i++)
        {
            max = args.X[i] > max ? args.X[i] : max;
        }
        for (int i = start; i < start + args.Columns; i++)
        {
            float e = XMath.Exp(args.X[i] - max);
            args.Y[i] = e;
            sum += e;
        }
        for (int i = start; i < start + args.Columns; i++)
        {
            args.Y[i] /= sum;
        }
    }

    public static GpuKernel<RowArgs> LayerNormKernel { get; } = new(LayerNorm, GroupReduction.GroupSize);

    public static GpuKernel<RowArgs> L2NormalizeKernel { get; } = new(L2Normalize, GroupReduction.GroupSize);

    public static GpuKernel<RowArgs> SoftmaxKernel { get; } = new(Softmax, GroupReduction.GroupSize);

    public static GpuKernel<RowArgs> LayerNormNaiveKernel { get; } = new(LayerNormNaive);

    public static GpuKernel<RowArgs> L2NormalizeNaiveKernel { get; } = new(L2NormalizeNaive);

    public static GpuKernel<RowArgs> SoftmaxNaiveKernel { get; } = new(SoftmaxNaive);

    public static IEnumerable<GpuKernel> All =>
        [LayerNormKernel, L2NormalizeKernel, SoftmaxKernel, LayerNormNaiveKernel, L2NormalizeNaiveKernel, SoftmaxNaiveKernel];
}

/// <summary>Arguments of the row kernels; gamma and beta only where they are used.</summary>
internal struct RowArgs
{
    public ArrayView<float> X, Y, Gamma, Beta;
    public int Rows, Columns;
    public float Eps;
}
