using Tcm.Detect.Models;
using Tcm.Kernels.Cpu;
using Tcm.Kernels.Gpu;
using Tcm.Nn;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Gpu;

/// <summary>Values for the tests of images and tokens in half precision, and what may become of them.</summary>
internal static class HalfValues
{
    /// <summary>What rounding to half precision may change, as a share of a value.</summary>
    public const double Unit = 1.0 / 2048;

    /// <summary>Of six bits: the same in both precisions.</summary>
    public static float[] Coarse(int length, int seed) =>
        [.. KernelCase.Values(length, seed).Select(v => MathF.Round(v * 32) / 32)];

    public static Tensor Tokens(GpuBackend backend, Shape shape, int seed) =>
        Functional.ToHalfTokens(Tensor.From(backend, Coarse((int)shape.Length, seed), shape));

    public static Tensor Image(GpuBackend backend, Shape shape, int seed) =>
        Functional.ToHalfImage(Tensor.From(backend, Coarse((int)shape.Length, seed), shape));

    public static Tensor OnCpu(CpuBackend cpu, Tensor x) => Tensor.From(cpu, x.ToArray(), x.Shape);

    public static void Close(Tensor expected, Tensor actual, double relative, double absolute)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        foreach (var (e, a) in expected.ToArray().Zip(actual.ToArray()))
        {
            Assert.True(Math.Abs(e - a) <= relative * Math.Abs(e) + absolute, $"{a}, expected {e}");
        }
    }
}

/// <summary>Remembers in which format the named tensors of a pass were; all, or those that are there anyway.</summary>
internal sealed class FormatRecorder(bool all) : ForwardObserver
{
    public Dictionary<string, TensorFormat> Formats { get; } = [];

    public override bool WantsStages => all;

    public override void Stage(string name, Tensor value) => Formats[name] = value.Format;
}
