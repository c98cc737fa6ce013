using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>
/// A model as it is stored: its tensors and what they make up. Dispose it when the model is built. Thread-safe but for its
/// disposal.
/// </summary>
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
    /// <param name="limits">What is refused; null for the usual limits.</param>
    /// <exception cref="WeightFormatException">The file is missing, damaged, or not a TCM model.</exception>
    public static ModelFile Open(string path, int? textHeads = null, int? decoderHeads = null, DetectorLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path == Formula
            ? FromFormula(TcmConfig.FullSizeDb)
            : Read(CheckpointFile.Open(path, (limits ?? DetectorLimits.Default).MaxHeaderBytes), textHeads, decoderHeads);
    }

    /// <summary>Reads the content of such a file from a stream to its end, into memory.</summary>
    /// <param name="stream">Where it begins; stays open.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="textHeads">As above.</param>
    /// <param name="decoderHeads">As above.</param>
    /// <param name="limits">What is refused; null for the usual limits.</param>
    /// <exception cref="WeightFormatException">The stream cannot be read, is damaged, or not a TCM model.</exception>
    public static ModelFile Open(Stream stream, string name, int? textHeads = null, int? decoderHeads = null,
        DetectorLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        return Read(CheckpointFile.Open(stream, name, (limits ?? DetectorLimits.Default).MaxHeaderBytes), textHeads, decoderHeads);
    }

    /// <summary>A model of any configuration, with weights from a formula.</summary>
    internal static ModelFile FromFormula(TcmConfig config) => new(new FormulaWeights(config), config);

    private static ModelFile Read(Checkpoint checkpoint, int? textHeads, int? decoderHeads)
    {
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
