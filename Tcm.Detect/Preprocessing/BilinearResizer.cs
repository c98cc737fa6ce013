using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tcm.Detect.Preprocessing;

/// <summary>
/// Bilinear resize of 8-bit RGB with the arithmetic of OpenCV's <c>INTER_LINEAR</c>: weights of 11 bits, a horizontal pass
/// into 15-bit integers, a vertical pass, and the roundings of both. The reference was trained and tested on such pixels.
/// </summary>
internal static unsafe class BilinearResizer
{
    private const int One = 2048;
    private const int MinBandPixels = 1 << 16;

    /// <summary>Resizes packed RGB rows.</summary>
    public static void Resize(ReadOnlySpan<byte> source, int sourceWidth, int sourceHeight, Span<byte> target, int width, int height)
    {
        Debug.Assert(source.Length >= 3L * sourceWidth * sourceHeight && target.Length >= 3L * width * height);
        if (width == sourceWidth && height == sourceHeight)
        {
            source[..(3 * width * height)].CopyTo(target);
            return;
        }
        var columns = Taps(sourceWidth, width, clampWeights: true);
        var rows = Taps(sourceHeight, height, clampWeights: false);
        int bands = (int)Math.Clamp((long)width * height / MinBandPixels, 1, Math.Min(Environment.ProcessorCount, height));
        fixed (byte* from = source, to = target)
        {
            if (bands == 1)
            {
                ResizeBand(from, sourceWidth, sourceHeight, to, width, columns, rows, 0, height);
                return;
            }
            // Lambdas cannot hold pointers, but the memory stays pinned until all bands are done.
            nint fromAddress = (nint)from, toAddress = (nint)to;
            Parallel.For(0, bands, band => ResizeBand((byte*)fromAddress, sourceWidth, sourceHeight, (byte*)toAddress, width,
                columns, rows, (int)((long)height * band / bands), (int)((long)height * (band + 1) / bands)));
        }
    }

    private readonly record struct Tap(int First, short Weight0, short Weight1);

    private static Tap[] Taps(int sourceSize, int size, bool clampWeights)
    {
        double scale = 1 / ((double)size / sourceSize);
        var taps = new Tap[size];
        for (int i = 0; i < size; i++)
        {
            float position = (float)((i + 0.5) * scale - 0.5);
            int first = (int)MathF.Floor(position);
            position -= first;
            if (clampWeights && (first < 0 || first >= sourceSize - 1))
            {
                first = first < 0 ? 0 : sourceSize - 1;
                position = 0;
            }
            taps[i] = new Tap(first, Weight(1 - position), Weight(position));
        }
        return taps;
    }

    private static short Weight(float share) => (short)MathF.Round(share * One, MidpointRounding.ToEven);

    private static void ResizeBand(byte* source, int sourceWidth, int sourceHeight, byte* target, int width,
        Tap[] columns, Tap[] rows, int begin, int end)
    {
        int values = 3 * width;
        // Two interpolated source rows; most target rows share at least one with their predecessor.
        var lines = new short[2 * values];
        fixed (short* memory = lines)
        {
            short* upper = memory;
            short* lower = memory + values;
            int upperRow = -1, lowerRow = -1;
            for (int y = begin; y < end; y++)
            {
                int row0 = Math.Clamp(rows[y].First, 0, sourceHeight - 1);
                int row1 = Math.Clamp(rows[y].First + 1, 0, sourceHeight - 1);
                if (upperRow != row0)
                {
                    if (lowerRow == row0)
                    {
                        short* swap = upper;
                        upper = lower;
                        lower = swap;
                        (upperRow, lowerRow) = (lowerRow, upperRow);
                    }
                    else
                    {
                        Horizontal(source + 3L * sourceWidth * row0, upper, columns, sourceWidth);
                        upperRow = row0;
                    }
                }
                if (row1 != row0 && lowerRow != row1)
                {
                    Horizontal(source + 3L * sourceWidth * row1, lower, columns, sourceWidth);
                    lowerRow = row1;
                }
                Vertical(upper, row1 == row0 ? upper : lower, target + (long)values * y, values, rows[y].Weight0, rows[y].Weight1);
            }
        }
    }

    private static void Horizontal(byte* source, short* line, Tap[] columns, int sourceWidth)
    {
        foreach (var tap in columns)
        {
            byte* left = source + 3 * tap.First;
            // The last column has no right neighbour; its weight is 0.
            byte* right = tap.First + 1 < sourceWidth ? left + 3 : left;
            int a = tap.Weight0, b = tap.Weight1;
            line[0] = (short)((left[0] * a + right[0] * b) >> 4);
            line[1] = (short)((left[1] * a + right[1] * b) >> 4);
            line[2] = (short)((left[2] * a + right[2] * b) >> 4);
            line += 3;
        }
    }

    private static void Vertical(short* upper, short* lower, byte* target, int values, short weight0, short weight1)
    {
        int i = 0;
        if (Avx2.IsSupported)
        {
            var a = Vector256.Create(weight0);
            var b = Vector256.Create(weight1);
            var two = Vector256.Create((short)2);
            for (; i <= values - 32; i += 32)
            {
                var low = Avx2.MultiplyHigh(Vector256.Load(upper + i), a) + Avx2.MultiplyHigh(Vector256.Load(lower + i), b);
                var high = Avx2.MultiplyHigh(Vector256.Load(upper + i + 16), a) + Avx2.MultiplyHigh(Vector256.Load(lower + i + 16), b);
                var packed = Avx2.PackUnsignedSaturate((low + two) >> 2, (high + two) >> 2);
                Avx2.Permute4x64(packed.AsInt64(), 0b11_01_10_00).AsByte().Store(target + i);
            }
        }
        for (; i < values; i++)
        {
            int value = ((upper[i] * weight0 >> 16) + (lower[i] * weight1 >> 16) + 2) >> 2;
            target[i] = (byte)Math.Clamp(value, 0, 255);
        }
    }
}
