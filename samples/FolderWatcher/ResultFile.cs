using System.Text.Json;
using System.Text.Json.Serialization;
using Tcm.Detect;

namespace Tcm.Samples.FolderWatcher;

/// <summary>What is written beside a picture.</summary>
/// <param name="Bytes">Of the picture's file, with <paramref name="Modified"/>: whether the result is of the file that is there.</param>
/// <param name="Modified">When it was written.</param>
/// <param name="Width">Columns of the picture.</param>
/// <param name="Height">Rows of the picture.</param>
/// <param name="Regions">Null where it failed.</param>
/// <param name="Error">Why it failed.</param>
internal sealed record Result(long Bytes, DateTime Modified, int? Width, int? Height, IReadOnlyList<ResultRegion>? Regions, string? Error);

/// <summary>Polygon and score of a region.</summary>
internal sealed record ResultRegion(float[][] Polygon, float Score);

/// <summary>PICTURE.json: there completely or not at all, so that whoever reads it need not ask whether it is finished.</summary>
internal static class ResultFile
{
    public static string PathFor(string picture) => picture + ".json";

    /// <summary>Whether a picture, as it is now, has its result.</summary>
    public static bool IsOf(string picture, Stamp stamp)
    {
        try
        {
            using var file = File.OpenRead(PathFor(picture));
            return JsonSerializer.Deserialize(file, ResultJson.Default.Result) is { } result
                && result.Bytes == stamp.Bytes && result.Modified == stamp.Modified;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return false;
        }
    }

    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(string picture, Stamp stamp, DetectionResult? found, string? error)
    {
        var regions = found?.Regions.Select(r => new ResultRegion([.. r.Polygon.Select(p => (float[])[p.X, p.Y])], r.Score)).ToList();
        var result = new Result(stamp.Bytes, stamp.Modified, found?.Width, found?.Height, regions, error);
        // In the same folder, because only there a rename replaces in one step; left over from a kill, it is overwritten.
        string path = PathFor(picture), temporary = path + ".part";
        File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(result, ResultJson.Default.Result));
        File.Move(temporary, path, overwrite: true);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Result))]
internal sealed partial class ResultJson : JsonSerializerContext;
