namespace Tcm.Detect.Datasets;

/// <summary>A text file for each picture, named after it.</summary>
internal abstract class TextFileFormat : LabelFormat
{
    /// <summary>The picture that a label file belongs to, without extension; null when the file holds no labels.</summary>
    public abstract string? PictureOf(string labelFile);

    /// <summary>Reads the texts of one file.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="content">The file's text, without byte order mark.</param>
    /// <exception cref="Kernels.TcmException">A line makes no sense; the message names file and line.</exception>
    public abstract IReadOnlyList<TextAnnotation> Parse(string path, string content);

    /// <inheritdoc/>
    public override bool Reads(string labelFile) => PictureOf(labelFile) is not null;

    /// <inheritdoc/>
    public override IEnumerable<PictureLabels> Read(LabelFile file) =>
        [new PictureLabels(PictureOf(file.Name)!, Parse(file.Path, file.ReadText()))];
}
