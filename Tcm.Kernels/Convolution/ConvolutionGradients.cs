namespace Tcm.Kernels.Convolution;

/// <summary>
/// Convolution while training: the weights (K, C/Groups, R, S) change at every step, so they stay on the device as they are
/// and are packed, where that pays, inside each call. No bias and no activation. The transposed convolution is
/// <see cref="InputGradient"/> of the convolution that it transposes.
/// </summary>
public abstract partial class Convolution2d
{
    /// <summary>y[n,k,p,q] = sum over c,r,s of x[n,c,p*stride-pad+r,q*stride-pad+s] * w[k,c,r,s]</summary>
    /// <param name="shape">Filter and images.</param>
    /// <param name="x">(N,C,H,W)</param>
    /// <param name="w">(K,C/Groups,R,S)</param>
    /// <param name="y">(N,K,P,Q)</param>
    public void Forward(Conv2dShape shape, Slice x, Slice w, Slice y)
    {
        Validate("Conv2d", shape, x, w, y);
        Backend.CountMultiplyAdds(shape.MultiplyAdds);
        ForwardCore(shape, x, w, y);
    }

    /// <summary>dx[n,c,h,w] = sum over the outputs that read x[n,c,h,w] of dy * weight: the gradient of x.</summary>
    /// <param name="shape">Filter and images of the forward convolution.</param>
    /// <param name="dy">(N,K,P,Q)</param>
    /// <param name="w">(K,C/Groups,R,S)</param>
    /// <param name="dx">(N,C,H,W), overwritten</param>
    public void InputGradient(Conv2dShape shape, Slice dy, Slice w, Slice dx)
    {
        Validate("Conv2d input gradient", shape, dx, w, dy);
        Backend.CountMultiplyAdds(shape.MultiplyAdds);
        InputGradientCore(shape, dy, w, dx);
    }

    /// <summary>dw[k,c,r,s] = sum over n,p,q of dy[n,k,p,q] * x[n,c,p*stride-pad+r,q*stride-pad+s]: the gradient of the weights.</summary>
    /// <param name="shape">Filter and images of the forward convolution.</param>
    /// <param name="x">(N,C,H,W)</param>
    /// <param name="dy">(N,K,P,Q)</param>
    /// <param name="dw">(K,C/Groups,R,S), overwritten</param>
    public void WeightGradient(Conv2dShape shape, Slice x, Slice dy, Slice dw)
    {
        Validate("Conv2d weight gradient", shape, x, dw, dy);
        Backend.CountMultiplyAdds(shape.MultiplyAdds);
        WeightGradientCore(shape, x, dy, dw);
    }

    private static void Validate(string op, Conv2dShape shape, Slice x, Slice w, Slice y)
    {
        var filter = shape.Filter;
        Check.That(filter.C > 0 && filter.K > 0 && filter.R > 0 && filter.S > 0 && filter.Stride > 0 && filter.Padding >= 0
            && filter.Groups > 0 && filter.C % filter.Groups == 0 && filter.K % filter.Groups == 0 && shape.Input.N > 0
            && shape.P > 0 && shape.Q > 0, $"{op}: impossible shape {shape}");
        Check.Length(op, "x", x, shape.Input.N * shape.InputImage);
        Check.Length(op, "w", w, filter.WeightLength);
        Check.Length(op, "y", y, shape.Input.N * shape.OutputImage);
    }

    private protected abstract void ForwardCore(Conv2dShape shape, Slice x, Slice w, Slice y);

    private protected abstract void InputGradientCore(Conv2dShape shape, Slice dy, Slice w, Slice dx);

    private protected abstract void WeightGradientCore(Conv2dShape shape, Slice x, Slice dy, Slice dw);
}
