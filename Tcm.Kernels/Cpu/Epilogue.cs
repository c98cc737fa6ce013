using System.Runtime.CompilerServices;

namespace Tcm.Kernels.Cpu;

/// <summary>The last step of convolutions and linear layers: bias, residual, activation, in one pass over a row.</summary>
internal static unsafe class Epilogue<T> where T : struct, IFloatVector<T>
{
    /// <summary>y[i] = act(x[i] + bias + residual[i]); a null residual is none.</summary>
    public static void Row(float* x, float bias, float* residual, float* y, nint n, Activation activation) =>
        Dispatch(x, null, bias, residual, y, n, activation);

    /// <summary>y[i] = act(x[i] + bias[i] + residual[i])</summary>
    public static void Row(float* x, float* bias, float* residual, float* y, nint n, Activation activation) =>
        Dispatch(x, bias, 0, residual, y, n, activation);

    private static void Dispatch(float* x, float* biases, float bias, float* residual, float* y, nint n, Activation activation)
    {
        switch (activation)
        {
            case Activation.None: Run<Identity>(x, biases, bias, residual, y, n); break;
            case Activation.Relu: Run<Relu>(x, biases, bias, residual, y, n); break;
            case Activation.QuickGelu: Run<QuickGelu>(x, biases, bias, residual, y, n); break;
            case Activation.Gelu: Run<Gelu>(x, biases, bias, residual, y, n); break;
            default: Run<Sigmoid>(x, biases, bias, residual, y, n); break;
        }
    }

    private static void Run<TMap>(float* x, float* biases, float bias, float* residual, float* y, nint n)
        where TMap : struct, IMap
    {
        T shared = T.Create(bias);
        nint i = 0;
        for (; biases == null && residual == null && n - i >= T.Count; i += T.Count)
        {
            TMap.Apply(T.Load(x + i) + shared).Store(y + i);
        }
        for (; i < n; i += T.Count)
        {
            // Whole vectors are read at the end too: every tensor and scratch has readable slack behind it.
            T v = T.Load(x + i) + (biases == null ? shared : T.Load(biases + i));
            if (residual != null)
            {
                v += T.Load(residual + i);
            }
            v = TMap.Apply(v);
            if (n - i >= T.Count)
            {
                v.Store(y + i);
            }
            else
            {
                v.StorePart(y + i, n - i);
            }
        }
    }

    private interface IMap
    {
        static abstract T Apply(T x);
    }

    private readonly struct Identity : IMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply(T x) => x;
    }

    private readonly struct Relu : IMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply(T x) => T.Max(x, T.Create(0));
    }

    private readonly struct QuickGelu : IMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply(T x) => VectorMath.QuickGelu(x);
    }

    private readonly struct Gelu : IMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply(T x) => VectorMath.Gelu(x);
    }

    private readonly struct Sigmoid : IMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply(T x) => VectorMath.Sigmoid(x);
    }
}
