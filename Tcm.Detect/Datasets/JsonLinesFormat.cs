using System.Numerics;
using System.Text.Json;

namespace Tcm.Detect.Datasets;

/// <summary>
/// JSON-lines, for one's own pictures and those of <c>tcm synth</c>: each line of a <c>.jsonl</c> file is
/// <c>{"image":"a.jpg","texts":[{"polygon":[[x,y],...],"ignore":false,"text":"EXIT"}]}</c>. A polygon may also be flat,
/// <c>[x,y,x,y,...]</c>; <c>ignore</c> and <c>text</c> may be absent; other members are passed over.
/// </summary>
internal sealed class JsonLinesFormat : LabelFormat
{
    /// <inheritdoc/>
    public override bool Reads(string labelFile) => HasExtension(labelFile, ".jsonl");

    /// <inheritdoc/>
    public override IEnumerable<PictureLabels> Read(LabelFile file)
    {
        foreach (var (number, line) in file.ReadLines())
        {
            PictureLabels labels;
            try
            {
                using var json = JsonDocument.Parse(line);
                labels = Picture(json.RootElement);
            }
            catch (JsonException e)
            {
                throw Bad(file.Path, number, $"not JSON: {e.Message.ReplaceLineEndings(" ")}");
            }
            catch (LabelJsonException e)
            {
                throw Bad(file.Path, number, e.Message);
            }
            yield return labels;
        }
    }

    private static PictureLabels Picture(JsonElement line)
    {
        string name = line.Text("image");
        return name.Length == 0 ? throw new LabelJsonException("'image' is empty")
            : new PictureLabels(name, [.. line.Member("texts", JsonValueKind.Array).EnumerateArray().Select(Text)]);
    }

    private static TextAnnotation Text(JsonElement text)
    {
        var values = text.Member("polygon", JsonValueKind.Array).EnumerateArray().ToArray();
        if (values.Length > 0 && values[0].ValueKind == JsonValueKind.Array)
        {
            values = [.. values.SelectMany(point => point.ValueKind == JsonValueKind.Array && point.GetArrayLength() == 2
                ? point.EnumerateArray() : throw new LabelJsonException("a corner of 'polygon' is not [x,y]"))];
        }
        if (values.Length < 6 || values.Length % 2 != 0)
        {
            throw new LabelJsonException($"'polygon' has {values.Length} values, expected x and y of three corners or more");
        }
        Vector2[] corners = [.. values.Chunk(2).Select(point => new Vector2(point[0].Coordinate(), point[1].Coordinate()))];
        bool ignored = text.Find("ignore") is { } ignore && ignore.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw new LabelJsonException("'ignore' is neither true nor false"),
        };
        return new TextAnnotation(corners, ignored, text.Find("text")?.ValueKind == JsonValueKind.String ? text.Text("text") : null);
    }
}
