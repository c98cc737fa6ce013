namespace Tcm.Detect.Heads;

/// <summary>Switches of the training objective. Not thread-safe while it is being changed.</summary>
public sealed record TrainingOptions
{
    /// <summary>Whether the score map is compared with the text's pixels (the paper's auxiliary loss).</summary>
    public bool AuxiliaryLoss { get; set; } = true;

    /// <summary>
    /// Whether the auxiliary loss multiplies every picture's map with every other picture's mask, as the reference code does
    /// by accident of broadcasting. For comparison with it only.
    /// </summary>
    public bool ReferenceAuxiliaryLoss { get; set; }

    /// <summary>
    /// FCENet: levels learn the sizes of text that the paper has for CTW1500 and Total-Text instead of ICDAR2015's. PAN: kernels
    /// are shrunk less, as its CTW1500 pipeline has it.
    /// </summary>
    public bool CurvedText { get; set; }
}
