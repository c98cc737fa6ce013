using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Tests.Kernels.Reference;

namespace Tcm.Tests.Kernels;

public sealed class VectorMathTests
{
    [Theory]
    [InlineData(SimdLevel.Portable)]
    [InlineData(SimdLevel.Avx2)]
    [InlineData(SimdLevel.Avx512)]
    public void Functions_match_double_precision(SimdLevel level)
    {
        Compare(level, new ExpMap(), Math.Exp, (x, y) => 2 * Ulp(y) + 1e-45, -110, 95);
        Compare(level, new SigmoidMap(), ReferenceMath.Sigmoid, (x, y) => 2 * Ulp(y) + 2e-38, -95, 95);
        Compare(level, new QuickGeluMap(), x => ReferenceMath.Activate(Activation.QuickGelu, x),
            (x, y) => 3 * Ulp(x) + 1e-37, -60, 60);
        Compare(level, new GeluMap(), x => ReferenceMath.Activate(Activation.Gelu, x), (x, y) => 2 * Ulp(x), -30, 30);
        Compare(level, new ErfMap(), ReferenceMath.Erf, (x, y) => 2 * Ulp(y), -10, 10);
        foreach (var (from, to) in new[]
        {
            (1e-44f, 1e-37f), (1e-37f, 1e-5f), (1e-5f, 1f), (0.98f, 1.02f), (0.5f, 3f), (1f, 3e38f),
        })
        {
            Compare(level, new LogMap(), Math.Log, (x, y) => 2 * Ulp(y), from, to);
        }
        Compare(level, new Log1PMap(), x => x - x * x / 2 + x * x * x / 3, (x, y) => 2 * Ulp(y), 0, 1e-4f);
        Compare(level, new Log1PMap(), x => Math.Log(1 + x), (x, y) => 2 * Ulp(y), 1e-4f, 1);
    }

    [Fact]
    public void Exp_keeps_special_values()
    {
        var x = System.Runtime.Intrinsics.Vector128.Create(float.NaN, float.NegativeInfinity, float.PositiveInfinity, 0f);
        var y = VectorMath.Exp(x);
        Assert.Equal([float.NaN, 0, float.PositiveInfinity, 1], [y[0], y[1], y[2], y[3]]);
    }

    [Fact]
    public void Log_keeps_special_values()
    {
        var x = System.Runtime.Intrinsics.Vector128.Create(0f, -1f, float.PositiveInfinity, 1f);
        var y = VectorMath.Log(new Floats4(x)).Value;
        Assert.Equal([float.NegativeInfinity, float.NaN, float.PositiveInfinity, 0], [y[0], y[1], y[2], y[3]]);
        x = System.Runtime.Intrinsics.Vector128.Create(float.NaN, -float.NaN, float.NegativeInfinity, -0f);
        y = VectorMath.Log(new Floats4(x)).Value;
        Assert.Equal([float.NaN, float.NaN, float.NaN, float.NegativeInfinity], [y[0], y[1], y[2], y[3]]);
    }

    private static double Ulp(double value) => MathF.BitIncrement(Math.Abs((float)value)) - (double)Math.Abs((float)value);

    private static unsafe void Compare<TMap>(SimdLevel level, TMap map, Func<double, double> expected,
        Func<double, double, double> tolerance, float from, float to) where TMap : struct, IMap
    {
        const int count = 20_000;
        var x = new float[count];
        var y = new float[count];
        for (int i = 0; i < count; i++)
        {
            x[i] = from + (to - from) * i / count;
        }
        fixed (float* source = x, target = y)
        {
            switch (level)
            {
                case SimdLevel.Portable: Apply<Floats4, TMap>(map, source, target, count); break;
                case SimdLevel.Avx2: Apply<Floats8, TMap>(map, source, target, count); break;
                default: Apply<Floats16, TMap>(map, source, target, count); break;
            }
        }
        for (int i = 0; i < count; i++)
        {
            double wanted = expected(x[i]);
            if ((float)wanted != y[i])
            {
                Assert.True(Math.Abs(y[i] - wanted) <= tolerance(x[i], wanted),
                    $"{typeof(TMap).Name}({x[i]}) = {y[i]}, not {wanted}");
            }
        }
    }

    private static unsafe void Apply<T, TMap>(TMap map, float* x, float* y, int count)
        where T : struct, IFloatVector<T> where TMap : struct, IMap
    {
        for (int i = 0; i < count; i += T.Count)
        {
            map.Apply(T.Load(x + i)).Store(y + i);
        }
    }

    private interface IMap
    {
        T Apply<T>(T x) where T : struct, IFloatVector<T>;
    }

    private struct ExpMap : IMap
    {
        public readonly T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Exp(x);
    }

    private struct SigmoidMap : IMap
    {
        public readonly T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Sigmoid(x);
    }

    private struct QuickGeluMap : IMap
    {
        public readonly T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.QuickGelu(x);
    }

    private struct GeluMap : IMap
    {
        public readonly T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Gelu(x);
    }

    private struct ErfMap : IMap
    {
        public readonly T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Erf(x);
    }

    private struct LogMap : IMap
    {
        public readonly T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Log(x);
    }

    private struct Log1PMap : IMap
    {
        public readonly T Apply<T>(T x) where T : struct, IFloatVector<T> => VectorMath.Log1P(x);
    }
}
