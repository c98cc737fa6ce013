using System.Buffers.Binary;
using System.Text;

namespace Tcm.Nn.Checkpoints;

/// <summary>
/// Reads the pickles inside PyTorch archives as plain data. The list of operations is closed and no operation constructs
/// or calls anything: names mean something only where they are torch's storages and tensors or an OrderedDict.
/// </summary>
internal sealed class PickleReader
{
    private const int MaxStack = 1 << 20;
    private const int MaxMemo = 1 << 22;
    private const int MaxDimensions = 8;
    private const int MaxRepeated = 1 << 20;
    private static readonly object Mark = new();

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly byte[] _data;
    private readonly string _path;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _position;

    private PickleReader(byte[] data, string path)
    {
        _data = data;
        _path = path;
    }

    /// <summary>Reads a pickle.</summary>
    /// <param name="data">The whole pickle.</param>
    /// <param name="path">The file, for messages.</param>
    public static object? Read(byte[] data, string path) => new PickleReader(data, path).Run();

    private object? Run()
    {
        while (true)
        {
            byte op = Take(1)[0];
            if (op == (byte)'.')
            {
                return Pop();
            }
            if (!Constant(op) && !Container(op))
            {
                Object(op);
            }
            if (_stack.Count > MaxStack)
            {
                throw Bad("its stack grows without end");
            }
        }
    }

    private bool Constant(byte op)
    {
        switch (op)
        {
            case 0x80: Protocol(Take(1)[0]); break;
            case 0x95: Take(8); break; // FRAME
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case (byte)'K': Push((long)Take(1)[0]); break;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 0x8a: Push(Long(Take(1)[0])); break;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case 0x8c: Push(Text(Take(1)[0])); break;
            case (byte)'X': Push(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case 0x8d: Push(Text(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;
            case (byte)'U' or (byte)'C': Push(Take(Take(1)[0]).ToArray()); break;
            case (byte)'B' or (byte)'T': Push(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))).ToArray()); break;
            default: return false;
        }
        return true;
    }

    private bool Container(byte op)
    {
        switch (op)
        {
            case (byte)'(': Push(Mark); break;
            case (byte)')': Push(new PickleTuple([])); break;
            case 0x85: Push(new PickleTuple(PopMany(1))); break;
            case 0x86: Push(new PickleTuple(PopMany(2))); break;
            case 0x87: Push(new PickleTuple(PopMany(3))); break;
            case (byte)'t': Push(new PickleTuple(PopToMark())); break;
            case (byte)']': Push(new List<object?>()); break;
            case (byte)'l': Push(new List<object?>(PopToMark())); break;
            case (byte)'}': Push(new PickleDict()); break;
            case (byte)'d':
                {
                    object?[] items = PopToMark();
                    Push(new PickleDict());
                    SetItems(items);
                    break;
                }
            case 0x8f: Push(new List<object?>()); break; // EMPTY_SET
            case (byte)'a': Append(PopMany(1)); break;
            case (byte)'e' or 0x90: Append(PopToMark()); break; // APPENDS, ADDITEMS
            case (byte)'s': SetItems(PopMany(2)); break;
            case (byte)'u': SetItems(PopToMark()); break;
            case (byte)'0': PopAny(); break;
            case (byte)'1': PopToMark(); break;
            case (byte)'2': Push(Peek()); break;
            case (byte)'q': Memoize(Take(1)[0]); break;
            case (byte)'r': Memoize(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 0x94: Memoize((uint)_memo.Count); break;
            case (byte)'h': Recall(Take(1)[0]); break;
            case (byte)'j': Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            default: return false;
        }
        return true;
    }

    private void Object(byte op)
    {
        switch (op)
        {
            case (byte)'c':
                Push(new PickleGlobal(Line(), Line()));
                break;
            case 0x93: // STACK_GLOBAL
                {
                    object?[] names = PopMany(2);
                    Push(names is [string module, string name] ? new PickleGlobal(module, name)
                        : throw Bad("a name in it is not text"));
                    break;
                }
            case 0x81: // NEWOBJ
                {
                    object?[] parts = PopMany(2);
                    Push(parts is [PickleGlobal type, PickleTuple] ? new PickleInert(type)
                        : throw Bad("an object in it has no class"));
                    break;
                }
            case (byte)'R':
                {
                    object?[] call = PopMany(2);
                    Push(Reduce(call[0], call[1]));
                    break;
                }
            case (byte)'Q': Push(Storage(Pop())); break;
            case (byte)'b': Build(Pop()); break;
            case (byte)'i' or (byte)'o' or 0x92: // INST, OBJ, NEWOBJ_EX
                throw Bad("it asks to construct an object; refused");
            default:
                throw Bad($"it has the operation 0x{op:x2} at byte {_position - 1}, which weights do not need; refused");
        }
    }

    private object Reduce(object? function, object? arguments)
    {
        if (function is not PickleGlobal name || arguments is not PickleTuple tuple)
        {
            throw Bad("it asks to call something that is not a function; refused");
        }
        return (name.Module, name.Name, tuple.Items.Length) switch
        {
            ("torch._utils", "_rebuild_tensor_v2", 6 or 7) => Tensor(tuple.Items),
            ("collections", "OrderedDict", 0) => new PickleDict(),
            _ => throw new WeightFormatException($"{_path}: the archive asks to call '{Printable(name.ToString())}'; refused"),
        };
    }

    private PickleTensor Tensor(object?[] arguments)
    {
        if (arguments is not [PickleStorage storage, long offset, PickleTuple size, PickleTuple stride, ..])
        {
            throw Bad("a tensor in it has no storage, sizes and strides");
        }
        long[] sizes = Integers(size), strides = Integers(stride);
        if (sizes.Length != strides.Length || sizes.Length > MaxDimensions || offset < 0)
        {
            throw Bad("a tensor's sizes and strides do not fit");
        }
        long count = ElementCodec.Count(sizes) ?? throw Bad($"a tensor has the impossible shape [{string.Join(',', sizes)}]");
        Int128 last = offset;
        for (int i = 0; i < sizes.Length && count > 0; i++)
        {
            if (strides[i] < 0)
            {
                throw Bad("a tensor has a negative stride");
            }
            last += (Int128)(sizes[i] - 1) * strides[i];
        }
        if (count > 0 && last >= storage.Length)
        {
            throw Bad($"a tensor of shape [{string.Join(',', sizes)}] reaches beyond its storage of {storage.Length} elements");
        }
        // Views may repeat elements (expanded buffers do, and tables whose rows are alike), but a few bytes must not stand for a
        // large tensor.
        return count <= Math.Max(storage.Length, MaxRepeated) ? new PickleTensor(storage, offset, sizes, strides)
            : throw Bad($"a tensor of shape [{string.Join(',', sizes)}] repeats a storage of {storage.Length} elements");
    }

    private long[] Integers(PickleTuple tuple) =>
        Array.ConvertAll(tuple.Items, v => v is long n ? n : throw Bad("a tensor's size is not a number"));

    private PickleStorage Storage(object? id)
    {
        if (id is not PickleTuple { Items: ["storage", PickleGlobal { Module: "torch" } type, string key, string, long length, ..] })
        {
            throw Bad("a storage in it is not described as torch does");
        }
        ElementType element = type.Name switch
        {
            "FloatStorage" => ElementType.Float32,
            "HalfStorage" => ElementType.Float16,
            "BFloat16Storage" => ElementType.BFloat16,
            "DoubleStorage" => ElementType.Float64,
            "LongStorage" => ElementType.Int64,
            "IntStorage" => ElementType.Int32,
            "ShortStorage" => ElementType.Int16,
            "CharStorage" => ElementType.Int8,
            "ByteStorage" => ElementType.UInt8,
            "BoolStorage" => ElementType.Bool,
            _ => throw Bad($"a storage is a '{Printable(type.ToString())}', which weights do not need"),
        };
        return length >= 0 ? new PickleStorage(element, key, length) : throw Bad("a storage has a negative length");
    }

    private void Build(object? state)
    {
        if (Peek() is PickleInert inert)
        {
            inert.State = state as PickleDict;
        }
    }

    private void Append(object?[] items)
    {
        if (Peek() is List<object?> list)
        {
            list.AddRange(items);
        }
        else if (Peek() is not PickleInert)
        {
            throw Bad("it appends to something that is not a list");
        }
    }

    private void SetItems(object?[] items)
    {
        if (items.Length % 2 != 0)
        {
            throw Bad("a key in it has no value");
        }
        if (Peek() is PickleDict dict)
        {
            for (int i = 0; i < items.Length; i += 2)
            {
                dict.Items.Add(new(items[i], items[i + 1]));
            }
        }
        else if (Peek() is not PickleInert)
        {
            throw Bad("it sets items of something that is not a dictionary");
        }
    }

    private void Protocol(byte version)
    {
        if (version is < 2 or > 5)
        {
            throw Bad($"pickle protocol {version} is unknown");
        }
    }

    private void Memoize(uint index)
    {
        if (_memo.Count >= MaxMemo)
        {
            throw Bad("it memorises too much");
        }
        _memo[index] = Peek();
    }

    private void Recall(uint index) =>
        Push(_memo.TryGetValue(index, out object? value) ? value : throw Bad($"it recalls value {index}, which it never stored"));

    private void Push(object? value) => _stack.Add(value);

    private object? PopAny()
    {
        object? top = _stack.Count > 0 ? _stack[^1] : throw Bad("its stack runs empty");
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private object? Pop()
    {
        Peek();
        return PopAny();
    }

    private object? Peek() =>
        _stack.Count > 0 && _stack[^1] != Mark ? _stack[^1] : throw Bad("its stack runs empty");

    private object?[] PopMany(int count)
    {
        var items = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            items[i] = Pop();
        }
        return items;
    }

    private object?[] PopToMark()
    {
        int mark = _stack.LastIndexOf(Mark);
        if (mark < 0)
        {
            throw Bad("its stack has no mark");
        }
        object?[] items = [.. _stack.Skip(mark + 1)];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    private long Long(int length)
    {
        var bytes = Take((ulong)length);
        if (length > 8)
        {
            throw Bad("it has a number of more than 64 bits");
        }
        long value = 0;
        for (int i = 0; i < length; i++)
        {
            value |= (long)bytes[i] << (8 * i);
        }
        int unused = 64 - (8 * length);
        return length == 0 ? 0 : value << unused >> unused;
    }

    private string Text(ulong length)
    {
        try
        {
            return StrictUtf8.GetString(Take(length));
        }
        catch (ArgumentException e)
        {
            throw Bad("a text in it is not UTF-8", e);
        }
    }

    private string Line()
    {
        int end = _data.AsSpan(_position).IndexOf((byte)'\n');
        if (end is < 0 or > 4096)
        {
            throw Bad("a name in it has no end");
        }
        string text = Text((ulong)end);
        _position++;
        return text;
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_data.Length - _position))
        {
            throw Bad("it ends too early");
        }
        _position += (int)count;
        return _data.AsSpan(_position - (int)count, (int)count);
    }

    private static string Printable(string name)
    {
        string text = string.Concat(name.Select(c => char.IsControl(c) ? '?' : c));
        return text.Length <= 80 ? text : text[..80] + "...";
    }

    private WeightFormatException Bad(string reason, Exception? inner = null) =>
        new($"{_path}: the archive's pickle is damaged or not one of weights: {reason}", inner);
}
