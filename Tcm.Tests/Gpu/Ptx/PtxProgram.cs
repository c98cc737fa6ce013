using System.Globalization;
using System.Text.RegularExpressions;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// A kernel's PTX text, parsed and decoded: what a driver would load, ready for <see cref="PtxMachine"/>. It takes the part of the
/// language that ILGPU and our inline PTX use, one entry a text; everything else is an error that names the line.
/// </summary>
internal sealed partial class PtxProgram
{
    /// <summary>Addresses in the shared window start here, so that an address that lacks its array's is outside.</summary>
    public const int SharedBase = 4096;

    private readonly Dictionary<string, PtxRegister> _registers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _shared = new(StringComparer.Ordinal);
    private readonly List<PtxInstruction> _code = [];

    private PtxProgram(string name) => Name = name;

    /// <summary>For messages.</summary>
    public string Name { get; }

    /// <summary>Name and bytes of the only parameter.</summary>
    public string ParameterName { get; private set; } = "";

    public int ParameterBytes { get; private set; }

    /// <summary>Threads of a group that the text allows; 0 for any number.</summary>
    public int MaxThreads { get; private set; }

    /// <summary>Bytes of static shared memory.</summary>
    public int SharedBytes { get; private set; }

    public IReadOnlyList<PtxInstruction> Code => _code;

    public IReadOnlyCollection<PtxRegister> Registers => _registers.Values;

    /// <summary>Words of the register file of one warp.</summary>
    public int RegisterWords { get; private set; }

    public static PtxProgram Parse(string name, string text)
    {
        var program = new PtxProgram(name);
        string[] lines = text.Split('\n');
        // Labels are used before they are met: statements are decoded when all names are known.
        var statements = new List<(int Line, string Text)>();
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i];
            int comment = line.IndexOf("//", StringComparison.Ordinal);
            line = (comment < 0 ? line : line[..comment]).Trim();
            try
            {
                foreach (string statement in Statements(line))
                {
                    if (!program.Declare(statement, statements.Count))
                    {
                        statements.Add((i + 1, statement));
                    }
                }
            }
            catch (FormatException e)
            {
                throw new PtxException($"{name}, line {i + 1}: {e.Message}", e);
            }
        }
        foreach (var (line, statement) in statements)
        {
            try
            {
                program._code.Add(PtxDecoder.Decode(program, line, statement));
            }
            catch (FormatException e)
            {
                throw new PtxException($"{name}, line {line}: {e.Message}: {statement}", e);
            }
        }
        return program;
    }

    public PtxRegister Register(string name) => _registers.TryGetValue(name, out var register) ? register
        : throw new FormatException($"no register {name}");

    public bool IsRegister(string name) => _registers.ContainsKey(name);

    public int Label(string name) => _labels.TryGetValue(name, out int at) ? at : throw new FormatException($"no label {name}");

    /// <summary>The address of a shared array; null where the name is no such array's.</summary>
    public int? SharedAddress(string name) => _shared.TryGetValue(name, out int at) ? at : null;

    /// <summary>A register that always has this value: an immediate, or (of a special register) what the warp puts there.</summary>
    public PtxRegister Constant(string name, PtxWidth width, ulong value = 0)
    {
        string key = $"{name}:{width}";
        if (!_registers.TryGetValue(key, out var register))
        {
            register = Add(key, width, 'b');
            register.Constant = value;
            register.Special = name[0] == '%' ? name : null;
        }
        return register;
    }

    /// <summary>Statements end with ; or : or are directives of a line; braces of operands stay where they are.</summary>
    private static IEnumerable<string> Statements(string line)
    {
        while (line.Length > 0)
        {
            var label = LabelName().Match(line);
            if (label.Success)
            {
                yield return label.Value;
                line = line[label.Length..].TrimStart();
                continue;
            }
            int end = line[0] is '{' or '}' ? 1 : line.IndexOf(';', StringComparison.Ordinal) + 1;
            end = end == 0 ? line.Length : end;
            yield return line[..end].Trim();
            line = line[end..].TrimStart();
        }
    }

    /// <summary>Takes what is no instruction.</summary>
    private bool Declare(string statement, int instruction)
    {
        if (statement is "{" or "}" or ")" or ";" || statement.StartsWith(".version ", StringComparison.Ordinal)
            || statement.StartsWith(".target ", StringComparison.Ordinal) || statement.StartsWith(".minnctapersm ", StringComparison.Ordinal)
            || statement == ".address_size 64" || EntryName().IsMatch(statement))
        {
            return true;
        }
        if (statement[^1] == ':')
        {
            return _labels.TryAdd(statement[..^1], instruction) ? true : throw new FormatException($"label {statement} twice");
        }
        if (statement[0] != '.')
        {
            return false;
        }
        if (ParameterArray().Match(statement) is { Success: true } parameter && ParameterBytes == 0)
        {
            ParameterName = parameter.Groups[1].Value;
            ParameterBytes = Number(parameter.Groups[2]);
        }
        else if (Threads().Match(statement) is { Success: true } threads)
        {
            MaxThreads = Number(threads.Groups[1]);
        }
        else if (SharedArray().Match(statement) is { Success: true } shared)
        {
            int align = Number(shared.Groups[1]), bytes = Number(shared.Groups[2]) / 8 * Number(shared.Groups[4]);
            int start = (SharedBytes + align - 1) / align * align;
            _shared.Add(shared.Groups[3].Value, SharedBase + start);
            SharedBytes = start + bytes;
        }
        else if (RegisterName().Match(statement) is { Success: true } register)
        {
            AddRegisters(register.Groups[1].Value, register.Groups[2].Value, register.Groups[3]);
        }
        else
        {
            throw new FormatException($"unknown directive {statement}");
        }
        return true;
    }

    private void AddRegisters(string type, string name, Group count)
    {
        var width = PtxTypes.Width(type);
        if (!count.Success)
        {
            Add(name, width, type[0]);
            return;
        }
        for (int i = 0; i < Number(count); i++)
        {
            Add(name + i.ToString(CultureInfo.InvariantCulture), width, type[0]);
        }
    }

    private PtxRegister Add(string name, PtxWidth width, char kind)
    {
        var register = new PtxRegister(name, _registers.Count, RegisterWords, width, kind);
        if (!_registers.TryAdd(name, register))
        {
            throw new FormatException($"register {name} twice");
        }
        RegisterWords += width switch { PtxWidth.Predicate => 1, PtxWidth.Bits64 => 64, _ => 32 };
        return register;
    }

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^[A-Za-z_$][\w$]*:")]
    private static partial Regex LabelName();

    [GeneratedRegex(@"^\.visible \.entry \w+\($")]
    private static partial Regex EntryName();

    [GeneratedRegex(@"^\.param \.align \d+ \.b8 (\w+)\[(\d+)\]$")]
    private static partial Regex ParameterArray();

    [GeneratedRegex(@"^\.maxntid (\d+), 1, 1$")]
    private static partial Regex Threads();

    [GeneratedRegex(@"^\.shared \.align (\d+) \.[bfus](\d+) (\w+)\[(\d+)\];$")]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"^\.reg \.(pred|[bfus]\d+)\s+(%?\w+)(?:<(\d+)>)?;$")]
    private static partial Regex RegisterName();
}
