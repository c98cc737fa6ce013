using ILGPU;

namespace Tcm.Kernels.Gpu;

// How products are computed: forced by a test, found in the table of measured plans, or as their family computes it.
internal sealed partial class GpuBackend
{
    /// <summary>Any view, for arguments that a kernel does not use: one without memory cannot be passed.</summary>
    internal ArrayView<float> Nothing => _nothing.View.BaseView;

    /// <summary>Measured plans of products.</summary>
    internal TuningTable Tuning { get; set; } = TuningTable.Shipped;

    /// <summary>What the table calls this device; empty for one that is not CUDA.</summary>
    internal string TuningName => _tuningName;

    /// <summary>Parts of k of products from now on, 0 to choose; for the tests.</summary>
    internal int ForcedSplits { get; set; }

    /// <summary>Chooses plans in place of the table; for <c>Tcm.Bench -- tune</c>.</summary>
    internal IProductTuner? Tuner { get; set; }

    /// <summary>The plan of a product: forced, measured, or the one that its family computed.</summary>
    internal ProductPlan Plan(IProductFamily family, ProductShape shape, int steps, ProductPlan computed)
    {
        var plan = Tuning.Find(_tuningName, family, shape) ?? computed;
        plan = Tuner?.Choose(family, shape, steps, plan) ?? plan;
        return ForcedSplits > 0 ? plan with { Splits = ForcedSplits } : plan;
    }
}
