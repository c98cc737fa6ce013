using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Convolution;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// PAN's neck FPEM_FFM (heads.md section 3.1): every level is reduced to the same width, goes through a cascade of
/// <see cref="Fpem"/>, and the results of the cascade are summed (feature fusion module).
/// </summary>
internal sealed class PanNeck : IDisposable
{
    /// <summary>Strides 4, 8, 16, 32.</summary>
    public const int Levels = 4;

    /// <summary>Length of the cascade.</summary>
    private const int Modules = 2;

    private readonly Conv2d[] _reduce = new Conv2d[Levels];
    private readonly Fpem[] _modules = new Fpem[Modules];

    public PanNeck(Weights weights, TcmConfig config)
    {
        int width = config.NeckWidth;
        for (int i = 0; i < Levels; i++)
        {
            _reduce[i] = new Conv2d(weights / $"reduce_conv_c{i + 2}", "0", new Conv2dFilter(config.HeadInput(i), width, 1, 1), "1",
                Activation.Relu);
        }
        for (int i = 0; i < Modules; i++)
        {
            _modules[i] = new Fpem(weights / "fpems" / $"{i}", width);
        }
    }

    /// <summary>
    /// Stages of strides 4 to 32, which are freed as soon as they were read, to four maps of these strides with the neck's width;
    /// the caller's scope owns them.
    /// </summary>
    public Tensor[] Forward(ReadOnlySpan<Tensor> stages)
    {
        using var scope = TensorScope.Begin();
        var levels = new Tensor[Levels];
        for (int i = 0; i < Levels; i++)
        {
            levels[i] = _reduce[i].Forward(stages[i]);
            stages[i].Dispose();
        }
        var sums = levels = _modules[0].Forward(levels);
        foreach (var module in _modules[1..])
        {
            levels = module.Forward(levels);
            sums = [.. sums.Zip(levels, Functional.Add)];
        }
        foreach (var sum in sums)
        {
            scope.Keep(sum);
        }
        return sums;
    }

    /// <summary>Adds names and shapes in the order of the official checkpoints.</summary>
    public static void AddTensors(TensorTable table, TcmConfig config)
    {
        for (int i = 0; i < Levels; i++)
        {
            table.Convolution($"neck.reduce_conv_c{i + 2}.0", config.NeckWidth, config.HeadInput(i), 1);
            table.BatchNorm($"neck.reduce_conv_c{i + 2}.1", config.NeckWidth);
        }
        for (int i = 0; i < Modules; i++)
        {
            Fpem.AddTensors(table, $"neck.fpems.{i}", config.NeckWidth);
        }
    }

    public void Dispose()
    {
        foreach (var convolution in _reduce)
        {
            convolution.Dispose();
        }
        foreach (var module in _modules)
        {
            module.Dispose();
        }
    }
}
