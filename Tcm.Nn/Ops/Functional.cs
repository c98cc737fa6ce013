using Tcm.Kernels;

namespace Tcm.Nn;

/// <summary>
/// Operations on tensors, under PyTorch's names. Each validates, allocates its result on the backend of its operands and
/// calls one kernel family. One file an operation, so that its gradient can stand beside it. Thread-safe as far as the backend is;
/// scope and tape are those of the calling thread.
/// </summary>
public static partial class Functional
{
    private static void SameBackend(string op, Tensor a, Tensor b)
    {
        if (!ReferenceEquals(a.Backend, b.Backend))
        {
            throw new ShapeException($"{op}: operands live on {a.Backend.Name} and {b.Backend.Name}");
        }
    }

    private static void Rank(string op, Tensor x, int rank, string layout)
    {
        if (x.Shape.Rank != rank)
        {
            throw new ShapeException($"{op}: x {x.Shape} has {x.Shape.Rank} axes, expected {layout}");
        }
    }
}
