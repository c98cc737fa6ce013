using System.Globalization;
using System.Text.RegularExpressions;

namespace Tcm.Kernels.Gpu;

/// <summary>Finds, without ptxas, what makes PTX fail to load or run slowly.</summary>
internal static partial class PtxLint
{
    /// <summary>Bytes of static shared memory that ptxas accepts.</summary>
    public const int SharedLimit = 48 * 1024;

    /// <summary>One line for each finding; empty when the text is sound.</summary>
    public static IReadOnlyList<string> Check(string ptx)
    {
        var findings = new List<string>();
        if (ptx.Contains(".extern .func", StringComparison.Ordinal))
        {
            findings.Add("calls a function that nothing defines");
        }
        if (UniformBranch().IsMatch(ptx))
        {
            findings.Add("marks a branch as uniform");
        }
        if (ptx.Contains("__local_depot", StringComparison.Ordinal) || ptx.Contains("ld.local", StringComparison.Ordinal))
        {
            findings.Add("keeps values in local memory");
        }
        if (ptx.Contains("tanh.approx.ftz", StringComparison.Ordinal))
        {
            findings.Add("uses tanh.approx.ftz, which does not exist");
        }
        if (IntegerAsFloat().Match(ptx) is { Success: true } constant)
        {
            findings.Add($"has the float constant {constant.Value}: an integer taken for the bits of a float");
        }
        int shared = SharedBytes(ptx);
        if (shared > SharedLimit)
        {
            findings.Add($"takes {shared} bytes of static shared memory, the limit is {SharedLimit}");
        }
        return findings;
    }

    /// <summary>Static shared memory of the kernel in bytes.</summary>
    public static int SharedBytes(string ptx) => SharedArray().Matches(ptx)
        .Sum(m => int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture) * ElementBytes(m.Groups[1].Value));

    /// <summary>Times an instruction such as <c>fma.rn.f32</c> or <c>ld.shared.v4</c> occurs.</summary>
    public static int Count(string ptx, string instruction) =>
        Regex.Count(ptx, @"(?<![\w.])" + Regex.Escape(instruction) + @"(?=[.;\s])");

    private static int ElementBytes(string type) => int.Parse(type[1..], CultureInfo.InvariantCulture) / 8;

    [GeneratedRegex(@"\b(bra|brx\.idx|call)\.uni\b")]
    private static partial Regex UniformBranch();

    // Subnormal, or no number in the way of a small negative integer. ILGPU 1.5.3 makes 0f00000001 of the C# `float x = condition ? 1 : 0`;
    // with 1f and 0f it does not.
    [GeneratedRegex(@"\b0f(00[0-7](?!00000)|FFF)[0-9A-F]{5}\b")]
    private static partial Regex IntegerAsFloat();

    [GeneratedRegex(@"\.shared\s+\.align\s+\d+\s+\.([bfus]\d+)\s+\w+\[(\d+)\]")]
    private static partial Regex SharedArray();
}
