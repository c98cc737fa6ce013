namespace Tcm.Nn.Checkpoints;

/// <summary>A name that a pickle mentions; never looked up, never called.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>An immutable sequence.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A dictionary in written order; keys are not compared.</summary>
internal sealed class PickleDict
{
    public List<KeyValuePair<object?, object?>> Items { get; } = [];

    /// <summary>The last value of a string key, or null.</summary>
    public object? this[string key]
    {
        get
        {
            for (int i = Items.Count - 1; i >= 0; i--)
            {
                if (Items[i].Key is string s && s == key)
                {
                    return Items[i].Value;
                }
            }
            return null;
        }
    }
}

/// <summary>An object of some class, as the name of the class and its attributes; nothing is constructed.</summary>
internal sealed class PickleInert(PickleGlobal type)
{
    public PickleGlobal Type { get; } = type;

    public PickleDict? State { get; set; }
}

/// <summary>A reference to the elements in <c>data/KEY</c>.</summary>
internal sealed record PickleStorage(ElementType Type, string Key, long Length);

/// <summary>A strided view of a storage.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Sizes, long[] Strides);
