namespace Tcm.Kernels.Losses;

// Losses of PAN (heads.md section 3.5), which are means over the images of a batch instead of sums over all of it.
public abstract partial class PixelLosses
{
    /// <summary>
    /// weight * mean over images of 1 - 2 (sum(p t) + 0.001) / (sum(p^2) + sum(t) + 0.002) with p the sigmoid of a logit: dice with
    /// squares (V-Net) over the pixels that count.
    /// </summary>
    /// <param name="images">Images of equal size that the maps consist of.</param>
    /// <param name="weight">Factor of loss and gradient.</param>
    /// <param name="logits">(images, pixels)</param>
    /// <param name="target">Likewise, positive where above 0.</param>
    /// <param name="mask">Likewise, counts where above 0.</param>
    /// <param name="loss">One float, overwritten.</param>
    /// <param name="gradient">As logits, overwritten.</param>
    public void SquaredDice(int images, float weight, Slice logits, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        const string op = "SquaredDice";
        Validate(op, logits, target, mask, loss, gradient);
        Check.That(images > 0 && logits.Length % images == 0, $"{op}: {logits.Length} values in {images} images");
        SquaredDiceCore(images, weight, logits, target, mask, loss, gradient);
    }

    /// <summary>
    /// weight * mean over images of the mean over instances of the mean over the instance's pixels of ln(1 + max(0, d - 0.5)^2), d
    /// the distance of the pixel's embedding to the mean embedding of the instance's kernel: pixels are drawn to their kernels.
    /// </summary>
    /// <param name="shape">Images, pixels, channels; instances are numbered from 1. Those without pixels in either map do not
    /// count.</param>
    /// <param name="weight">Factor of loss and gradient.</param>
    /// <param name="embeddings">(images, channels, pixels)</param>
    /// <param name="regions">(images, pixels): the number of the instance that a pixel belongs to, or 0.</param>
    /// <param name="kernels">(images, pixels): the number of the instance in whose kernel a pixel lies, or 0.</param>
    /// <param name="loss">One float, overwritten.</param>
    /// <param name="gradient">As embeddings, overwritten.</param>
    public void Aggregation(InstanceMaps shape, float weight, Slice embeddings, Slice regions, Slice kernels, Slice loss, Slice gradient)
    {
        Validate("Aggregation", shape, embeddings, regions, kernels, loss, gradient);
        InstanceCore(attraction: true, shape, weight, embeddings, regions, kernels, loss, gradient);
    }

    /// <summary>
    /// weight * mean over images of the sum over pairs of instances of ln(1 + max(0, 3 - d)^2) / (n (n - 1)), d the distance of
    /// their kernels' mean embeddings: kernels are kept apart. 0 for an image with fewer than two instances.
    /// </summary>
    /// <inheritdoc cref="Aggregation"/>
    public void Discrimination(InstanceMaps shape, float weight, Slice embeddings, Slice regions, Slice kernels, Slice loss,
        Slice gradient)
    {
        Validate("Discrimination", shape, embeddings, regions, kernels, loss, gradient);
        InstanceCore(attraction: false, shape, weight, embeddings, regions, kernels, loss, gradient);
    }

    private static void Validate(string op, InstanceMaps shape, Slice embeddings, Slice regions, Slice kernels, Slice loss,
        Slice gradient)
    {
        Check.Positive(op, "images", shape.Images);
        Check.Positive(op, "pixels", shape.Pixels);
        Check.That(shape.Instances >= 0, $"{op}: {shape.Instances} instances");
        Check.Length(op, "embeddings", embeddings, shape.Embeddings);
        Check.Length(op, "gradient", gradient, shape.Embeddings);
        Check.Length(op, "regions", regions, (long)shape.Images * shape.Pixels);
        Check.Length(op, "kernels", kernels, (long)shape.Images * shape.Pixels);
        Check.Length(op, "loss", loss, 1);
    }

    private protected abstract void SquaredDiceCore(int images, float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient);

    // With attraction it is the aggregation loss, else the discrimination loss.
    private protected abstract void InstanceCore(bool attraction, InstanceMaps shape, float weight, Slice embeddings, Slice regions,
        Slice kernels, Slice loss, Slice gradient);
}

/// <summary>Maps of embeddings of <see cref="Channels"/> values.</summary>
/// <param name="Images">Images.</param>
/// <param name="Pixels">Pixels of an image.</param>
/// <param name="Instances">The largest number of an instance; greater ones do not count.</param>
public readonly record struct InstanceMaps(int Images, int Pixels, int Instances)
{
    /// <summary>Values of an embedding.</summary>
    public const int Channels = 4;

    /// <summary>Distance to the own kernel's mean that costs nothing.</summary>
    internal const float Inside = 0.5f;

    /// <summary>Distance to another kernel's mean from which it costs nothing.</summary>
    internal const float Apart = 3;

    /// <summary>Length of the embeddings.</summary>
    public long Embeddings => (long)Images * Channels * Pixels;
}
