using System.Numerics;

namespace Tcm.Detect.Datasets;

/// <summary>
/// CTW1500 as text: the later test labels, <c>0001001.txt</c> for the picture 1001 with lines <c>x1,y1,...,x14,y14,####text</c>,
/// and those of the first release, <c>1001.txt</c> with lines <c>left,top,right,bottom,dx1,dy1,...,dx14,dy14</c> whose corners
/// count from left and top. As in the paper's figures nothing is don't care, <c>###</c> included.
/// </summary>
internal sealed class Ctw1500TextFormat : TextFileFormat
{
    private const int Values = 28, BoxValues = 4;
    private const string Mark = "####";

    /// <inheritdoc/>
    public override string? PictureOf(string labelFile)
    {
        string name = Stem(labelFile);
        return !HasExtension(labelFile, ".txt") ? null
            : name.Length == 7 && name.StartsWith("000", StringComparison.Ordinal) ? name[3..] : name;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, line) in Lines(content))
        {
            string[] fields = line.Split(',', Values + 1), offsets = line.Split(',');
            if (fields.Length > Values && fields[Values].StartsWith(Mark, StringComparison.Ordinal))
            {
                texts.Add(new TextAnnotation(Corners(path, number, fields.AsSpan(0, Values)), Ignored: false, fields[Values][Mark.Length..]));
            }
            else if (offsets.Length == BoxValues + Values)
            {
                Vector2[] values = Corners(path, number, offsets);
                texts.Add(new TextAnnotation([.. values[(BoxValues / 2)..].Select(v => values[0] + v)], Ignored: false));
            }
            else
            {
                throw Bad(path, number, $"expected {Values} values and {Mark}text, or {BoxValues + Values} values, separated by commas");
            }
        }
        return texts;
    }
}
