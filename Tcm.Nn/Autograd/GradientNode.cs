namespace Tcm.Nn.Autograd;

/// <summary>Place of a tensor in the recorded graph: where its gradient gathers during the backward pass.</summary>
internal sealed class GradientNode(Shape shape, Parameter? parameter = null)
{
    public Shape Shape { get; } = shape;

    /// <summary>The parameter whose gradient this is, or null for an intermediate result.</summary>
    public Parameter? Parameter { get; } = parameter;

    /// <summary>Sum of what has arrived so far; owned by the node.</summary>
    public Tensor? Gradient { get; private set; }

    /// <summary>Adds a gradient and takes ownership of the handle.</summary>
    public void Accumulate(Tensor gradient)
    {
        if (Parameter is not null)
        {
            Parameter.Accumulate(gradient);
            gradient.Dispose();
            return;
        }
        if (Gradient is null)
        {
            Gradient = gradient;
            return;
        }
        var maps = gradient.Backend.Elementwise;
        if (Gradient.IsShared)
        {
            // The same memory is another tensor's gradient as well.
            var sum = new Tensor(gradient.Backend, Shape);
            sum.LeaveScope();
            maps.AddScaled(1, Gradient.Data, gradient.Data, sum.Data);
            Gradient.Dispose();
            Gradient = sum;
        }
        else
        {
            maps.AddScaled(1, Gradient.Data, gradient.Data, Gradient.Data);
        }
        gradient.Dispose();
    }

    /// <summary>Hands the gradient over to the caller.</summary>
    public Tensor? Take()
    {
        var gradient = Gradient;
        Gradient = null;
        return gradient;
    }
}
