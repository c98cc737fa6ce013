using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Attention;

// V1 of AttentionGradientKernels: scores are computed anew for each output. Baseline for study; serves heads wider than 64.
internal static class NaiveAttentionGradientKernels
{
    private const float Masked = AttentionKernels.Masked;

    /// <summary>log(sum exp s) and D of a query; one thread a query.</summary>
    public static void Statistics(AttentionGradientArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Statistics)
        {
            return;
        }
        int query = i % args.Queries, head = i / args.Queries % args.Heads, batch = i / (args.Queries * args.Heads);
        int keys = args.Causal != 0 ? query + 1 : args.Keys;
        float max = Masked, sum = 0, product = 0;
        for (int key = 0; key < keys; key++)
        {
            float score = Score(args, batch, head, query, key);
            float next = score > max ? score : max;
            float keep = XMath.Exp(max - next), weight = XMath.Exp(score - next);
            max = next;
            sum = sum * keep + weight;
            product = product * keep + weight * ValueGradient(args, batch, head, query, key);
        }
        args.LogSum[i] = max + XMath.Log(sum);
        args.Mean[i] = product / sum;
    }

    public static void Query(AttentionGradientArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Statistics * args.HeadDim)
        {
            return;
        }
        int d = i % args.HeadDim, head = i / args.HeadDim % args.Heads, token = i / (args.HeadDim * args.Heads);
        int batch = token / args.Queries, query = token - batch * args.Queries;
        int at = (batch * args.Heads + head) * args.Queries + query, column = head * args.HeadDim + d;
        int keys = args.Causal != 0 ? query + 1 : args.Keys;
        float sum = 0;
        for (int key = 0; key < keys; key++)
        {
            float p = XMath.Exp(Score(args, batch, head, query, key) - args.LogSum[at]);
            float ds = p * (ValueGradient(args, batch, head, query, key) - args.Mean[at]) * args.Scale;
            sum += ds * args.K[(batch * args.Keys + key) * args.KeyStride + column];
        }
        args.Dq[token * args.QueryStride + column] = sum;
    }

    public static void KeyValue(AttentionGradientArgs args)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= args.Batch * args.Keys * args.Heads * args.HeadDim)
        {
            return;
        }
        int d = i % args.HeadDim, head = i / args.HeadDim % args.Heads, token = i / (args.HeadDim * args.Heads);
        int batch = token / args.Keys, key = token - batch * args.Keys, column = head * args.HeadDim + d;
        float dk = 0, dv = 0;
        for (int query = args.Causal != 0 ? key : 0; query < args.Queries; query++)
        {
            int at = (batch * args.Heads + head) * args.Queries + query, row = batch * args.Queries + query;
            float p = XMath.Exp(Score(args, batch, head, query, key) - args.LogSum[at]);
            float ds = p * (ValueGradient(args, batch, head, query, key) - args.Mean[at]) * args.Scale;
            dk += ds * args.Q[row * args.QueryStride + column];
            dv += p * args.Dy[row * args.Heads * args.HeadDim + column];
        }
        args.Dk[token * args.KeyStride + column] = dk;
        args.Dv[token * args.ValueStride + column] = dv;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Score(AttentionGradientArgs args, int batch, int head, int query, int key)
    {
        int q = (batch * args.Queries + query) * args.QueryStride + head * args.HeadDim;
        int k = (batch * args.Keys + key) * args.KeyStride + head * args.HeadDim;
        float sum = 0;
        for (int j = 0; j < args.HeadDim; j++)
        {
            sum += args.Q[q + j] * args.K[k + j];
        }
        return sum * args.Scale;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ValueGradient(AttentionGradientArgs args, int batch, int head, int query, int key)
    {
        int dy = ((batch * args.Queries + query) * args.Heads + head) * args.HeadDim;
        int v = (batch * args.Keys + key) * args.ValueStride + head * args.HeadDim;
        float sum = 0;
        for (int j = 0; j < args.HeadDim; j++)
        {
            sum += args.Dy[dy + j] * args.V[v + j];
        }
        return sum;
    }

    public static GpuKernel<AttentionGradientArgs> StatisticsKernel { get; } = new(Statistics, 128);

    public static GpuKernel<AttentionGradientArgs> QueryKernel { get; } = new(Query);

    public static GpuKernel<AttentionGradientArgs> KeyValueKernel { get; } = new(KeyValue);

    public static IEnumerable<GpuKernel> All => [StatisticsKernel, QueryKernel, KeyValueKernel];
}
