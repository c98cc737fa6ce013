using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

/// <summary>Launchers of <see cref="Conv2dGradientKernels"/>.</summary>
internal sealed partial class GpuConvolution
{
    private const int TapPadding = 128;
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
            bool depthwise = Version == GpuConvolutionVersion.Auto && f.Groups == f.C && f.Groups == f.K;
            if (depthwise)
            {
                var byPlane = Conv2dKernels.DepthwiseKernels[(int)Activation.None];
                long tiles = ((long)shape.P * shape.Q + byPlane.GroupSize - 1) / byPlane.GroupSize;
                backend.Launch(byPlane, (long)shape.Input.N * f.K * tiles, args);
                return;
            }
            LaunchNaive(Conv2dKernels.NaiveKernels[(int)Activation.None], args);
            return;
        }
        int pixels = shape.P * shape.Q, m = f.K / f.Groups, k = f.C / f.Groups * f.R * f.S, batch = shape.Input.N * f.Groups;
        var filters = new FilterOperand
        {
            Values = GpuBackend.View(w),
            K = k,
            Columns = m,
            Groups = f.Groups,
            Vector = k % 4 == 0 ? GpuBackend.Aligned4(w) : 0,
        };
        var store = Store(y, m, pixels, f.Groups, shape.OutputImage);
        if (Pointwise(f))
        {
            Conv2dGradientKernels.ForwardPointwise.Launch(backend, Activation.None,
                new() { A = filters, B = Rows(x, k, pixels, k * pixels), C = store, K = k }, m, pixels, batch, Side);
            return;
        }
        var patches = new Im2colOperand
        {
            X = GpuBackend.View(x),
            Taps = Taps(f.C / f.Groups, f),
            BatchLength = f.C / f.Groups * shape.Input.H * shape.Input.W,
            H = shape.Input.H,
            W = shape.Input.W,
            Q = shape.Q,
            Pixels = pixels,
            Stride = f.Stride,
            Padding = f.Padding,
        };
        Conv2dGradientKernels.Forward.Launch(backend, Activation.None,
            new() { A = filters, B = patches, C = store, K = k }, m, pixels, batch, Side);
    }

    private protected override void InputGradientCore(Conv2dShape shape, Slice dy, Slice w, Slice dx)
    {
        var f = shape.Filter;
        if (Direct(f))
        {
            LaunchNaive(Conv2dGradientKernels.NaiveInputKernel, Naive(shape, dy, w, dx, shape.Input.N * shape.InputImage));
            return;
        }
        int pixels = shape.P * shape.Q, inputs = shape.Input.H * shape.Input.W, channels = f.C / f.Groups, m = f.K / f.Groups;
        int k = m * f.R * f.S, batch = shape.Input.N * f.Groups;
        if (f is { R: 2, S: 2, Stride: 2, Padding: 0, Groups: 1 } && inputs == 4 * pixels)
        {
            var shuffle = new PixelShuffleStore
            {
                Y = GpuBackend.View(dx),
                Residual = GpuBackend.View(dx),
                Bias = GpuBackend.View(dx),
                K = f.C,
                N = pixels,
                W = shape.Q,
                YImageStride = shape.Input.N == 1 ? 0 : checked((int)shape.InputImage),
                Vector = dx.Offset % 2 == 0 ? 1 : 0,
            };
            Conv2dGradientKernels.InputShuffled.Launch(backend, Activation.None,
                new() { A = Rows(w, f.K, 4 * f.C, 0), B = Rows(dy, f.K, pixels, f.K * pixels), C = shuffle, K = f.K },
                4 * f.C, pixels, batch, Side);
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
        var store = Store(dx, channels, inputs, f.Groups, shape.InputImage);
        if (Pointwise(f))
        {
            Conv2dGradientKernels.InputPointwise.Launch(backend, Activation.None,
                new() { A = filters, B = Rows(dy, m, pixels, m * pixels), C = store, K = k }, channels, inputs, batch, Side);
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
        Conv2dGradientKernels.Input.Launch(backend, Activation.None,
            new() { A = filters, B = patches, C = store, K = k }, channels, inputs, batch, Side);
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
            Conv2dGradientKernels.WeightPointwise.Launch(backend, Activation.None,
                new() { A = rows, B = Pixels(x, pixels, total, split, n, f.Groups), C = store, K = split }, m, n,
                splits * f.Groups, Side);
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
        Conv2dGradientKernels.Weight.Launch(backend, Activation.None,
            new() { A = rows, B = patches, C = store, K = split }, m, n, splits * f.Groups, Side);
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

    private static RowsOperand Rows(Slice values, int k, int columns, int batchLength) => new()
    {
        Values = GpuBackend.View(values),
        K = k,
        Columns = columns,
        RowLength = columns,
        BatchLength = batchLength,
        Vector = columns % 4 == 0 ? GpuBackend.Aligned4(values) : 0,
    };

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

    /// <summary>(N, Groups * m, n) without bias or residual.</summary>
    private static ConvStore Store(Slice y, int m, int n, int groups, long image) => new()
    {
        Y = GpuBackend.View(y),
        Residual = GpuBackend.View(y),
        Bias = GpuBackend.View(y),
        M = m,
        N = n,
        Groups = groups,
        // View has checked that all images together fit 32 bits.
        YImageStride = (int)image,
        Vector = n % 4 == 0 ? GpuBackend.Aligned4(y) : 0,
    };

    private ArrayView<int> Taps(int channels, Conv2dFilter f)
    {
        lock (_taps)
        {
            if (!_taps.TryGetValue((channels, f.R, f.S), out var buffer))
            {
                int area = f.R * f.S, length = channels * area;
                int[] table = new int[(length + TapPadding - 1) / TapPadding * TapPadding];
                Array.Fill(table, -1);
                for (int i = 0; i < length; i++)
                {
                    table[i] = i / area << 10 | i % area / f.S << 5 | i % f.S;
                }
                _taps[(channels, f.R, f.S)] = buffer = backend.Constant(table);
            }
            return buffer.View.BaseView;
        }
    }

    private static DirectConvArgs Naive(Conv2dShape shape, Slice x, Slice w, Slice y, long outputs)
    {
        var f = shape.Filter;
        Check.That(outputs <= int.MaxValue, $"Conv2d: {outputs} outputs exceed what one operation can address");
        return new DirectConvArgs
        {
            X = GpuBackend.View(x),
            Weight = GpuBackend.View(w),
            Bias = GpuBackend.View(y),
            Residual = GpuBackend.View(y),
            Y = GpuBackend.View(y),
            Outputs = (int)outputs,
            Channels = f.C,
            Filters = f.K,
            GroupChannels = f.C / f.Groups,
            GroupFilters = f.K / f.Groups,
            H = shape.Input.H,
            W = shape.Input.W,
            R = f.R,
            S = f.S,
            Stride = f.Stride,
            Padding = f.Padding,
            P = shape.P,
            Q = shape.Q,
            YImageStride = shape.Input.N == 1 ? 0 : checked((int)shape.OutputImage),
        };
    }

    private void LaunchNaive(GpuKernel<DirectConvArgs> kernel, DirectConvArgs args) => LaunchNaive(kernel, args, args.Outputs);

    private void LaunchNaive<TArgs>(GpuKernel<TArgs> kernel, TArgs args, long outputs) where TArgs : struct =>
        backend.Launch(kernel, (outputs + kernel.GroupSize - 1) / kernel.GroupSize, args);
}
