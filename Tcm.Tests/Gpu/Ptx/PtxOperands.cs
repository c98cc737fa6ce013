using System.Globalization;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>An address of an instruction: a register (or none) and what is added.</summary>
internal readonly record struct PtxAddress(PtxRegister? Base, long Offset);

/// <summary>
/// The operands of one instruction. Reading one checks it as ptxas does: width and kind of a register against the type of the
/// instruction. What has been read is what the instruction reads and writes.
/// </summary>
internal sealed class PtxOperands
{
    private readonly PtxProgram _program;
    private readonly List<string> _operands = [];
    private readonly List<PtxRegister> _reads = [], _writes = [];

    public PtxOperands(PtxProgram program, string text)
    {
        _program = program;
        int depth = 0, start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                if (i > start)
                {
                    _operands.Add(text[start..i].Trim());
                }
                start = i + 1;
            }
            else
            {
                depth += text[i] is '{' or '[' ? 1 : text[i] is '}' or ']' ? -1 : 0;
            }
        }
    }

    public int Count => _operands.Count;

    public PtxRegister[] Reads => [.. _reads];

    public PtxRegister[] Writes => [.. _writes];

    /// <exception cref="FormatException">There are more or fewer.</exception>
    public void Expect(int count)
    {
        if (Count != count)
        {
            throw new FormatException($"{Count} operands instead of {count}");
        }
    }

    public PtxRegister Target(int i, string type, bool wider = false) => Written(Text(i), type, wider);

    public PtxRegister[] Targets(int i, string type, int count, bool wider = false) =>
        [.. Vector(i, count).Select(name => Written(name, type, wider))];

    public PtxRegister Source(int i, string type, bool wider = false) => Read(Text(i), type, wider);

    public PtxRegister[] Sources(int i, string type, int count, bool wider = false) =>
        [.. Vector(i, count).Select(name => Read(name, type, wider))];

    /// <summary>An operand that must be known when the text is read.</summary>
    public ulong Immediate(int i) => Value(Text(i), "u32") ?? throw new FormatException($"{Text(i)} is no constant");

    /// <exception cref="FormatException">There are not so many.</exception>
    public string Text(int i) => i < Count ? _operands[i] : throw new FormatException($"operand {i + 1} is missing");

    /// <summary>An address in global or shared memory.</summary>
    public PtxAddress Address(int i)
    {
        var (name, offset) = Parts(i);
        if (_program.SharedAddress(name) is { } shared)
        {
            return new(null, shared + offset);
        }
        var register = _program.Register(name);
        if (register.Width is not (PtxWidth.Bits64 or PtxWidth.Bits32) || register.Kind == 'f')
        {
            throw new FormatException($"{name} is no address");
        }
        _reads.Add(register);
        return new(register, offset);
    }

    /// <summary>An offset within the parameter.</summary>
    public int ParameterOffset(int i)
    {
        var (name, offset) = Parts(i);
        return name == _program.ParameterName ? (int)offset : throw new FormatException($"no parameter {name}");
    }

    private (string Name, long Offset) Parts(int i)
    {
        string text = Text(i);
        if (text is not ['[', .., ']'])
        {
            throw new FormatException($"{text} is no address");
        }
        string[] parts = text[1..^1].Split('+');
        return (parts[0].Trim(), parts.Length == 1 ? 0 : long.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private string[] Vector(int i, int count)
    {
        string text = Text(i);
        string[] names = text is ['{', .., '}'] ? [.. text[1..^1].Split(',').Select(n => n.Trim())] : [text];
        return names.Length == count ? names : throw new FormatException($"{text} is no vector of {count}");
    }

    private PtxRegister Written(string name, string type, bool wider)
    {
        var register = Checked(_program.Register(name), type, wider);
        _writes.Add(register);
        return register;
    }

    private PtxRegister Read(string text, string type, bool wider)
    {
        if (_program.IsRegister(text))
        {
            var register = Checked(_program.Register(text), type, wider);
            _reads.Add(register);
            return register;
        }
        if (text is "%tid.x" or "%ntid.x" or "%ctaid.x" or "%nctaid.x" or "%laneid")
        {
            return Checked(_program.Constant(text, PtxWidth.Bits32), type, wider: false);
        }
        if (_program.SharedAddress(text) is { } address)
        {
            return Checked(_program.Constant(text, PtxTypes.Width(type), (ulong)address), type, wider: false);
        }
        return _program.Constant(text + type[0], PtxTypes.Width(type),
            Value(text, type) ?? throw new FormatException($"{text} is neither a register nor a constant of type .{type}"));
    }

    private static PtxRegister Checked(PtxRegister register, string type, bool wider)
    {
        var width = wider && PtxTypes.Bytes(type) == 1 ? PtxWidth.Bits16 : PtxTypes.Width(type);
        bool kinds = type[0] == 'b' || register.Kind is 'b' or 'p' || (type[0] == 'f') == (register.Kind == 'f');
        bool widths = register.Width == width || (wider && register.Width > width && width != PtxWidth.Predicate);
        return kinds && widths ? register
            : throw new FormatException($"register {register.Name} ({register.Kind}, {register.Width}) does not fit type .{type}");
    }

    /// <summary>0fXXXXXXXX for floats; decimal or hexadecimal integers, negative ones too; 0 and 1 for predicates.</summary>
    private static ulong? Value(string text, string type)
    {
        if (type is "f32" or "b32" && text.StartsWith("0f", StringComparison.OrdinalIgnoreCase) && text.Length == 10)
        {
            return uint.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }
        if (type[0] == 'f')
        {
            return null;
        }
        ulong value;
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            value = ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }
        else if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long signed))
        {
            value = (ulong)signed;
        }
        else
        {
            return null;
        }
        return PtxTypes.Width(type) switch
        {
            PtxWidth.Predicate => value == 0 ? 0 : uint.MaxValue,
            PtxWidth.Bits16 => (ushort)value,
            PtxWidth.Bits32 => (uint)value,
            _ => value,
        };
    }
}
