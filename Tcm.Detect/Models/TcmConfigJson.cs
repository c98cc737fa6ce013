using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tcm.Detect.Models;

/// <summary>The form in which a configuration travels in a weight file; generated code, no reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TcmConfig))]
internal sealed partial class TcmConfigJson : JsonSerializerContext
{
    public static string Write(TcmConfig config) => JsonSerializer.Serialize(config, Default.TcmConfig);

    public static TcmConfig Read(string json) =>
        JsonSerializer.Deserialize(json, Default.TcmConfig) ?? throw new JsonException("null");
}
