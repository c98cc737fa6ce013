using System.Numerics;
using System.Text.RegularExpressions;

namespace Tcm.Detect.Datasets;

/// <summary>
/// Total-Text as text: <c>poly_gt_img1.txt</c> with entries
/// <c>x: [[1 2 3]], y: [[4 5 6]], ornt: [u'c'], transcriptions: [u'word']</c>, which long polygons continue on further lines; or
/// <c>img1.jpg.txt</c> with lines <c>x1,y1,...,xn,yn,word</c>.
/// Unreadable words (<c>#</c>) are left out, neither text nor don't care, in this form as in the <c>.mat</c> one: only so are
/// there the 2215 test words of published figures.
/// </summary>
internal sealed partial class TotalTextFormat : TextFileFormat
{
    /// <summary>Transcription of what nobody can read.</summary>
    public const string Unreadable = "#";

    private const string EntryStart = "x:";

    /// <summary>The picture of <c>poly_gt_img1</c>, <c>gt_img1</c> and <c>img1.jpg</c>.</summary>
    public static string Picture(string labelFile) => PictureName.Stem(Stem(labelFile, "poly_gt_", "gt_"));

    /// <inheritdoc/>
    public override string? PictureOf(string labelFile) => HasExtension(labelFile, ".txt") ? Picture(labelFile) : null;

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content) =>
        content.TrimStart().StartsWith(EntryStart, StringComparison.Ordinal) ? ParseEntries(path, content) : ParseLines(path, content);

    private static List<TextAnnotation> ParseLines(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, line) in Lines(content))
        {
            string[] fields = line.Split(',');
            if (fields.Length < 7 || fields.Length % 2 == 0)
            {
                throw Bad(path, number, $"{fields.Length} fields, expected x: [[...]], y: [[...]], ... or x1,y1,...,xn,yn,word");
            }
            if (fields[^1] != Unreadable)
            {
                texts.Add(new TextAnnotation(Corners(path, number, fields.AsSpan(0, fields.Length - 1)), Ignored: false, fields[^1]));
            }
        }
        return texts;
    }

    private static List<TextAnnotation> ParseEntries(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, entry) in Entries(content))
        {
            var match = Entry().Match(entry);
            if (!match.Success)
            {
                throw Bad(path, number, "expected x: [[...]], y: [[...]], ornt: [...], transcriptions: [...]");
            }
            float[] x = Numbers(path, number, match.Groups["x"].Value), y = Numbers(path, number, match.Groups["y"].Value);
            if (x.Length != y.Length)
            {
                throw Bad(path, number, $"{x.Length} values of x, {y.Length} of y");
            }
            string word = match.Groups["text"].Value;
            // A few entries are mere points.
            if (word != Unreadable && x.Length >= 3)
            {
                texts.Add(new TextAnnotation([.. x.Zip(y, (h, v) => new Vector2(h, v))], Ignored: false, word));
            }
        }
        return texts;
    }

    /// <summary>Joins the lines of an entry, which begins with x.</summary>
    private static IEnumerable<(int Number, string Text)> Entries(string content)
    {
        (int Number, string Text)? entry = null;
        foreach (var (number, line) in Lines(content))
        {
            if (entry is not null && !line.StartsWith(EntryStart, StringComparison.Ordinal))
            {
                entry = (entry.Value.Number, $"{entry.Value.Text} {line}");
                continue;
            }
            if (entry is not null)
            {
                yield return entry.Value;
            }
            entry = (number, line);
        }
        if (entry is not null)
        {
            yield return entry.Value;
        }
    }

    private static float[] Numbers(string path, int line, string text) =>
        [.. text.Split([' ', ',', '\t'], StringSplitOptions.RemoveEmptyEntries).Select(n => Number(path, line, n))];

    [GeneratedRegex("""^x: *\[\[(?<x>[^\]]*)\]\], *y: *\[\[(?<y>[^\]]*)\]\], *ornt: *\[[^\]]*\], *transcriptions: *\[(?:u?(?<q>['"])(?<text>.*)\k<q>)?\]$""")]
    private static partial Regex Entry();
}
