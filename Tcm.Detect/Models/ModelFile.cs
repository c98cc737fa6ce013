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

    /// <summary>The tensors.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>What they make up.</summary>
    public TcmConfig Config { get; }

    /// <summary>Opens a converted or an official weight file.</summary>
    /// <param name="path">The file, or <see cref="Formula"/>.</param>
    /// <param name="textHeads">Attention heads of the text encoder, where the file does not tell; null for 8.</param>
    /// <param name="decoderHeads">Attention heads of the decoders, where the file does not tell; null for 4.</param>
    /// <exception cref="WeightFormatException">The file is missing, damaged, or not a TCM model.</exception>
    public static ModelFile Open(string path, int? textHeads = null, int? decoderHeads = null)
    {
        if (path == Formula)
        {
            return new ModelFile(new FormulaWeights(TcmConfig.FullSizeDb), TcmConfig.FullSizeDb);
        }
        var checkpoint = CheckpointFile.Open(path);
        try
        {
            return new ModelFile(checkpoint, TcmConfigReader.FromCheckpoint(checkpoint, textHeads, decoderHeads));
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Checkpoint.Dispose();
}
