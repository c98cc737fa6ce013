namespace Tcm.Detect.Training;

/// <summary>Host memory of one step: normalised pictures and the target maps that were drawn for them. Reused.</summary>
internal sealed class TrainingBatch
{
    /// <param name="size">Pictures.</param>
    /// <param name="imageLength">Floats of a picture, 3 * side * side.</param>
    /// <param name="targetLengths">Floats of each target map of a picture.</param>
    public TrainingBatch(int size, int imageLength, IReadOnlyList<int> targetLengths)
    {
        Size = size;
        ImageLength = imageLength;
        Images = new float[size * imageLength];
        Targets = [.. targetLengths.Select(length => new float[size * length])];
    }

    /// <summary>Number of pictures.</summary>
    public int Size { get; }

    /// <summary>Floats of a picture.</summary>
    public int ImageLength { get; }

    /// <summary>(size,3,side,side)</summary>
    public float[] Images { get; }

    /// <summary>(size, ...) for each target map.</summary>
    public IReadOnlyList<float[]> Targets { get; }

    /// <summary>The step that it belongs to, from 0.</summary>
    public int Step { get; set; }
}
