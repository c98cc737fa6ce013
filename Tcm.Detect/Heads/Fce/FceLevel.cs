namespace Tcm.Detect.Heads.Fce;

/// <summary>What the network says at each pixel of each level.</summary>
internal static class FceLevel
{
    /// <summary>Class logits: text region no and yes, centre line no and yes.</summary>
    public const int Classes = 4;

    /// <summary>Values of a pixel: class logits, then the parts of the Fourier coefficients.</summary>
    public const int Values = Classes + FourierContour.Parts;

    /// <summary>Network pixels per pixel of each level, fine to coarse.</summary>
    public static IReadOnlyList<int> Strides { get; } = [8, 16, 32];

    /// <summary>Pixels of all levels for a network input of height x width.</summary>
    public static int Positions(int height, int width) => Strides.Sum(s => height / s * (width / s));
}
