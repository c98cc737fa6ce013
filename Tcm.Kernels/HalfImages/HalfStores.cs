using System.Runtime.CompilerServices;
using ILGPU;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

/// <summary>Where eight finished sums of a row go: bias, residual, activation, rounding, layout, bounds.</summary>
internal interface IHalfStore
{
    /// <summary>Columns <paramref name="column"/> (a multiple of 8) and the seven behind it.</summary>
    void Store<TFunction>(TFunction function, int row, int column, Float4 low, Float4 high) where TFunction : struct, IGpuUnary;
}

/// <summary>Pixels of an image (Rows, Chunks * 8).</summary>
internal struct HalfImageStore : IHalfStore
{
    public ArrayView<Word4> Y, Residual;

    /// <summary>Columns padded to a tile.</summary>
    public ArrayView<Float4> Bias;

    public int HasResidual, Rows, Channels, Chunks;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TFunction>(TFunction function, int row, int column, Float4 low, Float4 high)
        where TFunction : struct, IGpuUnary
    {
        if (row < Rows && column < Channels)
        {
            HalfStore.Put(function, Y, Residual, HasResidual, row * Chunks + column / 8, Channels - column,
                HalfImageKernels.Sum(low, Bias[column / 4]), HalfImageKernels.Sum(high, Bias[column / 4 + 1]));
        }
    }
}

/// <summary>
/// 2x2 stride 2 transposed: columns (a, b, k) of an input pixel, k padded to Chunks * 8, to pixel (2h+a, 2w+b) of an image.
/// </summary>
internal struct HalfShuffleStore : IHalfStore
{
    public ArrayView<Word4> Y, Residual;
    public ArrayView<Float4> Bias;
    public int HasResidual, Rows, Channels, Chunks, W;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TFunction>(TFunction function, int row, int column, Float4 low, Float4 high)
        where TFunction : struct, IGpuUnary
    {
        int chunk = column / 8, corner = chunk / Chunks;
        chunk -= corner * Chunks;
        if (row < Rows && corner < 4)
        {
            // Rows of all images follow each other, in y too: n H + h is one number.
            int line = row / W, pixel = (2 * line + corner / 2) * 2 * W + 2 * (row - line * W) + corner % 2;
            HalfStore.Put(function, Y, Residual, HasResidual, pixel * Chunks + chunk, Channels - chunk * 8,
                HalfImageKernels.Sum(low, Bias[column / 4]), HalfImageKernels.Sum(high, Bias[column / 4 + 1]));
        }
    }
}

/// <summary>
/// Few channels that leave half precision: columns (corner, k) to planes of floats (N,K,P,Q), with four corners the pixels of a
/// 2x2 stride 2 transposed convolution, else one.
/// </summary>
internal struct HalfPlanesStore : IHalfStore
{
    public ArrayView<float> Y, Residual;
    public ArrayView<Float4> Bias;

    /// <summary>Pixels and columns of an image that the rows stand for.</summary>
    public int Pixels, W;

    public int HasResidual, Rows, Channels, Corners;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TFunction>(TFunction function, int row, int column, Float4 low, Float4 high)
        where TFunction : struct, IGpuUnary
    {
        if (row < Rows && column < Corners * Channels)
        {
            Float4 first = HalfImageKernels.Sum(low, Bias[column / 4]), second = HalfImageKernels.Sum(high, Bias[column / 4 + 1]);
            Put(function, row, column, first.X);
            Put(function, row, column + 1, first.Y);
            Put(function, row, column + 2, first.Z);
            Put(function, row, column + 3, first.W);
            Put(function, row, column + 4, second.X);
            Put(function, row, column + 5, second.Y);
            Put(function, row, column + 6, second.Z);
            Put(function, row, column + 7, second.W);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Put<TFunction>(TFunction function, int row, int column, float value) where TFunction : struct, IGpuUnary
    {
        if (column < Corners * Channels)
        {
            int corner = column / Channels, k = column - corner * Channels, image = row / Pixels, pixel = row - image * Pixels;
            int at = pixel;
            if (Corners == 4)
            {
                int line = pixel / W;
                at = (2 * line + corner / 2) * 2 * W + 2 * (pixel - line * W) + corner % 2;
            }
            at += (image * Channels + k) * Corners * Pixels;
            if (HasResidual != 0)
            {
                value += Residual[at];
            }
            Y[at] = function.Apply(value);
        }
    }
}

/// <summary>The end of every path to a half-precision image.</summary>
internal static class HalfStore
{
    /// <summary>Adds the residual, applies the function, writes zeros from the image's last channel on, rounds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<TFunction>(TFunction function, ArrayView<Word4> y, ArrayView<Word4> residual, int hasResidual, int at,
        int left, Float4 low, Float4 high) where TFunction : struct, IGpuUnary
    {
        if (hasResidual != 0)
        {
            var r = residual[at];
            low = HalfImageKernels.Sum(low, Half8.Low(r));
            high = HalfImageKernels.Sum(high, Half8.High(r));
        }
        low = new Float4(function.Apply(low.X), function.Apply(low.Y), function.Apply(low.Z), function.Apply(low.W));
        high = new Float4(function.Apply(high.X), function.Apply(high.Y), function.Apply(high.Z), function.Apply(high.W));
        var chunk = Half8.First(left, low, high);
        y[at] = Half8.Pack(chunk.Low, chunk.High);
    }
}
