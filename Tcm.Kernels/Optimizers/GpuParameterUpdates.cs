using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Optimizers;

internal sealed class GpuParameterUpdates(GpuBackend backend) : ParameterUpdates
{
    private protected override void SgdCore(float rate, float momentum, float decay, Slice p, Slice g, Slice v) =>
        Launch(OptimizerKernels.SgdKernel, p.Length, Args(p, g, v, v) with { Beta1 = momentum, Decay = decay, Step = rate });

    private protected override void AdamCore(AdamStep step, Slice p, Slice g, Slice m, Slice v) =>
        Launch(OptimizerKernels.AdamKernel, p.Length, Args(p, g, m, v) with
        {
            Beta1 = (float)step.Beta1,
            Rest1 = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            Rest2 = (float)(1 - step.Beta2),
            Eps = (float)step.Eps,
            Decay = step.Decoupled ? 0 : (float)step.Decay,
            Keep = step.Decoupled ? (float)(1 - step.Rate * step.Decay) : 1,
            Step = (float)(step.Rate / step.Correction1),
            Root = (float)(1 / Math.Sqrt(step.Correction2)),
        });

    private protected override void RectifiedAdamCore(RectifiedAdamStep step, int rows, Slice p, Slice g, Slice m, Slice v)
    {
        if (rows > 0 && p.Length > 0)
        {
            var centre = new CentreArgs { G = GpuBackend.LongView(g), Columns = checked((int)(p.Length / rows)) };
            backend.Launch(OptimizerKernels.CentreKernel, rows, centre);
        }
        Launch(OptimizerKernels.RectifiedAdamKernel, p.Length, Args(p, g, m, v) with
        {
            Beta1 = (float)step.Beta1,
            Rest1 = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            Rest2 = (float)(1 - step.Beta2),
            Eps = (float)step.Eps,
            Decay = (float)step.Decay,
            Step = (float)(step.Rate * step.StepSize),
            Rectified = step.Rectified ? 1 : 0,
        });
    }

    private protected override void LookaheadCore(float share, bool assign, Slice p, Slice slow) =>
        Launch(OptimizerKernels.LookaheadKernel, p.Length, new LookaheadArgs
        {
            P = GpuBackend.LongView(p),
            Slow = GpuBackend.LongView(slow),
            Length = p.Length,
            Share = share,
            Assign = assign ? 1 : 0,
        });

    private protected override void AddSquaresCore(Slice g, Slice sum)
    {
        if (g.Length == 0)
        {
            return;
        }
        int blocks = checked((int)((g.Length + OptimizerKernels.Block - 1) / OptimizerKernels.Block));
        using var partial = backend.Allocate(blocks);
        var args = new SquaresArgs
        {
            G = GpuBackend.LongView(g),
            Partial = GpuBackend.View(partial.All),
            Sum = GpuBackend.View(sum),
            Length = g.Length,
            Blocks = blocks,
        };
        backend.Launch(OptimizerKernels.SquaresKernel, blocks, args);
        backend.Launch(OptimizerKernels.AddPartialsKernel, 1, args);
    }

    private static UpdateArgs Args(Slice p, Slice g, Slice m, Slice v) => new()
    {
        P = GpuBackend.LongView(p),
        G = GpuBackend.LongView(g),
        M = GpuBackend.LongView(m),
        V = GpuBackend.LongView(v),
        Length = p.Length,
    };

    private void Launch<TArgs>(GpuKernel<TArgs> kernel, long length, TArgs args) where TArgs : struct
    {
        if (length > 0)
        {
            backend.Launch(kernel, (length + kernel.GroupSize - 1) / kernel.GroupSize, args);
        }
    }
}
