using Tcm.Detect.Models;
using Tcm.Kernels.Resampling;
using Tcm.Nn;

namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// Feature Pyramid Enhancement Module (PAN, section 3.2): four levels of equal width are enhanced from the coarsest to the
/// finest and back, each step a sum with the neighbour and a separable convolution (heads.md section 3.1).
/// </summary>
internal sealed class Fpem : IDisposable
{
    /// <summary>Steps of each direction.</summary>
    private const int Steps = PanNeck.Levels - 1;

    // up_add1 makes level 2, up_add2 level 1, up_add3 level 0; down_add1 makes level 1, and so on.
    private readonly SeparableConvolution[] _up = new SeparableConvolution[Steps], _down = new SeparableConvolution[Steps];

    public Fpem(Weights weights, int channels)
    {
        for (int i = 0; i < Steps; i++)
        {
            _up[i] = new SeparableConvolution(weights / $"up_add{i + 1}", channels, 1);
            _down[i] = new SeparableConvolution(weights / $"down_add{i + 1}", channels, 2);
        }
    }

    /// <summary>Levels (B,C,H_i,W_i), fine to coarse, to as many of the same shapes; those given stay as they are.</summary>
    public Tensor[] Forward(ReadOnlySpan<Tensor> levels)
    {
        var result = levels.ToArray();
        for (int i = 0; i < Steps; i++)
        {
            int level = Steps - 1 - i;
            result[level] = Step(_up[i], result[level + 1], result[level]);
        }
        for (int i = 0; i < Steps; i++)
        {
            // The coarser level is brought up to the finer one's size; the stride brings the sum back.
            result[i + 1] = Step(_down[i], result[i + 1], result[i]);
        }
        return result;
    }

    private static Tensor Step(SeparableConvolution convolution, Tensor coarse, Tensor fine)
    {
        using var scope = TensorScope.Begin();
        var s = fine.Shape;
        // The sum goes to the resized copy: the finer level is still needed.
        var sum = Functional.AddUpsampled(Functional.Interpolate(coarse, s[2], s[3], ResizeMode.Nearest), fine, ResizeMode.Nearest);
        return scope.Keep(convolution.Forward(sum));
    }

    /// <summary>Adds names and shapes in the order of the official checkpoints.</summary>
    public static void AddTensors(TensorTable table, string name, int channels)
    {
        foreach (string direction in (string[])["up_add", "down_add"])
        {
            for (int i = 1; i <= Steps; i++)
            {
                SeparableConvolution.AddTensors(table, $"{name}.{direction}{i}", channels);
            }
        }
    }

    public void Dispose()
    {
        foreach (var convolution in _up.Concat(_down))
        {
            convolution.Dispose();
        }
    }
}
