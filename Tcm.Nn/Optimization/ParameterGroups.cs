namespace Tcm.Nn.Optimization;

/// <summary>Factors of the parameters whose name contains a text. Immutable; safe to share between threads.</summary>
/// <param name="Substring">Compared with case.</param>
/// <param name="RateFactor">Multiplies the learning rate; 0 freezes.</param>
/// <param name="DecayFactor">Multiplies the weight decay.</param>
public sealed record ParameterRule(string Substring, float RateFactor = 1, float DecayFactor = 1);

/// <summary>
/// Rules by part of the name; of those that match, the longest alone holds, of equally long ones the first in the alphabet
/// (mmcv's <c>paramwise_cfg.custom_keys</c>). Parameters without a rule have factors of 1. Immutable; safe to share between
/// threads.
/// </summary>
public sealed class ParameterGroups(IEnumerable<ParameterRule> rules)
{
    private static readonly ParameterRule none = new("");

    /// <summary>
    /// What TCM's configurations say (training-and-eval.md section 4.2): text encoder 0, backbone 0.1, no decay for norms. The
    /// text encoder is truly frozen here; in the reference its rate only starts from 0 and rises to 1e-7.
    /// </summary>
    public static ParameterGroups Tcm { get; } =
        new([new("text_encoder", RateFactor: 0), new("backbone", RateFactor: 0.1f), new("norm", DecayFactor: 0)]);

    /// <summary>The rules in the order in which they are tried.</summary>
    public IReadOnlyList<ParameterRule> Rules { get; } =
        [.. rules.OrderByDescending(r => r.Substring.Length).ThenBy(r => r.Substring, StringComparer.Ordinal)];

    /// <summary>The rule that holds for a parameter.</summary>
    public ParameterRule Of(string name) =>
        Rules.FirstOrDefault(r => name.Contains(r.Substring, StringComparison.Ordinal)) ?? none;

    /// <summary>A parameter with the factors of its rule.</summary>
    public OptimizedTensor Apply(string name, Tensor value, Func<Tensor?> gradient)
    {
        var rule = Of(name);
        return new OptimizedTensor(name, value, gradient, rule.RateFactor, rule.DecayFactor);
    }
}
