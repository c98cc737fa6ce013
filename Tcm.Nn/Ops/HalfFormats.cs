using Tcm.Kernels;
using Tcm.Kernels.HalfImages;

namespace Tcm.Nn;

/// <summary>The ways into half precision and out of it, and from images to tokens. No gradients of halves.</summary>
public static partial class Functional
{
    /// <summary>An image (N,C,H,W) in half precision, rounded; itself if it is so already.</summary>
    /// <exception cref="DeviceException">The backend keeps no images in half precision.</exception>
    public static Tensor ToHalfImage(Tensor x)
    {
        if (x.Format == TensorFormat.HalfImage)
        {
            return x;
        }
        var y = new Tensor(x.Backend, x.Shape, TensorFormat.HalfImage);
        HalfOf(x.Backend).FromPlanes(y.HalfShape, x.Data, y.RawData);
        return y;
    }

    /// <summary>Tokens (..., L, C) in half precision, rounded; themselves if they are so already.</summary>
    /// <exception cref="DeviceException">The backend keeps no tokens in half precision.</exception>
    public static Tensor ToHalfTokens(Tensor x)
    {
        if (x.Format == TensorFormat.HalfTokens)
        {
            return x;
        }
        var y = new Tensor(x.Backend, x.Shape, TensorFormat.HalfTokens);
        HalfOf(x.Backend).FromPlanes(Rows(y.HalfShape), x.Data, y.RawData);
        return y;
    }

    /// <summary>The values as floats; the tensor itself if it has them so.</summary>
    public static Tensor ToFloat(Tensor x)
    {
        if (x.Format == TensorFormat.Float)
        {
            return x;
        }
        var y = new Tensor(x.Backend, x.Shape);
        HalfOf(x.Backend).ToPlanes(x.Format == TensorFormat.HalfTokens ? Rows(x.HalfShape) : x.HalfShape, x.RawData, y.Data);
        return y;
    }

    /// <summary>An image (B,C,h,w) as tokens (B,h*w,C): in half precision the same memory.</summary>
    public static Tensor ImageToTokens(Tensor x)
    {
        Rank("ImageToTokens", x, 4, "(B,C,h,w)");
        var s = x.Shape;
        if (IsHalf(x))
        {
            return x.View([s[0], s[2] * s[3], s[1]], TensorFormat.HalfTokens);
        }
        using var scope = TensorScope.Begin();
        return scope.Keep(Transpose(x.Reshape([s[0], s[1], s[2] * s[3]])));
    }

    /// <summary>Tokens (B,h*w,C) as an image (B,C,h,w): in half precision the same memory.</summary>
    public static Tensor TokensToImage(Tensor tokens, int h, int w)
    {
        Rank("TokensToImage", tokens, 3, "(B,h*w,C)");
        Shape shape = [tokens.Shape[0], tokens.Shape[2], h, w];
        if (tokens.Format == TensorFormat.HalfTokens && tokens.Shape[1] == h * w)
        {
            return tokens.View(shape, TensorFormat.HalfImage);
        }
        using var scope = TensorScope.Begin();
        return scope.Keep(Transpose(tokens).Reshape(shape));
    }

    private static HalfImageOperations HalfOf(Backend backend) => backend.HalfImages
        ?? throw new DeviceException($"{backend.Name}: images are kept in half precision on CUDA in Fp16 only");

    /// <summary>Each token as an image of one pixel, so that planes are rows.</summary>
    private static HalfShape Rows(HalfShape tokens) => new(checked((int)tokens.Pixels), tokens.C, 1, 1);
}
