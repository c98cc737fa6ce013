namespace Tcm.Detect.Datasets;

/// <summary>
/// ICDAR2017-MLT: <c>gt_img_1.txt</c> with lines <c>x1,y1,...,x4,y4,script,transcription</c>; the transcription may contain
/// commas, and <c>###</c> means don't care.
/// </summary>
internal sealed class Mlt2017Format : TextFileFormat
{
    /// <inheritdoc/>
    public override string? PictureOf(string labelFile) => HasExtension(labelFile, ".txt") ? Stem(labelFile, "gt_") : null;

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, line) in Lines(content))
        {
            string[] fields = line.Split(',', 10);
            if (fields.Length < 10)
            {
                throw Bad(path, number, $"{fields.Length} fields, expected x1,y1,x2,y2,x3,y3,x4,y4,script,transcription");
            }
            texts.Add(new TextAnnotation(Corners(path, number, fields.AsSpan(0, 8)), fields[9] == "###", fields[9]));
        }
        return texts;
    }
}
