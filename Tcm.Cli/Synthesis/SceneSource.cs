using Tcm.Detect.Datasets;

namespace Tcm.Cli.Synthesis;

/// <summary>An endless supply of synthetic scenes for training. Sample i depends on the options, i, and the fonts and pictures.</summary>
internal sealed class SceneSource : ISampleSource
{
    private readonly SceneRenderer _renderer;

    /// <summary>Finds fonts and pictures.</summary>
    /// <exception cref="Kernels.TcmException">There are no fonts, or the folder of pictures has none.</exception>
    public SceneSource(SceneOptions options) : this(new SceneRenderer(options))
    {
    }

    /// <summary>Uses a renderer that others use too.</summary>
    public SceneSource(SceneRenderer renderer) => _renderer = renderer;

    /// <inheritdoc/>
    public string Name => "synth";

    /// <inheritdoc/>
    public int? Count => null;

    /// <inheritdoc/>
    public Sample Read(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var (image, texts) = _renderer.Render(index);
        return new Sample(NameOf(index), image, texts);
    }

    /// <summary>The name of a scene, which is also that of its file without the extension.</summary>
    public static string NameOf(long index) => $"scene-{index:D6}";
}
