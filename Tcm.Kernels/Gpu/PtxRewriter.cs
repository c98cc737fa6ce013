using System.Globalization;
using System.Text;
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
        foreach (Match depot in LocalDepot().Matches(ptx))
        {
            ptx = PromoteLocal(ptx, depot);
        }
        return ptx;
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

    private static string PromoteLocal(string ptx, Match depot)
    {
        string name = depot.Groups[1].Value;
        var definition = Regex.Match(ptx, @"\tmov\.[bu]64\t(%rd\d+), " + name + @";\r?\n");
        if (depot.Groups[2].Value is not ("4" or "8") || !definition.Success || Regex.Count(ptx, @"\b" + name + @"\b") != 2)
        {
            return ptx;
        }
        string bits = depot.Groups[2].Value == "4" ? "32" : "64";
        string register = name.TrimStart('_') + "_r";
        string address = Regex.Escape(definition.Groups[1].Value) + @"(?!\d)";
        string store = @"\tst\.local\.([bf]" + bits + @")\t\[" + address + @"\], ([^;]+);";
        string load = @"\tld\.local\.([bf]" + bits + @")\t(%\w+), \[" + address + @"\];";
        // One more use of the address than its definition, loads and stores means that it escapes.
        if (Regex.Count(ptx, address) != Regex.Count(ptx, store) + Regex.Count(ptx, load) + 1)
        {
            return ptx;
        }
        var text = new StringBuilder(ptx)
            .Replace(definition.Value, "")
            .Replace(depot.Value, $".reg .b{bits} {register};");
        ptx = Regex.Replace(text.ToString(), store, m => $"\tmov.{m.Groups[1].Value}\t{register}, {m.Groups[2].Value};");
        return Regex.Replace(ptx, load, m => $"\tmov.{m.Groups[1].Value}\t{m.Groups[2].Value}, {register};");
    }

    [GeneratedRegex(@"\b(bra|brx\.idx)\.uni\b")]
    private static partial Regex UniformBranch();

    [GeneratedRegex(@"\.local \.align \d+ \.b8 (__local_depot\d+)\[(\d+)\];")]
    private static partial Regex LocalDepot();

    // Labels L_12 and parameters _args_12: the numbers come from a counter of the context. sm_90 and %r12 are not touched.
    [GeneratedRegex(@"(?<![%\w.])(L_|_\w*?_)\d+\b")]
    private static partial Regex NumberedName();
}
