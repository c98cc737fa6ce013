using System.Numerics;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Tcm.Detect;
using Tcm.Detect.Heads;

namespace Tcm.Samples.Service;

/// <summary>One piece of text: corners in pixels of the upright picture, the centre of the first pixel being (0,0).</summary>
internal sealed record RegionAnswer(float[][] Polygon, float[][] Quad, float Score)
{
    public static RegionAnswer[] Of(DetectionResult result) =>
        [.. result.Regions.Select(r => new RegionAnswer(Points(r.Polygon), Points(r.Quad), r.Score))];

    private static float[][] Points(IReadOnlyList<Vector2> points) => [.. points.Select(p => (float[])[p.X, p.Y])];
}

internal sealed record TimesAnswer(double Decode, double Preprocess, double Network, double Postprocess, double Total)
{
    public static TimesAnswer Of(double decode, DetectionTimings t) => new(decode, t.Preprocess, t.Network, t.Postprocess, decode + t.Total);
}

/// <summary>Where a map is, and which part of its picture lies over the photograph: columns and rows from the upper left corner, not
/// whole numbers where a value's square reaches beyond.</summary>
internal sealed record MapAnswer(string Url, double Width, double Height, float Low, float High);

internal sealed record MapsAnswer(MapAnswer Probability, MapAnswer? Language);

/// <summary>A picture's regions, or its problem.</summary>
internal sealed record PictureAnswer(string Name)
{
    public int? Width { get; init; }

    public int? Height { get; init; }

    public RegionAnswer[]? Regions { get; init; }

    public TimesAnswer? Milliseconds { get; init; }

    /// <summary>Where maps were kept: the name under which other settings can be tried.</summary>
    public string? Id { get; init; }

    public MapsAnswer? Maps { get; init; }

    public ProblemDetails? Problem { get; init; }
}

internal sealed record PicturesAnswer(IReadOnlyList<PictureAnswer> Pictures);

internal sealed record RegionsAnswer(RegionAnswer[] Regions, double Milliseconds);

/// <summary>A setting; its default is rounded to what people write, of the same single-precision value.</summary>
internal sealed record SettingAnswer(string Name, string Description, double Default, double Least, double Most, bool IsSwitch)
{
    public static SettingAnswer Of(PostProcessingSetting s) => new(s.Name, s.Description, Math.Round(s.Default, 6), s.Least, s.Most, s.IsSwitch);
}

/// <summary>What the page needs to know before the first picture.</summary>
internal sealed record AboutAnswer(string Model, string Device, int MaxFileBytes, long MaxPixels, int MaxFiles, int KeptPictures, int KeptMinutes,
    SettingAnswer[] Settings);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PictureAnswer))]
[JsonSerializable(typeof(PicturesAnswer))]
[JsonSerializable(typeof(RegionsAnswer))]
[JsonSerializable(typeof(AboutAnswer))]
[JsonSerializable(typeof(ProblemDetails))]
internal sealed partial class AnswerJson : JsonSerializerContext;
