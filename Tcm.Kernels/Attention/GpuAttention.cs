using Tcm.Kernels.Gpu;
using Tcm.Kernels.HalfImages;

namespace Tcm.Kernels.Attention;

/// <summary>Rungs of the ladder in <see cref="AttentionKernels"/>.</summary>
internal enum GpuAttentionVersion
{
    /// <summary>V3 in the backend's precision, V2 for FP32; for heads that are too wide the next one that serves them.</summary>
    Auto,
    /// <summary>V1.</summary>
    Naive,
    /// <summary>V2.</summary>
    Flash,
    /// <summary>V3, factors rounded to TF32.</summary>
    Tf32,
    /// <summary>V3, factors rounded to half precision.</summary>
    Fp16,
    /// <summary>V3, factors rounded to bfloat16.</summary>
    Bf16,
}

internal sealed partial class GpuAttention(GpuBackend backend) : MultiHeadAttention
{
    private const int QueryBlock = 32;

    /// <summary>For the ladder benchmark and the tests.</summary>
    public GpuAttentionVersion Version { get; set; }

    private Precision Precision => Version switch
    {
        GpuAttentionVersion.Auto => backend.Precision,
        GpuAttentionVersion.Tf32 => Precision.Tf32,
        GpuAttentionVersion.Fp16 => Precision.Fp16,
        GpuAttentionVersion.Bf16 => Precision.Bf16,
        _ => Precision.Fp32,
    };

    private protected override void ForwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y)
    {
        long outputs = (long)shape.Batch * shape.Queries * shape.Width;
        bool aligned = ((shape.HeadDim | shape.QueryStride | shape.KeyStride | shape.ValueStride) & 3) == 0
            && ((q.Offset | k.Offset | v.Offset | y.Offset) & 3) == 0;
        var args = Args(shape, q, k, v, y, outputs, aligned);
        if (Version == GpuAttentionVersion.Naive || shape.HeadDim > HeadWidth128.Size)
        {
            var naive = AttentionKernels.NaiveKernel;
            backend.Launch(naive, (outputs + naive.GroupSize - 1) / naive.GroupSize, args);
            return;
        }
        if (Precision != Precision.Fp32 && shape.HeadDim <= HeadWidth64.Size)
        {
            backend.RequireTensorCores(Precision);
            const int queries = TensorAttentionKernels.Queries;
            backend.Launch(TensorAttentionKernels.Of(Precision),
                (long)shape.Batch * shape.Heads * ((shape.Queries + queries - 1) / queries), args);
            return;
        }
        var kernel = shape.HeadDim <= HeadWidth64.Size ? AttentionKernels.Flash64Kernel : AttentionKernels.Flash128Kernel;
        backend.Launch(kernel, (long)shape.Batch * shape.Heads * ((shape.Queries + QueryBlock - 1) / QueryBlock), args);
    }

    /// <summary>Tokens in half precision; strides count halves.</summary>
    internal void HalfForward(AttentionShape shape, Slice q, Slice k, Slice v, Slice y)
    {
        long pairs = (long)shape.Batch * shape.Queries * shape.Width / 2;
        var chunks = shape with
        {
            QueryStride = shape.QueryStride / 8,
            KeyStride = shape.KeyStride / 8,
            ValueStride = shape.ValueStride / 8,
        };
        var args = new HalfAttentionArgs
        {
            Shape = Args(chunks, q, k, v, y, pairs, aligned: true),
            AddressQ = HalfConvolution.Address(q),
            AddressK = HalfConvolution.Address(k),
            AddressV = HalfConvolution.Address(v),
        };
        if (Version == GpuAttentionVersion.Naive || shape.HeadDim % 8 != 0 || shape.HeadDim > HalfAttentionKernels.Width)
        {
            var naive = HalfAttentionKernels.NaiveKernel;
            backend.Launch(naive, (pairs + naive.GroupSize - 1) / naive.GroupSize, args);
            return;
        }
        backend.RequireTensorCores(Kernels.Precision.Fp16);
        const int queries = HalfAttentionKernels.Queries;
        backend.Launch(HalfAttentionKernels.FlashKernel,
            (long)shape.Batch * shape.Heads * ((shape.Queries + queries - 1) / queries), args);
    }

    private static AttentionArgs Args(AttentionShape shape, Slice q, Slice k, Slice v, Slice y, long outputs, bool aligned) => new()
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
}
