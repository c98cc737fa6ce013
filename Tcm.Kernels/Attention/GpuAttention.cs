using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Attention;

internal sealed partial class GpuAttention(GpuBackend backend) : MultiHeadAttention
{
    private const int QueryBlock = 32;

    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuVersion Version { get; set; }

    private protected override void ForwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y)
    {
        long outputs = (long)shape.Batch * shape.Queries * shape.Width;
        bool aligned = ((shape.HeadDim | shape.QueryStride | shape.KeyStride | shape.ValueStride) & 3) == 0
            && ((q.Offset | k.Offset | v.Offset | y.Offset) & 3) == 0;
        var args = new AttentionArgs
        {
            Q = GpuBackend.View(q),
            K = GpuBackend.View(k),
            V = GpuBackend.View(v),
            Y = GpuBackend.View(y),
            Outputs = checked((int)outputs),
            Heads = shape.Heads,
            Queries = shape.Queries,
            Keys = shape.Keys,
            HeadDim = shape.HeadDim,
            QueryStride = shape.QueryStride,
            KeyStride = shape.KeyStride,
            ValueStride = shape.ValueStride,
            Causal = shape.Causal ? 1 : 0,
            Vector = aligned ? 1 : 0,
            Scale = shape.Scale,
        };
        if (Version == GpuVersion.Naive || shape.HeadDim > HeadWidth128.Size)
        {
            var naive = AttentionKernels.NaiveKernel;
            backend.Launch(naive, (outputs + naive.GroupSize - 1) / naive.GroupSize, args);
            return;
        }
        var kernel = shape.HeadDim <= HeadWidth64.Size ? AttentionKernels.Flash64Kernel : AttentionKernels.Flash128Kernel;
        backend.Launch(kernel, (long)shape.Batch * shape.Heads * ((shape.Queries + QueryBlock - 1) / QueryBlock), args);
    }
}
