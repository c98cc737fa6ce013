using Tcm.Kernels.Convolution;
using Tcm.Kernels.Images;
using Tcm.Kernels.Resampling;

namespace Tcm.Kernels.HalfImages;

/// <summary>
/// What a network is made of, on images that stay in half precision with their channels last (<see cref="HalfShape"/>), and on
/// tokens, which are the pixels of such images: half the memory traffic of floats, and rows of a product that are copied as they
/// lie. Sums are FP32. A slice of such images counts 32-bit words and begins on 16 bytes, as all storage does. There are no
/// gradients. Thread-safe as far as its backend is.
/// </summary>
public abstract partial class HalfImageOperations
{
    // Only Tcm derives from it, so that members can be added.
    private protected HalfImageOperations() { }

    /// <summary>x (N,C,H,W), floats, rounded to y.</summary>
    public void FromPlanes(HalfShape shape, Slice x, Slice y)
    {
        const string op = "FromPlanes";
        Check.Length(op, "x", x, shape.Pixels * shape.C);
        CheckImages(op, "y", shape, y);
        FromPlanesCore(shape, x, y);
    }

    /// <summary>x to y (N,C,H,W), floats.</summary>
    public void ToPlanes(HalfShape shape, Slice x, Slice y)
    {
        const string op = "ToPlanes";
        CheckImages(op, "x", shape, x);
        Check.Length(op, "y", y, shape.Pixels * shape.C);
        ToPlanesCore(shape, x, y);
    }

    /// <summary>As <see cref="ImageInput.NormalizePad"/>, one image of three channels.</summary>
    public void NormalizePad(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH, int paddedW,
        ChannelNormalization normalization, Slice y)
    {
        const string op = "NormalizePad";
        ImageInput.CheckPicture(op, rgb, rowStride, h, w, paddedH, paddedW);
        CheckImages(op, "y", new HalfShape(1, 3, paddedH, paddedW), y);
        NormalizePadCore(rgb, rowStride, h, w, paddedH, paddedW, normalization, y);
    }

    /// <summary>Means of kernel x kernel blocks: y (N,C,H/kernel,W/kernel).</summary>
    public void AveragePool(HalfShape shape, int kernel, Slice x, Slice y)
    {
        const string op = "AvgPool2d";
        Check.That(kernel > 0 && shape.H >= kernel && shape.W >= kernel, $"{op}: {shape} with kernel {kernel}");
        CheckImages(op, "x", shape, x);
        CheckImages(op, "y", shape with { H = shape.H / kernel, W = shape.W / kernel }, y);
        AveragePoolCore(shape, kernel, x, y);
    }

    /// <summary>Resizes x into channels of y, as <see cref="Resampler.Resize"/> does with floats.</summary>
    /// <param name="mode">The interpolation.</param>
    /// <param name="input">Shape of x.</param>
    /// <param name="output">Shape of y; as many images as x has.</param>
    /// <param name="firstChannel">Where the channels of x begin in y, a multiple of 8.</param>
    /// <param name="x">The images.</param>
    /// <param name="y">The result; other channels stay.</param>
    /// <param name="accumulate">Adds to what y holds.</param>
    public void Resize(ResizeMode mode, HalfShape input, HalfShape output, int firstChannel, Slice x, Slice y,
        bool accumulate = false)
    {
        const string op = "Resize";
        Check.That(input.N == output.N && firstChannel >= 0 && firstChannel % 8 == 0
            && firstChannel / 8 + input.Chunks <= output.Chunks, $"{op}: {input} into {output} at channel {firstChannel}");
        CheckImages(op, "x", input, x);
        CheckImages(op, "y", output, y);
        ResizeCore(mode, input, output, firstChannel / 8, x, y, accumulate);
    }

    /// <summary>The channels of a, then those of b: y (N, a.C + b.C, H, W).</summary>
    public void Concat(HalfShape shapeA, HalfShape shapeB, Slice a, Slice b, Slice y)
    {
        const string op = "Concat";
        Check.That(shapeA with { C = shapeB.C } == shapeB, $"{op}: a {shapeA}, b {shapeB}");
        CheckImages(op, "a", shapeA, a);
        CheckImages(op, "b", shapeB, b);
        CheckImages(op, "y", shapeA with { C = shapeA.C + shapeB.C }, y);
        ConcatCore(shapeA, shapeB.C, a, b, y);
    }

    /// <summary>a + scale * b; y may be either.</summary>
    /// <param name="shape">Shape of a and y.</param>
    /// <param name="shapeB">The same, with one image for all of a's, with one pixel for all of an image's, or with both.</param>
    /// <param name="a">The first operand.</param>
    /// <param name="b">The second one.</param>
    /// <param name="y">The result.</param>
    /// <param name="scale">Factor of b.</param>
    public void Add(HalfShape shape, HalfShape shapeB, Slice a, Slice b, Slice y, float scale = 1)
    {
        CheckPair("Add", shape, shapeB, a, b, y);
        AddCore(shape, shapeB, a, b, y, scale);
    }

    /// <summary>a * b, with the shapes of <see cref="Add"/>.</summary>
    public void Multiply(HalfShape shape, HalfShape shapeB, Slice a, Slice b, Slice y)
    {
        CheckPair("Multiply", shape, shapeB, a, b, y);
        MultiplyCore(shape, shapeB, a, b, y);
    }

    /// <summary>Runs a convolution whose <see cref="PreparedConvolution.TakesHalfImages"/> is true.</summary>
    /// <param name="convolution">From the same backend.</param>
    /// <param name="input">Number and size of the images.</param>
    /// <param name="x">Images with the filter's C channels.</param>
    /// <param name="y">Images with its K channels; floats (N,K,P,Q) where it <see cref="PreparedConvolution.GivesPlanes"/>.</param>
    /// <param name="residual">Added before the activation; of the kind of y, which it may be.</param>
    public void Convolve(PreparedConvolution convolution, ImageBatch input, Slice x, Slice y, Slice? residual = null)
    {
        const string op = "Conv2d";
        var (p, q) = convolution.OutputSize(input.H, input.W);
        Check.That(convolution.TakesHalfImages && input.N > 0 && p > 0 && q > 0,
            $"{op}: images of {input.H}x{input.W} in half precision through {convolution.Filter}");
        CheckImages(op, "x", new HalfShape(input.N, convolution.Filter.C, input.H, input.W), x);
        var output = new HalfShape(input.N, convolution.Filter.K, p, q);
        CheckResult("y", y);
        if (residual is { } r)
        {
            CheckResult("residual", r);
        }
        Backend.CountMultiplyAdds(convolution.MultiplyAdds(input));
        ConvolveCore(convolution, input, output, x, y, residual);

        void CheckResult(string name, Slice slice)
        {
            if (convolution.GivesPlanes)
            {
                Check.Length(op, name, slice, output.Pixels * output.C);
            }
            else
            {
                CheckImages(op, name, output, slice);
            }
        }
    }

    private protected abstract void FromPlanesCore(HalfShape shape, Slice x, Slice y);

    private protected abstract void ToPlanesCore(HalfShape shape, Slice x, Slice y);

    private protected abstract void NormalizePadCore(ReadOnlySpan<byte> rgb, int rowStride, int h, int w, int paddedH,
        int paddedW, ChannelNormalization normalization, Slice y);

    private protected abstract void AveragePoolCore(HalfShape shape, int kernel, Slice x, Slice y);

    private protected abstract void ResizeCore(ResizeMode mode, HalfShape input, HalfShape output, int firstChunk, Slice x,
        Slice y, bool accumulate);

    private protected abstract void ConcatCore(HalfShape shapeA, int channelsB, Slice a, Slice b, Slice y);

    private protected abstract void AddCore(HalfShape shape, HalfShape shapeB, Slice a, Slice b, Slice y, float scale);

    private protected abstract void MultiplyCore(HalfShape shape, HalfShape shapeB, Slice a, Slice b, Slice y);

    private protected abstract void ConvolveCore(PreparedConvolution convolution, ImageBatch input, HalfShape output, Slice x,
        Slice y, Slice? residual);

    private static void CheckPair(string op, HalfShape shape, HalfShape shapeB, Slice a, Slice b, Slice y)
    {
        Check.That(shapeB.C == shape.C && (shapeB.N == shape.N || shapeB.N == 1)
            && ((shapeB.H == shape.H && shapeB.W == shape.W) || shapeB is { H: 1, W: 1 }), $"{op}: a {shape}, b {shapeB}");
        CheckImages(op, "a", shape, a);
        CheckImages(op, "b", shapeB, b);
        CheckImages(op, "y", shape, y);
    }

    private static void CheckImages(string op, string name, HalfShape shape, Slice slice)
    {
        Check.That(shape is { N: > 0, C: > 0, H: > 0, W: > 0 } && slice.Offset % 4 == 0,
            $"{op}: {name} {shape} at word {slice.Offset}");
        Check.Length(op, name, slice, shape.Length);
    }
}
