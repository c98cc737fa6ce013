using Tcm.Cli.Commands;
using Tcm.Nn.Checkpoints;

namespace Tcm.Cli.Output;

/// <summary>Writes traced stages as a safetensors file of float32 tensors.</summary>
internal static class StageFile
{
    /// <summary>Writes all stages; the file appears only when it is complete.</summary>
    /// <exception cref="OutputException">It cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<Stage> stages)
    {
        // Fails early, and as an output, where the writer would speak of a weight file.
        using (new AtomicFile(path))
        {
        }
        var tensors = stages.Select(stage => new TensorInfo(stage.Name, ElementType.Float32, stage.Shape)).ToList();
        var byName = stages.ToDictionary(stage => stage.Name, StringComparer.Ordinal);
        SafetensorsWriter.Write(path, new Dictionary<string, string>(), tensors,
            (tensor, values) => byName[tensor.Name].Values.CopyTo(values));
    }
}
