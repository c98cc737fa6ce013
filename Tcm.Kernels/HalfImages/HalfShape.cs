namespace Tcm.Kernels.HalfImages;

/// <summary>
/// Images in half precision with their channels last: (N,H,W,C), C rounded up to a multiple of 8 so that a pixel begins on 16
/// bytes. The channels added by rounding are 0, always. Tokens (B,L,C) lie in memory as images of one row of L pixels.
/// </summary>
public readonly record struct HalfShape(int N, int C, int H, int W)
{
    /// <summary>Chunks of eight channels of a pixel.</summary>
    public int Chunks => (C + 7) / 8;

    /// <summary>Pixels of all images.</summary>
    public long Pixels => (long)N * H * W;

    /// <summary>What a <see cref="Slice"/> of them counts: 32-bit words.</summary>
    public long Length => Pixels * Chunks * 4;
}
