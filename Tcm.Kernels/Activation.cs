namespace Tcm.Kernels;

/// <summary>Element-wise functions that a convolution or a matrix product can apply to its result.</summary>
public enum Activation
{
    /// <summary>x</summary>
    None,
    /// <summary>max(x, 0)</summary>
    Relu,
    /// <summary>x * sigmoid(1.702 x), CLIP's approximation of GELU</summary>
    QuickGelu,
    /// <summary>x * (1 + erf(x / sqrt 2)) / 2</summary>
    Gelu,
    /// <summary>1 / (1 + exp(-x))</summary>
    Sigmoid,
}
