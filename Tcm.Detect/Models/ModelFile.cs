using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>A model as it is stored: its tensors and what they make up. Dispose it when the model is built.</summary>
public sealed class ModelFile : IDisposable
{
    /// <summary>The value that stands for full-size TCM-DB with <see cref="FormulaWeights"/> instead of a file.</summary>
    public const string Formula = "formula";

    private ModelFile(Checkpoint checkpoint, TcmConfig config)
    {
        Checkpoint = checkpoint;
        Config = config;
    }

    /// <summary>Opens a model.</summary>
    public static ModelFile Open(string path, int? textHeads = null, int? decoderHeads = null) =>
        path == Formula ? new ModelFile(new FormulaWeights(TcmConfig.FullSizeDb), TcmConfig.FullSizeDb)
        : throw new WeightFormatException($"{path}: no reader {textHeads}{decoderHeads}");

    /// <summary>The tensors.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>What they make up.</summary>
    public TcmConfig Config { get; }

    /// <inheritdoc/>
    public void Dispose() => Checkpoint.Dispose();
}
