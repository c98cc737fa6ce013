namespace Tcm.Nn;

/// <summary>
/// Frees the tensors that were made on this thread between its beginning and its <see cref="Dispose"/>, except those that
/// were kept, which then belong to the scope outside (or, without one, to the caller). Scopes nest:
/// <code>
/// using var scope = TensorScope.Begin();
/// var hidden = layer1.Forward(x);          // freed at the end
/// return scope.Keep(layer2.Forward(hidden));
/// </code> Belongs to one thread.
/// </summary>
public readonly struct TensorScope : IDisposable
{
    [ThreadStatic] private static List<Tensor>? live;
    [ThreadStatic] private static int depth;

    private readonly int _first;
    private readonly int _depth;

    private TensorScope(int first, int depth)
    {
        _first = first;
        _depth = depth;
    }

    /// <summary>Opens a scope on this thread.</summary>
    public static TensorScope Begin()
    {
        live ??= new List<Tensor>(256);
        return new TensorScope(live.Count, ++depth);
    }

    /// <summary>Exempts a tensor of this scope from its end.</summary>
    public Tensor Keep(Tensor tensor)
    {
        if (tensor.ScopeDepth == _depth)
        {
            tensor.ScopeDepth = _depth - 1;
        }
        return tensor;
    }

    internal static void Register(Tensor tensor)
    {
        if (depth > 0)
        {
            tensor.ScopeDepth = depth;
            live!.Add(tensor);
        }
    }

    /// <summary>Frees what was not kept.</summary>
    public void Dispose()
    {
        if (depth != _depth)
        {
            throw new InvalidOperationException("TensorScope: scopes must end in the reverse order of their beginning");
        }
        depth--;
        int kept = _first;
        for (int i = _first; i < live!.Count; i++)
        {
            var tensor = live[i];
            if (tensor.ScopeDepth >= _depth)
            {
                tensor.Dispose();
            }
            else if (tensor.ScopeDepth > 0)
            {
                live[kept++] = tensor;
            }
        }
        live.RemoveRange(kept, live.Count - kept);
    }
}
