namespace Tcm.Kernels.Convolution;

/// <summary>
/// A 2-d convolution without its input: C input and K output channels, an R x S filter, the same stride and zero padding in
/// both directions. Weights are (K, C/Groups, R, S), as in PyTorch.
/// </summary>
public readonly record struct Conv2dFilter(int C, int K, int R, int S, int Stride = 1, int Padding = 0, int Groups = 1)
{
    /// <summary>Number of weights.</summary>
    public long WeightLength => (long)K * (C / Groups) * R * S;
}

/// <summary>Images that go into a convolution: N images of H x W pixels; the channels are the filter's.</summary>
public readonly record struct ImageBatch(int N, int H, int W);

/// <summary>Filter and input together: x (N,C,H,W), w (K,C/Groups,R,S), y (N,K,P,Q).</summary>
public readonly record struct Conv2dShape(Conv2dFilter Filter, ImageBatch Input)
{
    /// <summary>Output rows.</summary>
    public int P => (Input.H + 2 * Filter.Padding - Filter.R) / Filter.Stride + 1;

    /// <summary>Output columns.</summary>
    public int Q => (Input.W + 2 * Filter.Padding - Filter.S) / Filter.Stride + 1;

    /// <summary>Floats of one input image.</summary>
    public long InputImage => (long)Filter.C * Input.H * Input.W;

    /// <summary>Floats of one output image.</summary>
    public long OutputImage => (long)Filter.K * P * Q;

    /// <summary>Multiply-adds of the whole batch by the direct definition, whatever algorithm runs.</summary>
    public long MultiplyAdds => Input.N * Filter.WeightLength * P * Q;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Filter.C}->{Filter.K} {Filter.R}x{Filter.S} s{Filter.Stride} p{Filter.Padding} g{Filter.Groups} " +
        $"@{Input.N}x{Input.H}x{Input.W}";
}
