using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>A list of names and shapes of float tensors, with the groups that PyTorch's modules have.</summary>
internal sealed class TensorTable
{
    private readonly List<TensorInfo> _tensors = [];

    /// <summary>What was added, in order.</summary>
    public IReadOnlyList<TensorInfo> Tensors => _tensors;

    public void Add(string name, params int[] shape) => _tensors.Add(new TensorInfo(name, ElementType.Float32, shape));

    /// <summary>A convolution with bias, K filters of (C,size,size).</summary>
    public void Convolution(string name, int k, int c, int size)
    {
        Add($"{name}.weight", k, c, size, size);
        Add($"{name}.bias", k);
    }

    public void Linear(string name, int n, int k, bool bias = true)
    {
        Add($"{name}.weight", n, k);
        if (bias)
        {
            Add($"{name}.bias", n);
        }
    }

    public void LayerNorm(string name, int width)
    {
        Add($"{name}.weight", width);
        Add($"{name}.bias", width);
    }

    public void BatchNorm(string name, int channels)
    {
        LayerNorm(name, channels);
        Add($"{name}.running_mean", channels);
        Add($"{name}.running_var", channels);
    }
}
