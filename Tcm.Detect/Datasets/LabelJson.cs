using System.Text.Json;

namespace Tcm.Detect.Datasets;

/// <summary>A label's JSON that lacks something; whoever knows the place turns it into a message with file and line.</summary>
internal sealed class LabelJsonException(string message) : Exception(message);

/// <summary>Members of JSON labels, with errors that say which one is wrong.</summary>
internal static class LabelJson
{
    /// <summary>A member that has to be there and of this kind.</summary>
    public static JsonElement Member(this JsonElement element, string name, JsonValueKind kind) =>
        element.ValueKind != JsonValueKind.Object ? throw new LabelJsonException($"a JSON object was expected, not {element.ValueKind}")
        : element.Find(name) is { } member && member.ValueKind == kind ? member
        : throw new LabelJsonException($"'{name}' is absent or not of the kind {kind}");

    /// <summary>A member that may be absent.</summary>
    public static JsonElement? Find(this JsonElement element, string name)
    {
        try
        {
            return element.TryGetProperty(name, out var member) ? member : null;
        }
        catch (InvalidOperationException)
        {
            // Names are unescaped when they are compared, which half of a surrogate pair does not survive.
            throw new LabelJsonException("the name of a member is not valid text");
        }
    }

    /// <summary>A string that has to be there.</summary>
    public static string Text(this JsonElement element, string name)
    {
        try
        {
            return element.Member(name, JsonValueKind.String).GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new LabelJsonException($"'{name}' is not valid text");
        }
    }

    /// <summary>An integer that has to be there.</summary>
    public static long Integer(this JsonElement element, string name) =>
        element.Member(name, JsonValueKind.Number).TryGetInt64(out long value) ? value
            : throw new LabelJsonException($"'{name}' is not an integer");

    /// <summary>A coordinate in pixels.</summary>
    public static float Coordinate(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetSingle(out float value) && LabelFormat.IsCoordinate(value) ? value
            : throw new LabelJsonException($"'{element.GetRawText()}' is not a coordinate");
}
