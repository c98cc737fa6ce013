namespace Tcm.Detect.Datasets;

/// <summary>
/// CTW1500, test labels: <c>0001001.txt</c> for the picture 1001 with lines <c>x1,y1,...,x14,y14,####text</c>. As in the
/// paper's figures nothing is don't care, <c>###</c> included.
/// </summary>
internal sealed class Ctw1500TextFormat : TextFileFormat
{
    private const int Values = 28;
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
            string[] fields = line.Split(',', Values + 1);
            if (fields.Length <= Values || !fields[Values].StartsWith(Mark, StringComparison.Ordinal))
            {
                throw Bad(path, number, $"expected {Values} values and {Mark}text, separated by commas");
            }
            texts.Add(new TextAnnotation(Corners(path, number, fields.AsSpan(0, Values)), Ignored: false, fields[Values][Mark.Length..]));
        }
        return texts;
    }
}
