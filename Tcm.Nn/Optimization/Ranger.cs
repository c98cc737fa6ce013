using Tcm.Kernels.Optimizers;

namespace Tcm.Nn.Optimization;

/// <summary>
/// Rectified Adam (Liu et al. 2020) with Lookahead (Zhang et al. 2019) and gradient centralisation (Yong et al. 2020), as
/// TCM's training uses it (training-and-eval.md section 4.3). Gradients of tensors with more than one axis are centred, in
/// place. Not thread-safe.
/// </summary>
/// <param name="tensors">The parameters.</param>
/// <param name="beta1">Decay of the first moment.</param>
/// <param name="beta2">Decay of the second moment.</param>
/// <param name="eps">Added to the root of the second moment.</param>
/// <param name="decay">Weight decay, added to the direction.</param>
/// <param name="alpha">Share of the way that the slow weights go.</param>
/// <param name="interval">Steps between two moves of the slow weights.</param>
public sealed class Ranger(IEnumerable<OptimizedTensor> tensors, double beta1 = 0.95, double beta2 = 0.999, double eps = 1e-5,
    double decay = 0, double alpha = 0.5, int interval = 6) : Optimizer(tensors, "exp_avg", "exp_avg_sq", "slow_buffer")
{
    /// <summary>Length of the moving average above which its variance is tractable.</summary>
    private const double Threshold = 5;

    private protected override void Begin(Tensor value, Tensor[] state) => value.Backend.Copy(value.Data, state[2].Data);

    private protected override void Update(OptimizedTensor tensor, Tensor gradient, double rate, Tensor[] state)
    {
        var value = tensor.Value;
        var (rectified, size) = Rectification();
        int rows = value.Shape.Rank > 1 ? value.Shape[0] : 0;
        value.Backend.Optimizers.RectifiedAdam(
            new RectifiedAdamStep(rate, beta1, beta2, eps, decay * tensor.DecayFactor, rectified, size), rows, value.Data,
            gradient.Data, state[0].Data, state[1].Data);
        if (Steps % interval == 0)
        {
            value.Backend.Optimizers.Lookahead((float)alpha, assign: true, value.Data, state[2].Data);
        }
    }

    private (bool Rectified, double Size) Rectification()
    {
        double power = Math.Pow(beta2, Steps), limit = 2 / (1 - beta2) - 1;
        double length = limit - 2 * Steps * power / (1 - power), unbias = 1 / (1 - Math.Pow(beta1, Steps));
        return length > Threshold
            ? (true, unbias * Math.Sqrt((1 - power) * (length - 4) / (limit - 4) * (length - 2) / length * limit / (limit - 2)))
            : (false, unbias);
    }
}
