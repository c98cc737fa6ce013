using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>Writes a model that describes itself, as <c>tcm detect</c> reads it.</summary>
internal static class ModelWriter
{
    private const string Text = "text_features";

    /// <summary>Writes the tensors that a configuration needs.</summary>
    /// <param name="path">A .safetensors file; replaced only when complete.</param>
    /// <param name="weights">The tensors.</param>
    /// <param name="config">What they make up.</param>
    /// <param name="half">Half precision instead of single.</param>
    /// <param name="cacheText">Stores the text feature instead of the text encoder, where no image changes it.</param>
    /// <param name="backend">Computes that feature.</param>
    public static void Write(string path, Checkpoint weights, TcmConfig config, bool half, bool cacheText, Backend backend)
    {
        float[]? feature = null;
        if (cacheText && config is { HasTextBranch: true, HasCachedText: false, LanguagePrompt: false })
        {
            using var branch = new TextBranch(new Nn.Weights(weights, backend), config);
            feature = branch.SharedText();
            config = config with { HasCachedText = true };
        }
        var type = half ? ElementType.Float16 : ElementType.Float32;
        var tensors = TcmParameters.Expected(config).Select(t => t with { Type = type }).ToList();
        var metadata = new Dictionary<string, string>
        {
            ["format"] = "pt",
            [TcmConfigReader.KindKey] = "model",
            [TcmConfigReader.MetadataKey] = TcmConfigJson.Write(config),
        };
        SafetensorsWriter.Write(path, metadata, tensors, (info, values) =>
        {
            if (info.Name == Text && feature is not null)
            {
                feature.CopyTo(values);
            }
            else
            {
                weights.Read(weights.Find(info.Name) ?? throw new WeightFormatException($"{weights.Path}: no tensor '{info.Name}'"),
                    values);
            }
        });
    }
}
