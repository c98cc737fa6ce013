namespace Tcm.Detect.Datasets;

/// <summary>A decoded picture with its labels, before augmentation. Immutable; safe to share between threads.</summary>
public sealed record Sample(string Name, ImageBuffer Image, IReadOnlyList<TextAnnotation> Texts);

/// <summary>
/// A numbered supply of samples: the pictures of a dataset, or an endless renderer of scenes. Sample i is always the same.
/// May be used from many threads.
/// </summary>
public interface ISampleSource
{
    /// <summary>For messages and curves.</summary>
    string Name { get; }

    /// <summary>Number of samples; null when it has no end.</summary>
    int? Count { get; }

    /// <summary>Reads or draws a sample.</summary>
    /// <param name="index">From 0, below <see cref="Count"/>.</param>
    /// <exception cref="Kernels.TcmException">The picture cannot be read; the message names the file and the reason.</exception>
    Sample Read(long index);
}
