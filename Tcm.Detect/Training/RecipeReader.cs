using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Tcm.Detect.Models;
using Tcm.Detect.Training.Augmentation;
using Tcm.Kernels;

namespace Tcm.Detect.Training;

/// <summary>Reads a <see cref="Recipe"/> with overrides from the command line. Thread-safe.</summary>
public static class RecipeReader
{
    private static readonly JsonDocumentOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        MaxDepth = 16,
    };

    /// <summary>Reads a recipe file.</summary>
    /// <param name="path">The file; paths inside it are relative to its folder.</param>
    /// <param name="overrides"><c>key=value</c> pairs; keys are paths with dots and list indices, as
    /// <c>optimizer.rate=1e-4</c> or <c>data.0.weight=2</c>.</param>
    /// <exception cref="TcmException">The file cannot be read or makes no sense; the message names it and the reason.</exception>
    /// <remarks>A recipe may name another one beside it as <c>"extends": "base.json"</c> and then say only what differs.</remarks>
    public static Recipe Read(string path, IEnumerable<string>? overrides = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            var root = ReadObject(path, 0);
            foreach (string pair in overrides ?? [])
            {
                Override(root, pair, path);
            }
            // The model's own reader fills absent members with the full size.
            var model = root["model"]?.ToJsonString();
            root.Remove("model");
            var recipe = root.Deserialize(RecipeJson.Default.Recipe) ?? throw new JsonException("null");
            recipe.Model = model is null ? TcmConfig.FullSizeDb : TcmConfigJson.Read(model);
            Validate(recipe, path);
            return ResolvePaths(recipe, Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new TcmException($"{path}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static JsonObject ReadObject(string path, int depth)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TcmException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        if (JsonNode.Parse(text, documentOptions: Lenient) is not JsonObject root)
        {
            throw new TcmException($"{path}: a recipe is a JSON object");
        }
        if (root["extends"] is not { } extends)
        {
            return root;
        }
        if (depth > 8)
        {
            throw new TcmException($"{path}: recipes that extend each other in a circle");
        }
        root.Remove("extends");
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var merged = ReadObject(Path.GetFullPath(extends.GetValue<string>(), folder), depth + 1);
        Merge(merged, root);
        return merged;
    }

    /// <summary>Objects are merged member by member; everything else, lists too, is replaced. Factors by name are one value.</summary>
    private static void Merge(JsonObject into, JsonObject from)
    {
        foreach (var (name, value) in from)
        {
            if (value is JsonObject inner && into[name] is JsonObject outer && name != "rateFactors")
            {
                Merge(outer, inner);
            }
            else
            {
                into[name] = value?.DeepClone();
            }
        }
    }

    private static void Override(JsonObject root, string pair, string path)
    {
        int equals = pair.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1)
        {
            throw new TcmException($"--set {pair}: expected key=value");
        }
        string[] steps = pair[..equals].Split('.');
        JsonNode node = root;
        for (int i = 0; i < steps.Length - 1; i++)
        {
            node = node switch
            {
                JsonObject o => o[steps[i]] ?? (o[steps[i]] = new JsonObject()),
                JsonArray a when int.TryParse(steps[i], CultureInfo.InvariantCulture, out int index) && index >= 0
                    && index < a.Count && a[index] is { } item => item,
                _ => throw new TcmException($"--set {pair}: {path} has no '{steps[i]}' there"),
            };
        }
        var value = Value(pair[(equals + 1)..]);
        switch (node)
        {
            case JsonObject o:
                o[steps[^1]] = value;
                break;
            case JsonArray a when int.TryParse(steps[^1], CultureInfo.InvariantCulture, out int index) && index >= 0 && index < a.Count:
                a[index] = value;
                break;
            default:
                throw new TcmException($"--set {pair}: {path} has no '{steps[^1]}' there");
        }
    }

    /// <summary>JSON where it is JSON, else a string.</summary>
    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: Lenient);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    private static void Validate(Recipe recipe, string path)
    {
        Require(recipe.Data.Count > 0, "data: no datasets");
        Require(recipe.Batch > 0, $"batch: {recipe.Batch}");
        Require(recipe.Steps > 0, $"steps: {recipe.Steps}");
        Require(recipe.CheckpointEvery > 0, $"checkpointEvery: {recipe.CheckpointEvery}");
        Require(recipe.Augmentation.Side is > 0 and <= 8192 && recipe.Augmentation.Side % 32 == 0,
            $"augmentation.side: {recipe.Augmentation.Side}, expected a multiple of 32");
        Require(AugmentationPipelines.All.ContainsKey(recipe.Augmentation.Pipeline), $"augmentation.pipeline: "
            + $"'{recipe.Augmentation.Pipeline}', expected {string.Join(" or ", AugmentationPipelines.All.Keys)}");
        Require(recipe.Augmentation.Crop is "east" or "window",
            $"augmentation.crop: '{recipe.Augmentation.Crop}', expected east or window");
        Require(recipe.Augmentation.Aspect >= 1, $"augmentation.aspect: {recipe.Augmentation.Aspect}, expected 1 or more");
        RequireScale(recipe.Augmentation.Scale, "augmentation.scale");
        Require(recipe.Optimizer.Rate > 0, $"optimizer.rate: {recipe.Optimizer.Rate}");
        Require(recipe.Optimizer.Average is >= 0 and < 1, $"optimizer.average: {recipe.Optimizer.Average}");
        Require(recipe.Validation.Every == 0 || recipe.Validation.Data.Count > 0, "validation.data: no datasets");
        foreach (var (section, i) in recipe.Data.Select((d, i) => (d, i)))
        {
            Require(section.Dataset.Length > 0, $"data.{i}.dataset: missing");
            Require(section.Weight >= 0, $"data.{i}.weight: {section.Weight}");
            if (section.Scale is not null)
            {
                RequireScale(section.Scale, $"data.{i}.scale");
            }
        }

        void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new TcmException($"{path}: {message}");
            }
        }

        void RequireScale(IReadOnlyList<double> scale, string name) =>
            Require(scale.Count == 2 && scale[0] > 0 && scale[1] >= scale[0], $"{name}: expected [least, most] above 0");
    }

    private static Recipe ResolvePaths(Recipe recipe, string folder)
    {
        DataSection Resolve(DataSection d) => d with
        {
            Images = d.Images is null ? null : Path.GetFullPath(d.Images, folder),
            Labels = d.Labels is null ? null : Path.GetFullPath(d.Labels, folder),
        };
        recipe.Data = [.. recipe.Data.Select(Resolve)];
        recipe.Validation.Data = [.. recipe.Validation.Data.Select(Resolve)];
        recipe.Initialization = [.. recipe.Initialization.Select(f => Path.GetFullPath(f, folder))];
        return recipe;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, WriteIndented = true)]
[JsonSerializable(typeof(Recipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
