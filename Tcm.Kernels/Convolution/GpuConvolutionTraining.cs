using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

/// <summary>Launchers of <see cref="Conv2dGradientKernels"/>.</summary>
internal sealed partial class GpuConvolution
{
    private const int LeastSplit = 64;
    private const long MaxPartialSums = 1 << 26;

    /// <summary>Tables of (channel, r, s), kept for the life of the device: a few KB for each filter shape.</summary>
    private readonly Dictionary<(int Channels, int R, int S), MemoryBuffer1D<int, Stride1D.Dense>> _taps = [];

    private protected override void ForwardCore(Conv2dShape shape, Slice x, Slice w, Slice y)
    {
        var f = shape.Filter;
        if (Direct(f))
        {
            var args = Naive(shape, x, w, y, shape.Input.N * shape.OutputImage);
            if (Version == GpuConvolutionVersion.Auto && f.Groups == f.C && f.Groups == f.K)
            {
                var byPlane = Conv2dKernels.DepthwiseKernels[(int)Activation.None];
                long tiles = ((long)shape.P * shape.Q + byPlane.GroupSize - 1) / byPlane.GroupSize;
                backend.Launch(byPlane, (long)shape.Input.N * f.K * tiles, args);
                return;
            }
            LaunchNaive(Conv2dKernels.NaiveKernels[(int)Activation.None], args, args.Outputs);
            return;
        }
        int m = f.K / f.Groups, k = f.C / f.Groups * f.R * f.S, pixels = shape.P * shape.Q, batch = shape.Input.N * f.Groups;
        var call = new ConvolutionCall(shape.Input, shape.P, shape.Q, x, y, null, Stride(shape.Input.N, shape.OutputImage));
        var filters = new FilterOperand
        {
            Values = GpuBackend.View(w),
            K = k,
            Columns = m,
            Groups = f.Groups,
            Vector = k % 4 == 0 ? GpuBackend.Aligned4(w) : 0,
        };
        var store = call.Store(f, null);
        if (Pointwise(f))
        {
            Product(Conv2dGradientKernels.ForwardPointwise, Conv2dGradientKernels.TensorForwardPointwise, filters, call.Pixels(k),
                store, k, m, pixels, batch);
            return;
        }
        Product(Conv2dGradientKernels.Forward, Conv2dGradientKernels.TensorForward, filters,
            call.Patches(f, Taps(f.C / f.Groups, f)), store, k, m, pixels, batch);
    }

    private protected override void InputGradientCore(Conv2dShape shape, Slice dy, Slice w, Slice dx)
    {
        var f = shape.Filter;
        if (Direct(f))
        {
            var args = Naive(shape, dy, w, dx, shape.Input.N * shape.InputImage);
            LaunchNaive(Conv2dGradientKernels.NaiveInputKernel, args, args.Outputs);
            return;
        }
        int pixels = shape.P * shape.Q, inputs = shape.Input.H * shape.Input.W, channels = f.C / f.Groups, m = f.K / f.Groups;
        int k = m * f.R * f.S, batch = shape.Input.N * f.Groups;
        // As a transposed convolution: images of dy in, dx out.
        var call = new ConvolutionCall(new(shape.Input.N, shape.P, shape.Q), shape.Input.H, shape.Input.W, dy, dx, null,
            Stride(shape.Input.N, shape.InputImage));
        if (f is { R: 2, S: 2, Stride: 2, Padding: 0, Groups: 1 } && inputs == 4 * pixels)
        {
            var matrix = new RowsOperand
            {
                Values = GpuBackend.View(w),
                K = f.K,
                Columns = 4 * f.C,
                RowLength = 4 * f.C,
                Vector = GpuBackend.Aligned4(w),
            };
            Product(Conv2dGradientKernels.InputShuffled, Conv2dGradientKernels.TensorInputShuffled, matrix, call.Pixels(f.K),
                call.ShuffleStore(f.C, null), f.K, 4 * f.C, pixels, batch);
            return;
        }
        var filters = new TurnedFilterOperand
        {
            Values = GpuBackend.View(w),
            Taps = Taps(m, f),
            Filters = m,
            Columns = channels,
            Area = f.R * f.S,
            S = f.S,
            Groups = f.Groups,
            Vector = f.R * f.S == 1 && channels % 4 == 0 ? GpuBackend.Aligned4(w) : 0,
        };
        var store = call.Store(f with { C = f.K, K = f.C }, null);
        if (Pointwise(f))
        {
            Product(Conv2dGradientKernels.InputPointwise, Conv2dGradientKernels.TensorInputPointwise, filters, call.Pixels(m),
                store, k, channels, inputs, batch);
            return;
        }
        var patches = new OutputPatchOperand
        {
            Dy = GpuBackend.View(dy),
            Taps = Taps(m, f),
            BatchLength = m * pixels,
            P = shape.P,
            Q = shape.Q,
            W = shape.Input.W,
            Pixels = inputs,
            Stride = f.Stride,
            Padding = f.Padding,
        };
        Product(Conv2dGradientKernels.Input, Conv2dGradientKernels.TensorInput, filters, patches, store, k,
            channels, inputs, batch);
    }

    private protected override void WeightGradientCore(Conv2dShape shape, Slice x, Slice dy, Slice dw)
    {
        var f = shape.Filter;
        if (Direct(f))
        {
            var args = new NaiveWeightArgs { Shape = Naive(shape, x, dy, dw, f.WeightLength), Images = shape.Input.N };
            if (Version == GpuConvolutionVersion.Naive)
            {
                LaunchNaive(Conv2dGradientKernels.NaiveWeightKernel, args, f.WeightLength);
                return;
            }
            backend.Launch(Conv2dGradientKernels.GroupedWeightKernel, f.WeightLength, args);
            return;
        }
        int m = f.K / f.Groups, n = f.C / f.Groups * f.R * f.S, total = checked(shape.Input.N * shape.P * shape.Q);
        int split = SplitLength(m, n, f.Groups, total, f.WeightLength), splits = (total + split - 1) / split;
        if (splits == 1)
        {
            Products(shape, x, dy, dw, split, splits);
            return;
        }
        using var partial = backend.Allocate(splits * f.WeightLength);
        Products(shape, x, dy, partial.All, split, splits);
        backend.Reduction.Sum(1, splits, checked((int)f.WeightLength), partial.All, dw);
    }

    /// <summary>The sums of each split: target (splits, K, C/G, R, S).</summary>
    private void Products(Conv2dShape shape, Slice x, Slice dy, Slice target, int split, int splits)
    {
        var f = shape.Filter;
        int m = f.K / f.Groups, channels = f.C / f.Groups, n = channels * f.R * f.S, pixels = shape.P * shape.Q;
        int total = shape.Input.N * pixels;
        var rows = Pixels(dy, pixels, total, split, m, f.Groups);
        var store = new ProductStore
        {
            C = GpuBackend.View(target),
            Alpha = 1,
            M = m,
            N = n,
            BatchLength = m * n,
            Vector = n % 4 == 0 ? GpuBackend.Aligned4(target) : 0,
        };
        if (Pointwise(f))
        {
            Product(Conv2dGradientKernels.WeightPointwise, Conv2dGradientKernels.TensorWeightPointwise, rows,
                Pixels(x, pixels, total, split, n, f.Groups), store, split, m, n, splits * f.Groups);
            return;
        }
        var patches = new PatchPixelOperand
        {
            X = GpuBackend.View(x),
            Taps = Taps(channels, f),
            Pixels = pixels,
            Total = total,
            Split = split,
            Groups = f.Groups,
            GroupLength = channels * shape.Input.H * shape.Input.W,
            H = shape.Input.H,
            W = shape.Input.W,
            Q = shape.Q,
            Stride = f.Stride,
            Padding = f.Padding,
        };
        Product(Conv2dGradientKernels.Weight, Conv2dGradientKernels.TensorWeight, rows, patches, store, split, m, n,
            splits * f.Groups);
    }

    /// <summary>a (m,k) b (k,n) in the precision of products; k is at most the operands' own.</summary>
    private void Product<TA, TB, TStore>(GemmFamily<TA, TB, TStore> plain, TensorFamily<TA, TB, TStore> tensor, TA a, TB b,
        TStore store, int k, int m, int n, int batch)
        where TA : struct, IGemmOperand, ITensorOperand
        where TB : struct, IGemmOperand, ITensorOperand
        where TStore : struct, IGemmStore, ITileStore
    {
        if (Precision == Precision.Fp32)
        {
            plain.Launch(backend, Activation.None, new() { A = a, B = b, C = store, K = k }, m, n, batch, Side);
        }
        else
        {
            tensor.Launch(backend, Precision, Activation.None, new() { A = a, B = b, C = store }, m, n, k, batch,
                Math.Min(TensorTile, tensor.Tiles.Count - 1));
        }
    }

    /// <summary>Pixels of a split, a multiple of 16: so many splits that every multiprocessor gets a few blocks.</summary>
    private int SplitLength(int m, int n, int groups, int total, long weights)
    {
        long blocks = (m + 63L) / 64 * ((n + 63) / 64) * groups;
        long splits = Math.Min(Math.Max(1, 4 * backend.Multiprocessors / blocks), Math.Max(1, MaxPartialSums / weights));
        long length = Math.Max(LeastSplit, (total + splits - 1) / splits);
        return checked((int)((length + Slab.K - 1) / Slab.K * Slab.K));
    }

    private bool Direct(Conv2dFilter f) => Version == GpuConvolutionVersion.Naive || f.R > Conv2dKernels.MaxSide
        || f.S > Conv2dKernels.MaxSide || (f.Groups > 1 && Math.Min(f.K, f.C) / f.Groups < 8);

    private static bool Pointwise(Conv2dFilter f) => f is { R: 1, S: 1, Stride: 1, Padding: 0 };

    private static PixelOperand Pixels(Slice values, int pixels, int total, int split, int columns, int groups) => new()
    {
        Values = GpuBackend.View(values),
        Pixels = pixels,
        Total = total,
        Split = split,
        Columns = columns,
        Groups = groups,
        Vector = pixels % 4 == 0 ? GpuBackend.Aligned4(values) : 0,
    };

    /// <summary>Between images; with one image it is never used, but must fit 32 bits.</summary>
    private static int Stride(int images, long image) => images == 1 ? 0 : checked((int)image);

    private ArrayView<int> Taps(int channels, Conv2dFilter f)
    {
        lock (_taps)
        {
            if (!_taps.TryGetValue((channels, f.R, f.S), out var buffer))
            {
                _taps[(channels, f.R, f.S)] = buffer = backend.Constant(FilterTaps.Table(channels, f.R, f.S));
            }
            return buffer.View.BaseView;
        }
    }

    /// <summary>Arguments of the kernels with one result a thread; forward takes neither bias nor residual.</summary>
    private static DirectConvArgs Naive(Conv2dShape shape, Slice x, Slice w, Slice y, long outputs) =>
        DirectConvArgs.Of(shape.Filter, shape.Input, shape.P, shape.Q, outputs) with
        {
            X = GpuBackend.View(x),
            Weight = GpuBackend.View(w),
            Bias = GpuBackend.View(y),
            Residual = GpuBackend.View(y),
            Y = GpuBackend.View(y),
            YImageStride = Stride(shape.Input.N, shape.OutputImage),
        };

    private void LaunchNaive<TArgs>(GpuKernel<TArgs> kernel, TArgs args, long outputs) where TArgs : struct =>
        backend.Launch(kernel, (outputs + kernel.GroupSize - 1) / kernel.GroupSize, args);
}
