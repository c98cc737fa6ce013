using Tcm.Kernels;
using Tcm.Kernels.Normalization;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>
    /// BatchNorm2d of x (N,C,H,W) with the residual and the activation (none or ReLU) that follow it:
    /// act(gamma * (x - mean) / sqrt(var + eps) + beta + residual).
    /// </summary>
    /// <param name="x">(N,C,H,W)</param>
    /// <param name="gamma">(C)</param>
    /// <param name="beta">(C)</param>
    /// <param name="runningMean">(C), moved in training</param>
    /// <param name="runningVar">(C), moved in training</param>
    /// <param name="training">Statistics of this batch instead of the running ones.</param>
    /// <param name="activation">None or ReLU.</param>
    /// <param name="residual">As x, or null.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="momentum">Share of this batch in the running statistics.</param>
    public static Tensor BatchNorm2d(Tensor x, Tensor gamma, Tensor beta, Tensor runningMean, Tensor runningVar, bool training,
        Activation activation = Activation.None, Tensor? residual = null, float eps = 1e-5f, float momentum = 0.1f)
    {
        const string op = "BatchNorm2d";
        SameBackend(op, x, gamma);
        Rank(op, x, 4, "(N,C,H,W)");
        if (residual is not null && residual.Shape != x.Shape)
        {
            throw new ShapeException($"{op}: x {x.Shape}, residual {residual.Shape}");
        }
        var s = x.Shape;
        // A part that is computed again for its gradients must not count twice.
        bool recomputing = Tape.Current is { IsRecomputing: true };
        var shape = new BatchNormShape(s[0], s[1], s[2] * s[3], eps, recomputing ? 0 : momentum, training);
        var y = new Tensor(x.Backend, s);
        Tensor mean = new(x.Backend, [s[1]]), invStd = new(x.Backend, [s[1]]);
        x.Backend.BatchNormalization.Forward(shape, activation, x.Data, gamma.Data, beta.Data, residual?.Data, runningMean.Data,
            runningVar.Data, y.Data, mean.Data, invStd.Data);
        if (Tape.Current is { } tape && (tape.IsTracing || x.RequiresGradient || gamma.RequiresGradient || beta.RequiresGradient
            || residual is { RequiresGradient: true }))
        {
            RecordBatchNorm2d(tape, new BatchNormTrace(shape.Eps, training, activation, runningMean, runningVar), shape, x, gamma,
                beta, residual, y, mean, invStd);
        }
        mean.Dispose();
        invStd.Dispose();
        return y;
    }

    private static void RecordBatchNorm2d(Tape tape, BatchNormTrace trace, BatchNormShape shape, Tensor x, Tensor gamma, Tensor beta,
        Tensor? residual, Tensor y, Tensor mean, Tensor invStd)
    {
        bool hasResidual = residual is { RequiresGradient: true };
        var (input, scale, result) = (tape.Save(x), tape.Save(gamma), tape.Save(y));
        var (center, spread) = (tape.Save(mean), tape.Save(invStd));
        tape.Add("BatchNorm2d", y, [x, gamma, beta, residual], dy =>
        {
            // The kernel masks the gradient in place; another owner must not see that.
            var masked = dy;
            if (dy.IsShared)
            {
                masked = new Tensor(dy.Backend, dy.Shape);
                dy.Backend.Copy(dy.Data, masked.Data);
            }
            var dx = new Tensor(dy.Backend, dy.Shape);
            Tensor dgamma = new(dy.Backend, scale.Shape), dbeta = new(dy.Backend, scale.Shape);
            dy.Backend.BatchNormalization.Backward(shape, trace.Activation, input.Data, result.Data, scale.Data, center.Data, spread.Data,
                masked.Data, dx.Data, dgamma.Data, dbeta.Data);
            return [dx, dgamma, dbeta, hasResidual ? masked.Share() : null];
        }, trace);
    }
}

/// <summary>What a recorded <see cref="Functional.BatchNorm2d"/> has besides its operands.</summary>
internal sealed record BatchNormTrace(float Eps, bool Training, Activation Activation, Tensor RunningMean, Tensor RunningVar);
