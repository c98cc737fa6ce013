using Tcm.Detect.Datasets;

namespace Tcm.Tests.Docs;

/// <summary>
/// The dataset of docs/adding.md: <c>photo.boxes.csv</c> with lines <c>left;top;width;height;word</c>; the word ? is text that
/// nobody can read.
/// </summary>
internal sealed class BoxesFormat : TextFileFormat
{
    private const string Extension = ".boxes.csv";

    /// <inheritdoc/>
    public override string? PictureOf(string labelFile) =>
        HasExtension(labelFile, Extension) ? labelFile[..^Extension.Length] : null;

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, line) in Lines(content))
        {
            string[] fields = line.Split(';', 5);
            if (fields.Length < 5)
            {
                throw Bad(path, number, $"{fields.Length} fields, expected left;top;width;height;word");
            }
            float left = Number(path, number, fields[0]), top = Number(path, number, fields[1]);
            float right = left + Number(path, number, fields[2]), bottom = top + Number(path, number, fields[3]);
            texts.Add(new TextAnnotation([new(left, top), new(right, top), new(right, bottom), new(left, bottom)],
                fields[4] == "?", fields[4]));
        }
        return texts;
    }
}
