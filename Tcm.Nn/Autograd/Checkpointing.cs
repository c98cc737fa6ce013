namespace Tcm.Nn.Autograd;

/// <summary>
/// Trades time for memory: a part of the network is computed without a record, and once more with one when its gradients
/// are wanted, so that only its input is kept in between (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
/// Thread-safe, as far as the backend and the function are; the tape is that of the calling thread.
/// </summary>
public static class Checkpointing
{
    /// <summary>f(x), whose intermediate results are not kept. f must give the same result each time.</summary>
    public static Tensor Run(Tensor x, Func<Tensor, Tensor> f)
    {
        var tape = Tape.Current;
        if (tape is null)
        {
            return f(x);
        }
        Tensor y;
        using (Tape.Suspend())
        {
            y = f(x);
        }
        var input = tape.Save(x);
        bool wantsInput = x.RequiresGradient;
        tape.Add("Checkpoint", y, [x], dy =>
        {
            using var again = Tape.Recompute();
            var leaf = input.Share();
            leaf.Node = wantsInput ? new GradientNode(leaf.Shape) : null;
            var result = f(leaf);
            again.Backward(result, dy.Share());
            return [leaf.Node?.Take()];
        });
        return y;
    }
}
