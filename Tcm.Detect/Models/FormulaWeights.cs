using System.Text;
using System.Text.RegularExpressions;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>
/// Weights from a formula, for tests and benchmarks without files: every value is a hash of its tensor's name and index,
/// scaled so that activations stay healthy through the network. Boxes found with them mean nothing. Reading is thread-safe.
/// </summary>
public sealed partial class FormulaWeights : Checkpoint
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>Weights of a model; nothing is computed before it is read.</summary>
    public FormulaWeights(TcmConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Tensors = TcmParameters.Expected(config);
    }

    /// <inheritdoc/>
    public override string Path => "formula";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public override IReadOnlyList<TensorInfo> Tensors { get; }

    /// <inheritdoc/>
    public override void Read(TensorInfo tensor, Span<float> destination) => Fill(tensor, 0, destination);

    /// <inheritdoc/>
    public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination)
    {
        long width = tensor.Length / tensor.Shape[0];
        Fill(tensor, first * width, destination[..(int)(rows * width)]);
    }

    /// <inheritdoc/>
    public override void Dispose() { }

    /// <summary>Value i is uniform in [offset - scale, offset + scale): the top 24 bits of SplitMix64 at step i + 1 from a
    /// seed that is the FNV-1a hash of the name.</summary>
    private static void Fill(TensorInfo tensor, long first, Span<float> destination)
    {
        ulong seed = 0xcbf29ce484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(tensor.Name))
        {
            seed = (seed ^ b) * 0x100000001b3;
        }
        var (scale, offset) = Distribution(tensor);
        ulong state = seed + ((ulong)first * Golden);
        for (int i = 0; i < destination.Length; i++)
        {
            state += Golden;
            ulong z = state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            z ^= z >> 31;
            double unit = ((z >> 40) * (1.0 / (1 << 23))) - 1;
            destination[i] = (float)((unit * scale) + offset);
        }
    }

    private static (double Scale, double Offset) Distribution(TensorInfo tensor)
    {
        var (scale, offset) = Base(tensor.Name, tensor.Shape);
        return (scale * Multiplier(tensor.Name), offset);
    }

    private static (double Scale, double Offset) Base(string name, IReadOnlyList<int> s) => name switch
    {
        _ when name.EndsWith(".running_mean", StringComparison.Ordinal) => (0.1, 0),
        _ when name.EndsWith(".running_var", StringComparison.Ordinal) => (0.25, 1),
        "vis_gamma" => (0.1, 0.5),
        "gamma" => (0.25, 0.5),
        "contexts" or "text_encoder.positional_embedding" or "text_encoder.token_embedding.weight"
            or "backbone.attnpool.positional_embedding" => (1, 0),
        "text_encoder.text_projection" => (Math.Sqrt(3.0 / s[0]), 0),
        _ when name.EndsWith(".bias", StringComparison.Ordinal)
            || name.EndsWith(".in_proj_bias", StringComparison.Ordinal) => (0.1, 0),
        _ when s.Count == 1 => LastNorm().IsMatch(name) ? (0.1, 0.3) : (0.2, 1),
        _ when s.Count == 4 => TransposedConvolution().IsMatch(name)
            ? (Math.Sqrt(3.0 / s[0]), 0)
            : (Math.Sqrt(6.0 / (s[1] * s[2] * s[3])), 0),
        _ when s.Count == 2 => (Math.Sqrt(3.0 / s[1]), 0),
        _ => (0.1, 0),
    };

    private static double Multiplier(string name) => name switch
    {
        _ when name.StartsWith("neck.lateral_convs", StringComparison.Ordinal)
            || name.StartsWith("neck.smooth_convs", StringComparison.Ordinal)
            || name.StartsWith("neck.fpn_convs", StringComparison.Ordinal)
            || name is "bbox_head.out_conv.weight"
            || (name.StartsWith("neck.reduce_conv", StringComparison.Ordinal)
                && name.EndsWith(".0.weight", StringComparison.Ordinal)) => 0.5,
        _ when name.EndsWith("pointwise_conv.weight", StringComparison.Ordinal) => 0.375,
        _ when name.StartsWith("bbox_head.", StringComparison.Ordinal)
            && name.EndsWith(".6.weight", StringComparison.Ordinal) => 0.25,
        "backbone.attnpool.q_proj.weight" or "backbone.attnpool.k_proj.weight" => 2.5,
        _ => 1,
    };

    /// <summary>The last BatchNorm of a residual branch is small, so that the sum of many branches stays bounded.</summary>
    [GeneratedRegex(@"^backbone\.layer\d\.\d\.bn3\.weight$")]
    private static partial Regex LastNorm();

    [GeneratedRegex(@"^bbox_head\.(binarize|threshold)\.[36]\.weight$")]
    private static partial Regex TransposedConvolution();
}
