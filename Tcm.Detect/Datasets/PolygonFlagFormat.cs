namespace Tcm.Detect.Datasets;

/// <summary>
/// The text form in which the DB authors (github MhLiao/DB) pass on MSRA-TD500 and HUST-TR400: <c>IMG_0030.JPG.txt</c> with
/// lines <c>x1,y1,...,xn,yn,flag</c>; flag 1 is a difficult line, that is don't care.
/// </summary>
internal sealed class PolygonFlagFormat : TextFileFormat
{
    /// <inheritdoc/>
    public override string? PictureOf(string labelFile) =>
        HasExtension(labelFile, ".txt") ? PictureName.Stem(Stem(labelFile)) : null;

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, line) in Lines(content))
        {
            string[] fields = line.Split(',');
            if (fields.Length < 7)
            {
                throw Bad(path, number, $"{fields.Length} fields, expected x1,y1,...,xn,yn,flag with three corners or more");
            }
            // One field too many before the flag is passed over, as the reference does.
            int values = 2 * ((fields.Length - 1) / 2);
            texts.Add(new TextAnnotation(Corners(path, number, fields.AsSpan(0, values)), fields[^1].Trim() == "1"));
        }
        return texts;
    }
}
