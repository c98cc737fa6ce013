using System.Globalization;
using System.Text.RegularExpressions;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Text pass over the PTX that ILGPU 1.5.3 emits. It mends two things and makes the text reproducible:
/// <list type="number">
/// <item>at optimisation level O2 ILGPU marks divergent branches as uniform (<c>bra.uni</c>), which is undefined behaviour
/// and stops ptxas from unrolling; the mark is only a hint, so all are dropped;</item>
/// <item>4- and 8-byte stack slots (operands of inline PTX, small locals) whose address is only loaded from and stored to
/// become registers;</item>
/// <item>labels, parameters and functions are renumbered in the order of appearance, so that the text does not depend on
/// which kernels were compiled before and the driver's compile cache finds it again.</item>
/// </list>
/// </summary>
internal static partial class PtxRewriter
{
    public static string Rewrite(string ptx) => Renumber(PromoteLocals(DropUniform(ptx)));

    /// <summary><c>bra.uni</c> and <c>brx.idx.uni</c> without the hint.</summary>
    public static string DropUniform(string ptx) => UniformBranch().Replace(ptx, "$1");

    /// <summary>Turns stack slots that never escape into registers; others stay as they are.</summary>
    public static string PromoteLocals(string ptx)
    {
        var slots = Slots(ptx);
        return slots.Count == 0 ? ptx : LocalUse().Replace(ptx, use =>
        {
            var groups = use.Groups;
            if (groups["depot"].Success)
            {
                return slots.Values.FirstOrDefault(s => s.Name == groups["depot"].Value) is { } declared
                    ? $".reg .b{declared.Bits} {declared.Register};" : use.Value;
            }
            if (!slots.TryGetValue(groups["address"].Value, out var slot))
            {
                return use.Value;
            }
            return groups["slot"].Success ? ""
                : groups["stored"].Success ? $"\tmov.{groups["type"].Value}\t{slot.Register}, {groups["stored"].Value};"
                : $"\tmov.{groups["type"].Value}\t{groups["loaded"].Value}, {slot.Register};";
        });
    }

    /// <summary>The slots that may become registers, by the register that holds their address.</summary>
    private static Dictionary<string, Slot> Slots(string ptx)
    {
        var sizes = new Dictionary<string, string>(StringComparer.Ordinal);
        var slots = new Dictionary<string, Slot>(StringComparer.Ordinal);
        var sound = new Dictionary<string, int>(StringComparer.Ordinal);
        // Declarations come first, then the addresses are taken, then used.
        foreach (Match use in LocalUse().Matches(ptx))
        {
            string address = use.Groups["address"].Value;
            if (use.Groups["depot"].Success)
            {
                sizes[use.Groups["depot"].Value] = use.Groups["bytes"].Value;
            }
            else if (use.Groups["slot"].Success)
            {
                string name = use.Groups["slot"].Value;
                if (sizes.TryGetValue(name, out string? bytes) && bytes is "4" or "8")
                {
                    slots[address] = new Slot(name, bytes == "4" ? "32" : "64");
                    sound[address] = sound.GetValueOrDefault(address) + 1;
                }
            }
            else if (slots.TryGetValue(address, out var slot)
                && use.Groups["type"].Value.EndsWith(slot.Bits, StringComparison.Ordinal))
            {
                sound[address] = sound.GetValueOrDefault(address) + 1;
            }
        }
        var uses = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (Match token in SlotToken().Matches(ptx))
        {
            uses[token.Value] = uses.GetValueOrDefault(token.Value) + 1;
        }
        // One more use of the address than its definition, loads and stores means that it escapes.
        foreach (var (address, slot) in slots.ToList())
        {
            if (uses[address] != sound[address] || uses[slot.Name] != 2)
            {
                slots.Remove(address);
            }
        }
        return slots;
    }

    private sealed record Slot(string Name, string Bits)
    {
        public string Register { get; } = Name.TrimStart('_') + "_r";
    }

    /// <summary>Numbers ILGPU's labels, parameters and functions by first appearance.</summary>
    public static string Renumber(string ptx)
    {
        var numbers = new Dictionary<string, string>(StringComparer.Ordinal);
        return NumberedName().Replace(ptx, match =>
        {
            if (!numbers.TryGetValue(match.Value, out string? name))
            {
                numbers[match.Value] = name = match.Groups[1].Value + numbers.Count.ToString(CultureInfo.InvariantCulture);
            }
            return name;
        });
    }

    [GeneratedRegex(@"\b(bra|brx\.idx)\.uni\b")]
    private static partial Regex UniformBranch();

    // A slot's declaration, the address taken of it, a store to or a load from an address.
    [GeneratedRegex(@"\.local \.align \d+ \.b8 (?<depot>__local_depot\d+)\[(?<bytes>\d+)\];"
        + @"|\tmov\.[bu]64\t(?<address>%rd\d+), (?<slot>__local_depot\d+);\r?\n"
        + @"|\tst\.local\.(?<type>[bf]\d+)\t\[(?<address>%rd\d+)\], (?<stored>[^;]+);"
        + @"|\tld\.local\.(?<type>[bf]\d+)\t(?<loaded>%\w+), \[(?<address>%rd\d+)\];")]
    private static partial Regex LocalUse();

    [GeneratedRegex(@"%rd\d+\b|\b__local_depot\d+\b")]
    private static partial Regex SlotToken();

    // Labels L_12 and parameters _args_12: the numbers come from a counter of the context. sm_90 and %r12 are not touched.
    [GeneratedRegex(@"(?<![%\w.])(L_|_\w*?_)\d+\b")]
    private static partial Regex NumberedName();
}
