using Tcm.Kernels;

namespace Tcm.Bench.Fuzzing;

/// <summary>Everything that is fuzzed.</summary>
internal static class FuzzTargets
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        CheckpointTargets.Safetensors, CheckpointTargets.PyTorch, CheckpointTargets.Config,
        LabelTargets.Text, LabelTargets.Json, LabelTargets.Xml, LabelTargets.Mat, LabelTargets.Zip, LabelTargets.Predictions,
        TextTargets.Recipe, TextTargets.Tokens, TextTargets.Vocabulary,
        PictureTargets.Files, PictureTargets.Pixels,
        MapTargets.Db, MapTargets.Pan, MapTargets.Fce,
    ];

    /// <summary>The target of a name.</summary>
    /// <exception cref="TcmException">There is none.</exception>
    public static FuzzTarget Find(string name) => All.FirstOrDefault(t => t.Name == name)
        ?? throw new TcmException($"no target '{name}'; there are {string.Join(", ", All.Select(t => t.Name))}");
}
