namespace Tcm.Detect.Preprocessing;

/// <summary>
/// A picture that is ready for <c>backend.Images.NormalizePad</c>: <see cref="Size"/>.Height rows of RGB triples,
/// <see cref="RowStride"/> bytes apart. A value, free to share between threads.
/// </summary>
/// <param name="Pixels">The resized bytes. The memory may be longer than needed.</param>
/// <param name="Size">Sizes before and after padding, and the scale factors that lead back to the source picture.</param>
public readonly record struct PreparedImage(ReadOnlyMemory<byte> Pixels, NetworkSize Size)
{
    /// <summary>Bytes between rows.</summary>
    public int RowStride => 3 * Size.Width;
}

/// <summary>From a picture to the bytes that the network's input is made from. Thread-safe.</summary>
public static class Preprocessor
{
    /// <summary>Resizes the picture as the policy says.</summary>
    /// <param name="image">The source picture.</param>
    /// <param name="policy">The wanted size.</param>
    /// <param name="reuse">Memory of an earlier call that is used again if it is large enough.</param>
    /// <exception cref="ImageLimitException">The picture would become too large.</exception>
    public static PreparedImage Prepare(ImageBuffer image, ResizePolicy policy, byte[]? reuse = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(policy);
        var size = policy.For(image.Width, image.Height);
        int bytes = checked(3 * size.Width * size.Height);
        byte[] pixels = reuse is not null && reuse.Length >= bytes ? reuse : GC.AllocateUninitializedArray<byte>(bytes);
        BilinearResizer.Resize(image.Rgb, image.Width, image.Height, pixels, size.Width, size.Height);
        return new PreparedImage(pixels.AsMemory(0, bytes), size);
    }
}
