using Tcm.Detect.Heads.Db;
using Tcm.Detect.Heads.Fce;
using Tcm.Detect.Heads.Pan;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Heads;

/// <summary>The detectors that Tcm knows.</summary>
internal static class HeadRegistry
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<DetectionMethod> All { get; } = [new DbMethod(), new PanMethod(), new FceMethod()];

    /// <summary>The method that a configuration names.</summary>
    /// <exception cref="TcmException">There is none of this name.</exception>
    public static DetectionMethod Find(string name) => TryFind(name)
        ?? throw new TcmException($"a model with head '{name}' cannot be run; known heads: {Names}");

    /// <summary>The method of this name, or null.</summary>
    public static DetectionMethod? TryFind(string name) => All.FirstOrDefault(m => m.Name == name);

    /// <summary>The method whose tensors a checkpoint holds.</summary>
    /// <exception cref="WeightFormatException">It holds none's.</exception>
    public static DetectionMethod Recognize(Checkpoint file) => All.FirstOrDefault(m => file.Has(m.TensorPrefix))
        ?? throw new WeightFormatException($"{file.Path}: not a TCM model: it has no head of a known kind ({Names})");

    private static string Names => string.Join(", ", All.Select(m => m.Name));
}
