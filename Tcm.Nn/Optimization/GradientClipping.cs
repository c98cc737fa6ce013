using Tcm.Kernels;

namespace Tcm.Nn.Optimization;

/// <summary>Limits on gradients. One thread at a time for the same gradients.</summary>
public static class GradientClipping
{
    /// <summary>
    /// Scales all gradients by maxNorm / (norm + 1e-6) where the L2 norm of them together is larger than
    /// <paramref name="maxNorm"/>. Waits for the device.
    /// </summary>
    /// <param name="tensors">Whose gradients; all on one device. Frozen ones are left out.</param>
    /// <param name="maxNorm">The largest norm that stays.</param>
    /// <returns>The norm before. Where it is not finite, the gradients stay as they are: the caller decides.</returns>
    public static double ByNorm(IEnumerable<OptimizedTensor> tensors, double maxNorm)
    {
        Tensor[] gradients = [.. tensors.Where(t => t.RateFactor != 0).Select(t => t.Gradient()).OfType<Tensor>()];
        if (gradients.Length == 0)
        {
            return 0;
        }
        var backend = gradients[0].Backend;
        using Storage sum = backend.Allocate(1);
        backend.Fill(sum.All, 0);
        foreach (var gradient in gradients)
        {
            backend.Optimizers.AddSquares(gradient.Data, sum.All);
        }
        Span<float> squares = stackalloc float[1];
        backend.Download(sum.All, squares);
        double norm = Math.Sqrt(squares[0]);
        if (double.IsFinite(norm) && norm > maxNorm)
        {
            foreach (var gradient in gradients)
            {
                backend.Elementwise.Affine((float)(maxNorm / (norm + 1e-6)), 0, gradient.Data, gradient.Data);
            }
        }
        return norm;
    }
}
