using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Attention;

/// <summary>Launchers of <see cref="AttentionGradientKernels"/>.</summary>
internal sealed partial class GpuAttention
{
    private protected override void BackwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice dy, Slice dq, Slice dk,
        Slice dv)
    {
        bool aligned = ((shape.HeadDim | shape.QueryStride | shape.KeyStride | shape.ValueStride) & 3) == 0
            && ((q.Offset | k.Offset | v.Offset | dy.Offset | dq.Offset | dk.Offset | dv.Offset) & 3) == 0;
        int statistics = shape.Batch * shape.Heads * shape.Queries;
        using var workspace = backend.Allocate(2L * statistics);
        var args = new AttentionGradientArgs
        {
            Q = GpuBackend.View(q),
            K = GpuBackend.View(k),
            V = GpuBackend.View(v),
            Dy = GpuBackend.View(dy),
            Dq = GpuBackend.View(dq),
            Dk = GpuBackend.View(dk),
            Dv = GpuBackend.View(dv),
            LogSum = GpuBackend.View(workspace.All.Part(0, statistics)),
            Mean = GpuBackend.View(workspace.All.Part(statistics, statistics)),
            Statistics = statistics,
            Batch = shape.Batch,
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
        if (Version == GpuAttentionVersion.Naive || shape.HeadDim > HeadWidth64.Size)
        {
            LaunchThreads(NaiveAttentionGradientKernels.StatisticsKernel, statistics, args);
            LaunchThreads(NaiveAttentionGradientKernels.QueryKernel, (long)statistics * shape.HeadDim, args);
            LaunchThreads(NaiveAttentionGradientKernels.KeyValueKernel, (long)shape.Batch * shape.Keys * shape.Width, args);
            return;
        }
        long heads = (long)shape.Batch * shape.Heads;
        backend.Launch(AttentionGradientKernels.FlashQueryKernel, heads * Blocks(shape.Queries), args);
        backend.Launch(AttentionGradientKernels.FlashKeyValueKernel, heads * Blocks(shape.Keys), args);
    }

    private void LaunchThreads(GpuKernel<AttentionGradientArgs> kernel, long threads, AttentionGradientArgs args) =>
        backend.Launch(kernel, (threads + kernel.GroupSize - 1) / kernel.GroupSize, args);

    private static long Blocks(int tokens) => (tokens + AttentionKernels.Tile - 1) / AttentionKernels.Tile;
}
