using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>Questions to the names and shapes of a checkpoint's tensors.</summary>
internal static class CheckpointShapes
{
    /// <summary>Whether a name begins like this.</summary>
    public static bool Has(this Checkpoint file, string prefix) =>
        file.Tensors.Any(t => t.Name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Number of the layers PREFIX0., PREFIX1., ...</summary>
    public static int Layers(this Checkpoint file, string prefix)
    {
        int count = 0;
        while (count <= file.Tensors.Count && file.Has($"{prefix}{count}."))
        {
            count++;
        }
        return count;
    }

    /// <summary>One dimension of a tensor that must be there with <paramref name="rank"/> dimensions.</summary>
    /// <exception cref="WeightFormatException">It is not.</exception>
    public static int Dimension(this Checkpoint file, string name, int dimension, int rank)
    {
        var tensor = file.Find(name) ?? throw new WeightFormatException($"{file.Path}: not a TCM model: it has no tensor '{name}'");
        return tensor.Shape.Count == rank ? tensor.Shape[dimension]
            : throw new WeightFormatException($"{file.Path}: tensor '{name}' has shape {tensor.ShapeText}, "
                + $"where one of {rank} dimensions is expected");
    }
}
