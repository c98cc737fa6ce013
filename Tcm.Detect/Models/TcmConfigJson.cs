using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Tcm.Detect.Models;

/// <summary>The form in which a configuration travels in a weight file; generated code, no reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TcmConfig))]
internal sealed partial class TcmConfigJson : JsonSerializerContext
{
    public static string Write(TcmConfig config) => JsonSerializer.Serialize(config, Default.TcmConfig);

    /// <summary>Reads a configuration; what it does not name has the value of <see cref="TcmConfig.FullSizeDb"/>.</summary>
    public static TcmConfig Read(string json)
    {
        // Generated code gives absent init-only properties the default of their type, hence the merge.
        var merged = JsonSerializer.SerializeToNode(Models.TcmConfig.FullSizeDb, Default.TcmConfig)!.AsObject();
        if (JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { MaxDepth = 8 }) is not JsonObject given)
        {
            throw new JsonException("not an object");
        }
        foreach (var (name, value) in given)
        {
            merged[name] = value?.DeepClone();
        }
        return merged.Deserialize(Default.TcmConfig) ?? throw new JsonException("null");
    }
}
