using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// A row of input pixels with the zeros of the padding around it. A stride splits its columns by their remainder, so that a run
/// of outputs reads a run of inputs: tap s of output j is at (s % stride) * pitch + s / stride + j.
/// </summary>
internal static unsafe class PaddedRow
{
    /// <summary>Copies a row of <paramref name="w"/> pixels.</summary>
    /// <param name="row">The first pixel.</param>
    /// <param name="w">Number of pixels.</param>
    /// <param name="f">The filter, whose stride and padding count.</param>
    /// <param name="target">stride times pitch floats.</param>
    /// <param name="pitch">Floats of one remainder.</param>
    public static void Fill(float* row, int w, Conv2dFilter f, float* target, int pitch)
    {
        for (int phase = 0; phase < f.Stride; phase++)
        {
            FillPhase(row, w, phase - f.Padding, f.Stride, target + (phase * pitch), pitch);
        }
    }

    /// <summary>target[i] = row[start + i * stride], 0 outside the row of w pixels.</summary>
    private static void FillPhase(float* row, int w, int start, int stride, float* target, int pitch)
    {
        int from = Math.Min(pitch, start < 0 ? (-start + stride - 1) / stride : 0);
        int to = Math.Clamp((w - start + stride - 1) / stride, from, pitch);
        new Span<float>(target, from).Clear();
        new Span<float>(target + to, pitch - to).Clear();
        if (stride == 1)
        {
            new ReadOnlySpan<float>(row + start + from, to - from).CopyTo(new Span<float>(target + from, to - from));
            return;
        }
        float* source = row + start + (from * stride);
        int i = from;
        if (stride == 2 && Avx2.IsSupported)
        {
            // Sixteen floats are read for eight: only where all of them lie in the row.
            for (; i + 8 <= to && source + 16 <= row + w; i += 8, source += 16)
            {
                var even = Avx.Shuffle(Vector256.Load(source), Vector256.Load(source + 8), 0b10_00_10_00);
                Avx2.Permute4x64(even.AsDouble(), 0b11_01_10_00).AsSingle().Store(target + i);
            }
        }
        for (; i < to; i++, source += stride)
        {
            target[i] = *source;
        }
    }
}
