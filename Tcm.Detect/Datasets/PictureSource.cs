namespace Tcm.Detect.Datasets;

/// <summary>
/// The pictures of a dataset as samples, decoded when they are asked for. Reads from many threads at once, if the decoder may.
/// </summary>
/// <param name="name">For messages.</param>
/// <param name="pictures">Labels with the paths of their pictures.</param>
/// <param name="decode">Reads a picture; EXIF orientation must not be applied, since labels refer to stored pixels.</param>
public sealed class PictureSource(string name, IReadOnlyList<AnnotatedImage> pictures, Func<string, ImageBuffer> decode)
    : ISampleSource
{
    /// <inheritdoc/>
    public string Name { get; } = name;

    /// <inheritdoc/>
    public int? Count => pictures.Count;

    /// <inheritdoc/>
    public Sample Read(long index)
    {
        var picture = pictures[(int)index];
        return new Sample(picture.Name, decode(picture.ImagePath!), picture.Texts);
    }
}
