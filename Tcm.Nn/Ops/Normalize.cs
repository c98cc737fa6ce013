using Tcm.Kernels;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Normalises the last axis to mean 0 and variance 1, then scales by gamma and shifts by beta.</summary>
    public static Tensor LayerNorm(Tensor x, Tensor gamma, Tensor beta, float eps = 1e-5f)
    {
        SameBackend("LayerNorm", x, gamma);
        int columns = x.Shape[-1];
        if (gamma.Length != columns || beta.Length != columns)
        {
            throw new ShapeException($"LayerNorm: x {x.Shape}, gamma {gamma.Shape}, beta {beta.Shape}");
        }
        if (IsTokens(x))
        {
            return HalfLayerNorm(x, gamma, beta, eps);
        }
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Normalization.LayerNorm(checked((int)(x.Length / columns)), columns, eps, x.Data, gamma.Data, beta.Data,
            y.Data);
        if (Tape.Of(x, gamma, beta) is { } tape)
        {
            RecordLayerNorm(tape, x, gamma, beta, y, eps);
        }
        return y;
    }

    /// <summary>x / max(||x||, eps) over the last axis.</summary>
    public static Tensor L2Normalize(Tensor x, float eps = 1e-12f)
    {
        int columns = x.Shape[-1];
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Normalization.L2Normalize(checked((int)(x.Length / columns)), columns, eps, x.Data, y.Data);
        if (Tape.Of(x) is { } tape)
        {
            RecordL2Normalize(tape, x, y, eps);
        }
        return y;
    }

    /// <summary>
    /// The cosine of each row of x (B,N,C) and its batch's row of t (B,1,C): (B,1,N), always floats, from lengths and products in
    /// FP32. A length below <paramref name="eps"/> counts as that.
    /// </summary>
    public static Tensor Cosine(Tensor t, Tensor x, float eps = 1e-12f)
    {
        const string op = "Cosine";
        SameBackend(op, t, x);
        Rank(op, x, 3, "(B,N,C)");
        if (t.Shape != new Shape(x.Shape[0], 1, x.Shape[2]))
        {
            throw new ShapeException($"{op}: t {t.Shape}, x {x.Shape}");
        }
        if (IsTokens(t) && IsTokens(x))
        {
            return HalfCosine(t, x, eps);
        }
        using var scope = TensorScope.Begin();
        return scope.Keep(MatMul(L2Normalize(t, eps), L2Normalize(x, eps), transposeB: true));
    }

    /// <summary>Softmax over the last axis.</summary>
    public static Tensor Softmax(Tensor x)
    {
        int columns = x.Shape[-1];
        var y = new Tensor(x.Backend, x.Shape);
        x.Backend.Normalization.Softmax(checked((int)(x.Length / columns)), columns, x.Data, y.Data);
        if (Tape.Of(x) is { } tape)
        {
            RecordSoftmax(tape, x, y);
        }
        return y;
    }

    private static void RecordLayerNorm(Tape tape, Tensor x, Tensor gamma, Tensor beta, Tensor y, float eps)
    {
        var (input, scale) = (tape.Save(x), tape.Save(gamma));
        tape.Add("LayerNorm", y, [x, gamma, beta], dy =>
        {
            int columns = dy.Shape[-1];
            var dx = new Tensor(dy.Backend, dy.Shape);
            Tensor dgamma = new(dy.Backend, scale.Shape), dbeta = new(dy.Backend, scale.Shape);
            dy.Backend.Normalization.LayerNormBackward(checked((int)(dy.Length / columns)), columns, eps, input.Data, scale.Data,
                dy.Data, dx.Data, dgamma.Data, dbeta.Data);
            return [dx, dgamma, dbeta];
        }, eps);
    }

    private static void RecordL2Normalize(Tape tape, Tensor x, Tensor y, float eps)
    {
        var input = tape.Save(x);
        tape.Add("L2Normalize", y, [x], dy =>
        {
            int columns = dy.Shape[-1];
            var dx = new Tensor(dy.Backend, dy.Shape);
            dy.Backend.Normalization.L2NormalizeBackward(checked((int)(dy.Length / columns)), columns, eps, input.Data, dy.Data,
                dx.Data);
            return [dx];
        }, eps);
    }

    private static void RecordSoftmax(Tape tape, Tensor x, Tensor y)
    {
        var result = tape.Save(y);
        tape.Add("Softmax", y, [x], dy =>
        {
            int columns = dy.Shape[-1];
            var dx = new Tensor(dy.Backend, dy.Shape);
            dy.Backend.Normalization.SoftmaxBackward(checked((int)(dy.Length / columns)), columns, result.Data, dy.Data, dx.Data);
            return [dx];
        });
    }
}
