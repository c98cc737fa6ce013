using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Optimizers;

/// <summary>What a step does to one vector of a parameter p with gradient g and moments m and v.</summary>
internal interface ICpuUpdate
{
    /// <summary>Whether v is in use.</summary>
    static abstract bool HasSecondMoment { get; }

    void Apply<T>(ref T p, T g, ref T m, ref T v) where T : struct, IFloatVector<T>;
}

/// <summary>m = momentum m + g + decay p; p -= rate m</summary>
internal readonly struct SgdUpdate(float rate, float momentum, float decay) : ICpuUpdate
{
    public static bool HasSecondMoment => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<T>(ref T p, T g, ref T m, ref T v) where T : struct, IFloatVector<T>
    {
        m = T.MultiplyAdd(T.Create(momentum), m, T.MultiplyAdd(T.Create(decay), p, g));
        p = T.MultiplyAdd(T.Create(-rate), m, p);
    }
}

/// <summary><see cref="AdamStep"/></summary>
internal readonly struct AdamUpdate(AdamStep s) : ICpuUpdate
{
    private readonly float _beta1 = (float)s.Beta1, _rest1 = (float)(1 - s.Beta1);
    private readonly float _beta2 = (float)s.Beta2, _rest2 = (float)(1 - s.Beta2);
    private readonly float _eps = (float)s.Eps, _decay = s.Decoupled ? 0 : (float)s.Decay;
    private readonly float _keep = s.Decoupled ? (float)(1 - s.Rate * s.Decay) : 1;
    private readonly float _step = (float)(s.Rate / s.Correction1), _root = (float)(1 / Math.Sqrt(s.Correction2));

    public static bool HasSecondMoment => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<T>(ref T p, T g, ref T m, ref T v) where T : struct, IFloatVector<T>
    {
        g = T.MultiplyAdd(T.Create(_decay), p, g);
        m = T.MultiplyAdd(T.Create(_beta1), m, T.Create(_rest1) * g);
        v = T.MultiplyAdd(T.Create(_beta2), v, T.Create(_rest2) * g * g);
        T direction = m / T.MultiplyAdd(T.Sqrt(v), T.Create(_root), T.Create(_eps));
        p = T.MultiplyAdd(T.Create(-_step), direction, T.Create(_keep) * p);
    }
}

/// <summary><see cref="RectifiedAdamStep"/></summary>
internal readonly struct RectifiedAdamUpdate(RectifiedAdamStep s) : ICpuUpdate
{
    private readonly float _beta1 = (float)s.Beta1, _rest1 = (float)(1 - s.Beta1);
    private readonly float _beta2 = (float)s.Beta2, _rest2 = (float)(1 - s.Beta2);
    private readonly float _eps = (float)s.Eps, _decay = (float)s.Decay, _step = (float)(s.Rate * s.StepSize);
    private readonly bool _rectified = s.Rectified;

    public static bool HasSecondMoment => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<T>(ref T p, T g, ref T m, ref T v) where T : struct, IFloatVector<T>
    {
        m = T.MultiplyAdd(T.Create(_beta1), m, T.Create(_rest1) * g);
        v = T.MultiplyAdd(T.Create(_beta2), v, T.Create(_rest2) * g * g);
        T direction;
        if (_rectified)
        {
            direction = T.MultiplyAdd(T.Create(_decay), p, m / (T.Sqrt(v) + T.Create(_eps)));
        }
        else
        {
            direction = m = T.MultiplyAdd(T.Create(_decay), p, m);
        }
        p = T.MultiplyAdd(T.Create(-_step), direction, p);
    }
}
