using Tcm.Kernels;

namespace Tcm.Nn.Optimization;

/// <summary>Tensors that something keeps beside the parameters, on their device and in no scope.</summary>
internal static class NamedState
{
    /// <summary>A tensor of zeros of the same shape.</summary>
    public static Tensor Zeros(Tensor like)
    {
        var tensor = new Tensor(like.Backend, like.Shape) { ScopeDepth = 0 };
        like.Backend.Fill(tensor.Data, 0);
        return tensor;
    }

    /// <summary>Fills the tensors with saved values.</summary>
    /// <exception cref="ShapeException">A saved tensor has another length; those before it are already filled.</exception>
    public static void Restore(IEnumerable<(string Name, Tensor Tensor)> state, Func<string, float[]> read)
    {
        foreach (var (name, tensor) in state)
        {
            float[] values = read(name);
            if (values.Length != tensor.Length)
            {
                throw new ShapeException($"Restore: '{name}' has {values.Length} values, {tensor.Shape} expected");
            }
            tensor.Backend.Upload(values, tensor.Data);
        }
    }
}
