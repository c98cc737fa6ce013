namespace Tcm.Kernels;

/// <summary>
/// What the factors of convolutions, linear layers, matrix products and attention are rounded to before they are multiplied.
/// Sums are FP32 in every case, and all other operations compute in FP32. Tensors are FP32 in memory, with one exception: images
/// at inference in <see cref="Fp16"/> (<see cref="Backend.HalfImages"/>). Anything but
/// <see cref="Fp32"/> needs tensor cores: CUDA, compute capability 8.0 or later.
/// </summary>
public enum Precision
{
    /// <summary>Nothing is rounded. The default.</summary>
    Fp32,

    /// <summary>10 bits of fraction and the range of FP32: relative rounding error 2^-11.</summary>
    Tf32,

    /// <summary>
    /// 10 bits of fraction, values up to 65504 (larger ones become infinite): relative error 2^-11. For inference; convolutions of
    /// training take TF32 in its place, since half precision has not the range of gradients.
    /// </summary>
    Fp16,

    /// <summary>7 bits of fraction and the range of FP32: relative rounding error 2^-8.</summary>
    Bf16,
}
