using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Tests.Kernels.Reference;

namespace Tcm.Tests.Nn;

public sealed class TensorTests : IDisposable
{
    private readonly ReferenceBackend _backend = new();

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void Scope_frees_what_was_not_kept()
    {
        Tensor kept, freed;
        using (var scope = TensorScope.Begin())
        {
            freed = new Tensor(_backend, [2, 3]);
            kept = scope.Keep(new Tensor(_backend, [4]));
        }
        Assert.Throws<ObjectDisposedException>(() => freed.Data);
        Assert.Equal(4, kept.Data.Length);
        kept.Dispose();
    }

    [Fact]
    public void Kept_tensor_belongs_to_the_outer_scope()
    {
        Tensor inner;
        using (TensorScope.Begin())
        {
            using (var scope = TensorScope.Begin())
            {
                inner = scope.Keep(new Tensor(_backend, [1]));
            }
            Assert.Equal(1, inner.Data.Length);
        }
        Assert.Throws<ObjectDisposedException>(() => inner.Data);
    }

    [Fact]
    public void Scopes_must_nest()
    {
        var outer = TensorScope.Begin();
        var inner = TensorScope.Begin();
        Assert.Throws<InvalidOperationException>(() => outer.Dispose());
        inner.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void Reshape_shares_memory_that_lives_as_long_as_either()
    {
        var x = Tensor.From(_backend, [1, 2, 3, 4, 5, 6], [2, 3]);
        var y = x.Reshape([3, 2]);
        x.Dispose();
        Assert.Equal([1, 2, 3, 4, 5, 6], y.ToArray());
        y.Dispose();
        y.Dispose();
        Assert.Throws<ObjectDisposedException>(() => y.ToArray());
    }

    [Fact]
    public void Misuse_names_the_operation_and_both_shapes()
    {
        using var a = new Tensor(_backend, [2, 3]);
        using var b = new Tensor(_backend, [2, 4]);
        Assert.Equal("Add: b (2,4) is not the tail of a (2,3)", Assert.Throws<ShapeException>(() => Functional.Add(a, b)).Message);
        Assert.Equal("Reshape: (2,3) to (7)", Assert.Throws<ShapeException>(() => a.Reshape([7])).Message);
        using var other = new ReferenceBackend();
        using var c = new Tensor(other, [2, 3]);
        Assert.Contains("live on", Assert.Throws<ShapeException>(() => Functional.Add(a, c)).Message);
    }

    [Fact]
    public void Movement_operations_agree_with_their_definitions()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.From(_backend, [.. Enumerable.Range(0, 12).Select(i => (float)i)], [2, 3, 2]);
        Assert.Equal([2, 3, 4, 5, 8, 9, 10, 11], Functional.Narrow(x, 1, 2).ToArray());
        Assert.Equal([0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11], Functional.Transpose(x).ToArray());
        var y = Tensor.From(_backend, [-1, -2, -3, -4], [2, 1, 2]);
        Assert.Equal([0, 1, 2, 3, 4, 5, -1, -2, 6, 7, 8, 9, 10, 11, -3, -4], Functional.Concat(x, y).ToArray());
        var v = Tensor.From(_backend, [10, 20, 30, 40], [2, 2]);
        Assert.Equal([10, 21, 12, 23, 14, 25, 36, 47, 38, 49, 40, 51], Functional.AddToTokens(x, v).ToArray());
        Assert.Equal([-1, -2, -3, -4, -1, -2, -3, -4], Functional.Repeat(y, 2).ToArray());
    }
}
