using System.Numerics;

namespace Tcm.Detect.Datasets;

/// <summary>
/// ICDAR2013: upright boxes, <c>left top right bottom "text"</c> in the training labels and the same with commas in the test
/// labels; nothing is don't care. Coordinates below 0 become 0.
/// </summary>
internal sealed class Icdar2013Format : TextFileFormat
{
    /// <inheritdoc/>
    public override string? PictureOf(string labelFile) => HasExtension(labelFile, ".txt") ? Stem(labelFile, "gt_") : null;

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, line) in Lines(content))
        {
            int first = line.IndexOf('"'), last = line.LastIndexOf('"');
            string[] fields = (first < 0 ? line : line[..first]).Split([' ', ',', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 4 || first == last)
            {
                throw Bad(path, number, $"{fields.Length} fields before the quoted text, expected left top right bottom \"text\"");
            }
            float[] v = [.. fields.Select(f => Math.Max(0, Number(path, number, f)))];
            Vector2[] corners = [new(v[0], v[1]), new(v[2], v[1]), new(v[2], v[3]), new(v[0], v[3])];
            texts.Add(new TextAnnotation(corners, Ignored: false, line[(first + 1)..last]));
        }
        return texts;
    }
}
