using System.Numerics;

namespace Tcm.Detect.Datasets;

/// <summary>
/// MSRA-TD500 as published: <c>IMG_0030.gt</c> with lines <c>index difficult x y w h theta</c>, a box turned by theta radians
/// about its centre; difficult ones are don't care.
/// </summary>
internal sealed class Td500Format : TextFileFormat
{
    /// <inheritdoc/>
    public override string? PictureOf(string labelFile) => HasExtension(labelFile, ".gt") ? Stem(labelFile) : null;

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        foreach (var (number, line) in Lines(content))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 7)
            {
                throw Bad(path, number, $"{fields.Length} fields, expected index difficult x y w h theta");
            }
            float[] v = [.. fields.Skip(2).Select(f => Number(path, number, f))];
            var half = new Vector2(v[2], v[3]) / 2;
            var center = new Vector2(v[0], v[1]) + half;
            var turn = Matrix3x2.CreateRotation(v[4]);
            Vector2[] corners = [.. new[] { new Vector2(-1, -1), new(1, -1), new(1, 1), new(-1, 1) }
                .Select(c => center + Vector2.Transform(c * half, turn))];
            texts.Add(new TextAnnotation(corners, fields[1] == "1"));
        }
        return texts;
    }
}
