namespace Tcm.Nn;

/// <summary>How the values of a <see cref="Tensor"/> lie in the device's memory.</summary>
public enum TensorFormat
{
    /// <summary>Floats, row-major; images (N,C,H,W) as planes.</summary>
    Float,

    /// <summary>
    /// Images (N,C,H,W) in half precision with their channels last (<see cref="Kernels.HalfImages.HalfShape"/>): what layers give
    /// that are prepared for inference in half precision. <see cref="Functional.ToFloat"/> leads back.
    /// </summary>
    HalfImage,

    /// <summary>
    /// Tokens (..., L, C) in half precision, row-major but for their width, which is rounded up to eight: the pixels of a
    /// <see cref="HalfImage"/> are such rows. <see cref="Functional.ToFloat"/> leads back.
    /// </summary>
    HalfTokens,
}
