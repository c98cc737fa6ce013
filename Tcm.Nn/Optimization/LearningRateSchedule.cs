namespace Tcm.Nn.Optimization;

/// <summary>
/// A learning rate over time. The unit of time is the caller's: the reference counts whole epochs
/// (training-and-eval.md section 4.1), fractions of an epoch or steps do as well. Immutable, derived ones too; safe to share
/// between threads.
/// </summary>
public abstract record LearningRateSchedule
{
    /// <summary>The rate at a time from 0 on.</summary>
    public abstract double At(double time);

    /// <summary>How much of a decay of length <paramref name="end"/> is left, from 1 to 0.</summary>
    private protected static double Left(double time, double end) => Math.Clamp(1 - time / end, 0, 1);
}

/// <summary>Always the same rate. Immutable; safe to share between threads.</summary>
public sealed record ConstantRate(double Base) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double time) => Base;
}

/// <summary>
/// (base - minimum) (1 - time / end)^power + minimum. The reference applies the minimum to each parameter group after its
/// factor, here the factor multiplies all; they differ by less than the minimum. Immutable; safe to share between threads.
/// </summary>
public sealed record PolynomialDecay(double Base, double End, double Power = 0.9, double Minimum = 1e-7) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double time) => (Base - Minimum) * Math.Pow(Left(time, End), Power) + Minimum;
}

/// <summary>
/// Half a cosine from base to minimum (Loshchilov and Hutter 2017, without restarts). Immutable; safe to share between threads.
/// </summary>
public sealed record CosineDecay(double Base, double End, double Minimum = 0) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double time) =>
        Minimum + (Base - Minimum) * (1 + Math.Cos(Math.PI * (1 - Left(time, End)))) / 2;
}

/// <summary>Another schedule, whose rates up to <paramref name="Length"/> are multiplied with a factor that rises linearly from
/// <paramref name="StartFactor"/> to 1. Immutable; safe to share between threads.</summary>
public sealed record LinearWarmUp(LearningRateSchedule Schedule, double Length, double StartFactor = 0) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double time) =>
        Schedule.At(time) * (time >= Length ? 1 : StartFactor + (1 - StartFactor) * time / Length);
}
