using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.Convolution;

// Conv2d while training, NCHW, fp32: weights w (K,C/G,R,S) are read as they are.
//   y[n,k,p,q]  = sum over c,r,s of x[n,c,p*stride-pad+r,q*stride-pad+s] * w[k,c,r,s]
//   dx[n,c,h,w] = sum over k,r,s of dy[n,k,(h+pad-r)/stride,(w+pad-s)/stride] * w[k,c,r,s], where the divisions leave nothing
//   dw[k,c,r,s] = sum over n,p,q of dy[n,k,p,q] * x[n,c,p*stride-pad+r,q*stride-pad+s]
//   V1 Naive         one thread a result. Serves groups of few filters and filters with a side above 31; there dw, of few
//                    results and long sums, takes a group of threads for each (GroupedWeight).
//   V2 ImplicitGemm  patches gathered straight into the slabs of GemmKernels. <- default
//        forward   W (K x CRS) * im2col(x) (CRS x PQ)
//        dx        W^T (C x KRS) * patches of dy (KRS x HW); 2x2 stride 2: W^T (4C x K) * dy (K x PQ), pixels shuffled
//        dw        dy (K x NPQ) * im2col(x)^T (NPQ x CRS), pixels cut into splits whose sums a second pass adds in order
//      1x1 stride 1 reads images as matrices.
//   V3 Tensor cores  the same products in TensorGemmKernels, factors rounded to TF32 or BF16 on the way into shared memory, sums
//                    and all tensors FP32. When the backend's precision allows it; half precision has not the range of
//                    gradients, and takes TF32 here, which rounds as it does.
internal static class Conv2dGradientKernels
{
    /// <summary>One thread computes dx[n,c,h,w]; X is dy, Y is dx.</summary>
    public static void NaiveInput(DirectConvArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Outputs)
        {
            return;
        }
        int w = i % args.W, h = i / args.W % args.H, plane = i / (args.H * args.W);
        int c = plane % args.Channels, n = plane / args.Channels;
        int group = c / args.GroupChannels, firstFilter = group * args.GroupFilters;
        float sum = 0;
        for (int k = firstFilter; k < firstFilter + args.GroupFilters; k++)
        {
            int source = (n * args.Filters + k) * args.P * args.Q;
            int weight = (k * args.GroupChannels + c - group * args.GroupChannels) * args.R * args.S;
            for (int r = 0; r < args.R; r++)
            {
                int p = (h + args.Padding - r) / args.Stride;
                bool hits = h + args.Padding - r >= 0 && p * args.Stride == h + args.Padding - r && p < args.P;
                for (int s = 0; s < args.S; s++, weight++)
                {
                    int q = (w + args.Padding - s) / args.Stride;
                    if (hits && w + args.Padding - s >= 0 && q * args.Stride == w + args.Padding - s && q < args.Q)
                    {
                        sum += args.X[source + p * args.Q + q] * args.Weight[weight];
                    }
                }
            }
        }
        args.Y[i] = sum;
    }

    /// <summary>One thread computes dw[k,c,r,s]; Weight is dy, Y is dw.</summary>
    public static void NaiveWeight(NaiveWeightArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        var d = args.Shape;
        if (i >= d.Outputs)
        {
            return;
        }
        int s = i % d.S, r = i / d.S % d.R, filter = i / (d.R * d.S);
        int c = filter % d.GroupChannels, k = filter / d.GroupChannels;
        int channel = k / d.GroupFilters * d.GroupChannels + c;
        float sum = 0;
        for (int n = 0; n < args.Images; n++)
        {
            int source = (n * d.Channels + channel) * d.H * d.W, dy = (n * d.Filters + k) * d.P * d.Q;
            for (int p = 0; p < d.P; p++)
            {
                int h = p * d.Stride - d.Padding + r;
                for (int q = 0; q < d.Q; q++, dy++)
                {
                    int w = q * d.Stride - d.Padding + s;
                    if ((uint)h < (uint)d.H && (uint)w < (uint)d.W)
                    {
                        sum += d.X[source + h * d.W + w] * d.Weight[dy];
                    }
                }
            }
        }
        d.Y[i] = sum;
    }

    /// <summary>A group computes dw[k,c,r,s]: thread t adds the pixels (n,p,q) t, t + 128, and so on.</summary>
    public static void GroupedWeight(NaiveWeightArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        var d = args.Shape;
        int i = Grid.IdxX;
        int s = i % d.S, r = i / d.S % d.R, filter = i / (d.R * d.S);
        int c = filter % d.GroupChannels, k = filter / d.GroupChannels;
        int channel = k / d.GroupFilters * d.GroupChannels + c, plane = d.P * d.Q;
        float sum = 0;
        for (int at = Group.IdxX; at < args.Images * plane; at += GroupReduction.GroupSize)
        {
            int n = at / plane, pixel = at - n * plane, p = pixel / d.Q;
            int h = p * d.Stride - d.Padding + r, w = (pixel - p * d.Q) * d.Stride - d.Padding + s;
            if ((uint)h < (uint)d.H && (uint)w < (uint)d.W)
            {
                sum += d.X[((n * d.Channels + channel) * d.H + h) * d.W + w] * d.Weight[(n * d.Filters + k) * plane + pixel];
            }
        }
        sum = GroupReduction.Sum(shared, sum);
        if (Group.IdxX == 0)
        {
            d.Y[i] = sum;
        }
    }

    public static GpuKernel<DirectConvArgs> NaiveInputKernel { get; } = new(NaiveInput);

    public static GpuKernel<NaiveWeightArgs> NaiveWeightKernel { get; } = new(NaiveWeight);

    public static GpuKernel<NaiveWeightArgs> GroupedWeightKernel { get; } = new(GroupedWeight, GroupReduction.GroupSize);

    public static GemmFamily<FilterOperand, Im2colOperand, ConvStore> Forward { get; } = new(activations: false);

    public static GemmFamily<FilterOperand, RowsOperand, ConvStore> ForwardPointwise { get; } = new(activations: false);

    public static GemmFamily<TurnedFilterOperand, OutputPatchOperand, ConvStore> Input { get; } = new(activations: false);

    public static GemmFamily<TurnedFilterOperand, RowsOperand, ConvStore> InputPointwise { get; } = new(activations: false);

    public static GemmFamily<RowsOperand, RowsOperand, PixelShuffleStore> InputShuffled { get; } = new(activations: false);

    public static GemmFamily<PixelOperand, PatchPixelOperand, ProductStore> Weight { get; } = new(activations: false);

    public static GemmFamily<PixelOperand, PixelOperand, ProductStore> WeightPointwise { get; } = new(activations: false);

    public static TensorFamily<FilterOperand, Im2colOperand, ConvStore> TensorForward { get; } =
        Tensor<FilterOperand, Im2colOperand, ConvStore>();

    public static TensorFamily<FilterOperand, RowsOperand, ConvStore> TensorForwardPointwise { get; } =
        Tensor<FilterOperand, RowsOperand, ConvStore>();

    public static TensorFamily<TurnedFilterOperand, OutputPatchOperand, ConvStore> TensorInput { get; } =
        Tensor<TurnedFilterOperand, OutputPatchOperand, ConvStore>();

    public static TensorFamily<TurnedFilterOperand, RowsOperand, ConvStore> TensorInputPointwise { get; } =
        Tensor<TurnedFilterOperand, RowsOperand, ConvStore>();

    public static TensorFamily<RowsOperand, RowsOperand, PixelShuffleStore> TensorInputShuffled { get; } =
        Tensor<RowsOperand, RowsOperand, PixelShuffleStore>();

    public static TensorFamily<PixelOperand, PatchPixelOperand, ProductStore> TensorWeight { get; } =
        Tensor<PixelOperand, PatchPixelOperand, ProductStore>();

    public static TensorFamily<PixelOperand, PixelOperand, ProductStore> TensorWeightPointwise { get; } =
        Tensor<PixelOperand, PixelOperand, ProductStore>();

    /// <summary>Half precision has not the range of gradients: it is not one of the formats.</summary>
    private static TensorFamily<TA, TB, TStore> Tensor<TA, TB, TStore>([CallerMemberName] string name = "")
        where TA : struct, ITensorOperand
        where TB : struct, ITensorOperand
        where TStore : struct, ITileStore => new(activations: false, training: true, name);

    public static IEnumerable<GpuKernel> All =>
        [NaiveInputKernel, NaiveWeightKernel, GroupedWeightKernel, .. Forward.Kernels, .. ForwardPointwise.Kernels,
            .. Input.Kernels, .. InputPointwise.Kernels, .. InputShuffled.Kernels, .. Weight.Kernels, .. WeightPointwise.Kernels,
            .. TensorForward.Kernels, .. TensorForwardPointwise.Kernels, .. TensorInput.Kernels, .. TensorInputPointwise.Kernels,
            .. TensorInputShuffled.Kernels, .. TensorWeight.Kernels, .. TensorWeightPointwise.Kernels];
}

/// <summary>Arguments of <see cref="Conv2dGradientKernels.NaiveWeight"/> and its kin.</summary>
internal struct NaiveWeightArgs
{
    public DirectConvArgs Shape;
    public int Images;
}
