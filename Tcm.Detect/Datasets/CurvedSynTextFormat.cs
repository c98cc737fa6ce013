using System.Numerics;
using System.Text.Json;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>
/// SynthText-150k (CurvedSynText150k) in the JSON of AdelaiDet: <c>images</c> with <c>id</c> and <c>file_name</c>;
/// <c>annotations</c> with <c>image_id</c> and <c>bezier_pts</c>, 16 numbers that are the four control points of a cubic Bezier
/// curve along the top of a word and of one back along its bottom. Each curve becomes four points. Nothing is don't care.
/// </summary>
/// <remarks>
/// The points keep the order of the curves. The reference sorts them by their angle about the centroid, which is the same for
/// convex words and tangles strongly bent ones.
/// </remarks>
internal sealed class CurvedSynTextFormat : LabelFormat
{
    private const int ControlValues = 16, PointsPerCurve = 4;

    /// <inheritdoc/>
    public override bool Reads(string labelFile) => HasExtension(labelFile, ".json");

    /// <inheritdoc/>
    public override IEnumerable<PictureLabels> Read(LabelFile file)
    {
        var texts = new Dictionary<long, (string Name, List<TextAnnotation> Texts)>();
        try
        {
            using var stream = file.Open();
            using var json = JsonDocument.Parse(stream);
            ForEach(json, "images", image => _ = texts.TryAdd(image.Integer("id"), (image.Text("file_name"), [])) ? true
                : throw new LabelJsonException("another image has the same id"));
            ForEach(json, "annotations", annotation => Add(texts, annotation));
        }
        catch (JsonException e)
        {
            throw new TcmException($"{file.Path}: not JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch (LabelJsonException e)
        {
            throw new TcmException($"{file.Path}: {e.Message}", e);
        }
        return texts.Values.Select(t => new PictureLabels(t.Name, t.Texts));
    }

    /// <summary>Files have no lines to name, so that errors count the elements, from 0.</summary>
    private static void ForEach(JsonDocument json, string array, Action<JsonElement> action)
    {
        int index = 0;
        foreach (var element in json.RootElement.Member(array, JsonValueKind.Array).EnumerateArray())
        {
            try
            {
                action(element);
            }
            catch (LabelJsonException e)
            {
                throw new LabelJsonException($"{array}[{index}]: {e.Message}");
            }
            index++;
        }
    }

    private static void Add(Dictionary<long, (string Name, List<TextAnnotation> Texts)> texts, JsonElement annotation)
    {
        long id = annotation.Integer("image_id");
        if (!texts.TryGetValue(id, out var picture))
        {
            throw new LabelJsonException($"no image has the id {id}");
        }
        Span<float> values = [.. annotation.Member("bezier_pts", JsonValueKind.Array).EnumerateArray().Select(v => v.Coordinate())];
        if (values.Length != ControlValues)
        {
            throw new LabelJsonException($"'bezier_pts' has {values.Length} values, expected {ControlValues}");
        }
        var corners = new Vector2[2 * PointsPerCurve];
        Sample(values[..8], corners.AsSpan(0, PointsPerCurve));
        Sample(values[8..], corners.AsSpan(PointsPerCurve));
        picture.Texts.Add(new TextAnnotation(corners, Ignored: false));
    }

    /// <summary>Points at equal steps of the parameter, from the curve's beginning to its end.</summary>
    private static void Sample(ReadOnlySpan<float> control, Span<Vector2> points)
    {
        for (int i = 0; i < points.Length; i++)
        {
            float t = i / (points.Length - 1f), s = 1 - t;
            points[i] = (s * s * s * new Vector2(control[0], control[1])) + (3 * s * s * t * new Vector2(control[2], control[3]))
                + (3 * s * t * t * new Vector2(control[4], control[5])) + (t * t * t * new Vector2(control[6], control[7]));
        }
    }
}
