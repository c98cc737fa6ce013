namespace Tcm.Kernels.Optimizers;

/// <summary>
/// Steps of optimisers, one fused pass over a parameter each; everything is updated in place. Thread-safe as far as its backend is.
/// </summary>
public abstract class ParameterUpdates
{
    // Only Tcm derives from it, so that members can be added.
    private protected ParameterUpdates() { }

    /// <summary>v = momentum * v + (g + decay * p); p -= rate * v. The first step starts from v = 0.</summary>
    public void Sgd(float rate, float momentum, float decay, Slice p, Slice g, Slice v)
    {
        Validate("Sgd", p, g, v, v);
        SgdCore(rate, momentum, decay, p, g, v);
    }

    /// <summary>One step of <see cref="AdamStep"/>.</summary>
    public void Adam(AdamStep step, Slice p, Slice g, Slice m, Slice v)
    {
        Validate("Adam", p, g, m, v);
        AdamCore(step, p, g, m, v);
    }

    /// <summary>One step of <see cref="RectifiedAdamStep"/>; lookahead is <see cref="Lookahead"/>.</summary>
    /// <param name="step">Constants of the step.</param>
    /// <param name="rows">Size of the first axis of a parameter with more than one axis, whose rows are centred; 0 for none.</param>
    /// <param name="p">The parameter.</param>
    /// <param name="g">Its gradient; centred in place.</param>
    /// <param name="m">First moment.</param>
    /// <param name="v">Second moment.</param>
    public void RectifiedAdam(RectifiedAdamStep step, int rows, Slice p, Slice g, Slice m, Slice v)
    {
        Validate("RectifiedAdam", p, g, m, v);
        Check.That(rows >= 0 && (rows == 0 || p.Length % rows == 0), $"RectifiedAdam: {p.Length} values in {rows} rows");
        RectifiedAdamCore(step, rows, p, g, m, v);
    }

    /// <summary>slow += share * (p - slow); p = slow: Lookahead's synchronisation. With <paramref name="assign"/> false only
    /// slow moves: an exponential moving average.</summary>
    public void Lookahead(float share, bool assign, Slice p, Slice slow)
    {
        Check.Length("Lookahead", "slow", slow, p.Length);
        LookaheadCore(share, assign, p, slow);
    }

    /// <summary>sum += sum of squares of g, one float: for clipping by the norm of all gradients.</summary>
    public void AddSquares(Slice g, Slice sum)
    {
        Check.Length("AddSquares", "sum", sum, 1);
        AddSquaresCore(g, sum);
    }

    private static void Validate(string op, Slice p, Slice g, Slice m, Slice v)
    {
        Check.Length(op, "gradient", g, p.Length);
        Check.Length(op, "m", m, p.Length);
        Check.Length(op, "v", v, p.Length);
    }

    private protected abstract void SgdCore(float rate, float momentum, float decay, Slice p, Slice g, Slice v);

    private protected abstract void AdamCore(AdamStep step, Slice p, Slice g, Slice m, Slice v);

    private protected abstract void RectifiedAdamCore(RectifiedAdamStep step, int rows, Slice p, Slice g, Slice m, Slice v);

    private protected abstract void LookaheadCore(float share, bool assign, Slice p, Slice slow);

    private protected abstract void AddSquaresCore(Slice g, Slice sum);
}

/// <summary>
/// Adam: m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g²; p -= rate * (m / correction1) / (sqrt(v / correction2) + eps).
/// Decay is added to the gradient (L2), or with <paramref name="Decoupled"/> applied as p *= 1 - rate * decay first (AdamW).
/// Double, because 1 - beta loses digits in single precision.
/// </summary>
public readonly record struct AdamStep(double Rate, double Beta1, double Beta2, double Eps, double Decay, bool Decoupled,
    double Correction1, double Correction2);

/// <summary>
/// Rectified Adam as in Ranger (training-and-eval.md section 4.3): p -= rate * stepSize * direction, where direction is
/// m / (sqrt(v) + eps) once <paramref name="Rectified"/>, else m; decay * p is added to the direction (into m itself while
/// not rectified, as the reference does).
/// </summary>
public readonly record struct RectifiedAdamStep(double Rate, double Beta1, double Beta2, double Eps, double Decay,
    bool Rectified, double StepSize);
