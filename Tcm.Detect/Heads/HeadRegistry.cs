using Tcm.Detect.Heads.Db;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Detect.Heads;

/// <summary>The detectors that Tcm knows, by the name that a configuration gives them.</summary>
internal static class HeadRegistry
{
    private static readonly Dictionary<string, Func<Weights, TcmConfig, DetectionHead>> Heads = new()
    {
        ["db"] = static (weights, config) => new DbDetector(weights, config),
    };

    public static DetectionHead Create(Weights weights, TcmConfig config) =>
        Heads.TryGetValue(config.Head, out var create)
            ? create(weights, config)
            : throw new TcmException($"a model with head '{config.Head}' cannot be run; known heads: {string.Join(", ", Heads.Keys)}");
}
