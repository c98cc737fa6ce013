using Tcm.Detect.Heads.Db;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Detect.Heads;

/// <summary>The detectors that Tcm knows, by the name that a configuration gives them.</summary>
internal static class HeadRegistry
{
    private static readonly Dictionary<string, Method> Methods = new()
    {
        ["db"] = new(static (weights, config) => new DbDetector(weights, config),
            static (config, options) => new DbObjective(config, options)),
    };

    public static DetectionHead Create(Weights weights, TcmConfig config) => Find(config).Detector(weights, config);

    public static TrainingObjective Objective(TcmConfig config, TrainingOptions options) => Find(config).Objective(config, options);

    private static Method Find(TcmConfig config) =>
        Methods.TryGetValue(config.Head, out var method)
            ? method
            : throw new TcmException($"a model with head '{config.Head}' cannot be run; known heads: {string.Join(", ", Methods.Keys)}");

    private sealed record Method(Func<Weights, TcmConfig, DetectionHead> Detector,
        Func<TcmConfig, TrainingOptions, TrainingObjective> Objective);
}
