using System.Globalization;

namespace Tcm.Cli.Inputs;

/// <summary>
/// One of <paramref name="Count"/> parts of the inputs: those whose place in the sorted list leaves the remainder
/// <paramref name="Index"/>. Which part a picture belongs to follows from the list alone, so machines that see the same
/// folder agree without talking to each other.
/// </summary>
/// <param name="Index">0 to <paramref name="Count"/> - 1, as job arrays count.</param>
/// <param name="Count">At least 1.</param>
internal readonly record struct Shard(int Index, int Count)
{
    /// <summary>Reads <c>i/n</c> with 0 &lt;= i &lt; n; null for anything else.</summary>
    public static Shard? Parse(string text) => text.Split('/') is [string left, string right]
        && int.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
        && int.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
        && index < count ? new Shard(index, count) : null;

    /// <summary>The inputs of this part, sorted by path (ordinal, the same everywhere); a path that was given twice counts
    /// once.</summary>
    public List<Input> Of(IEnumerable<Input> inputs)
    {
        var (index, count) = this;
        return [.. inputs.DistinctBy(input => input.Path).OrderBy(input => input.Path, StringComparer.Ordinal)
            .Where((_, place) => place % count == index)];
    }
}
