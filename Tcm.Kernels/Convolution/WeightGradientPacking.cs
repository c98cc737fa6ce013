using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Lays out some rows of an image by pixel: x in panels (pixels, columns), dy in strips (pixels, 4). Columns past the last
/// channel hold anything; the sums that they lead to are never read.
/// </summary>
internal static unsafe class WeightGradientPacking<T> where T : struct, IFloatVector<T>
{
    /// <summary>What rows [top, top + rows) of dy need of x (C,H,W), into the part's panels.</summary>
    public static void Panels(in WeightGradientLayout l, WeightGradientPart part, float* x, int top, int rows, float* target)
    {
        int columns = Gemm<T>.Columns, c = l.Shape.Filter.C;
        int begin = part.FirstPanel * columns, all = Math.Min(l.Copies * c, begin + (part.Panels * columns));
        for (int column = begin; column < all;)
        {
            // A run of channels of one copy inside one panel.
            int copy = column / c, channel = column % c, place = column % columns;
            int run = Math.Min(Math.Min(c - channel, columns - place), all - column);
            float* planes = x + ((long)channel * l.Shape.Input.H * l.Shape.Input.W);
            float* panel = target + ((long)((column - begin) / columns) * l.PanelFloats) + place;
            if (l.Shifted)
            {
                Shifted(l, planes, run, top + copy - l.Shape.Filter.Padding, rows + l.MoreRows, panel);
            }
            else
            {
                Gathered(l, planes, run, copy, top, rows, panel);
            }
            column += run;
        }
    }

    /// <summary>Rows [top, top + rows) of dy (K,P,Q), into the part's strips.</summary>
    public static void Strips(in WeightGradientLayout l, WeightGradientPart part, float* dy, int top, int rows, float* target)
    {
        const int height = 4;
        int p = l.Shape.P, q = l.Shape.Q, gap = l.RowWidth - q;
        for (int strip = 0; strip < part.Strips; strip++)
        {
            int first = (part.FirstStrip + strip) * height, have = Math.Min(height, l.Shape.Filter.K - first);
            float* to = target + ((long)strip * l.StripFloats);
            float* source = dy + ((((long)first * p) + top) * q);
            if (gap == 0)
            {
                Interleave.Rows(source, (nint)p * q, have, rows * q, to, height);
                continue;
            }
            for (int y = 0; y < rows; y++, source += q, to += l.RowWidth * height)
            {
                Interleave.Rows(source, (nint)p * q, have, q, to, height);
                new Span<float>(to + (q * height), gap * height).Clear();
            }
        }
    }

    /// <summary>Rows of x from <paramref name="top"/> on, which may lie outside, between borders of zeros.</summary>
    private static void Shifted(in WeightGradientLayout l, float* planes, int channels, int top, int rows, float* target)
    {
        int columns = Gemm<T>.Columns, h = l.Shape.Input.H, w = l.Shape.Input.W, left = l.Shape.Filter.Padding;
        int right = l.RowWidth - w - left;
        if (l.RowWidth == w && l.TailPixels == 0)
        {
            // Filters of one column without a border: rows follow each other as in the image.
            int above = Math.Clamp(-top, 0, rows), inside = Math.Clamp(h - top, above, rows) - above;
            Clear(target, above * w, channels, columns);
            target += (nint)above * w * columns;
            Interleave.Rows(planes + ((long)(top + above) * w), (nint)h * w, channels, inside * w, target, columns);
            Clear(target + ((nint)inside * w * columns), (rows - above - inside) * w, channels, columns);
            return;
        }
        for (int y = top; y < top + rows; y++, target += (nint)l.RowWidth * columns)
        {
            if ((uint)y >= (uint)h)
            {
                Clear(target, l.RowWidth, channels, columns);
                continue;
            }
            Clear(target, left, channels, columns);
            Interleave.Rows(planes + ((long)y * w), (nint)h * w, channels, w, target + ((nint)left * columns), columns);
            Clear(target + ((nint)(left + w) * columns), right, channels, columns);
        }
        Clear(target, l.TailPixels, channels, columns);
    }

    /// <summary>Channels seen from one tap, at the pixels of rows [top, top + rows) of dy.</summary>
    private static void Gathered(in WeightGradientLayout l, float* planes, int channels, int tap, int top, int rows, float* target)
    {
        var f = l.Shape.Filter;
        int columns = Gemm<T>.Columns, h = l.Shape.Input.H, w = l.Shape.Input.W, q = l.Shape.Q, shift = (tap % f.S) - f.Padding;
        // Pixels whose column q * stride + shift lies inside the image.
        int from = shift >= 0 ? 0 : Math.Min(q, (-shift + f.Stride - 1) / f.Stride);
        int to = w - 1 < shift ? from : Math.Clamp(((w - 1 - shift) / f.Stride) + 1, from, q);
        for (int y = top; y < top + rows; y++, target += (nint)q * columns)
        {
            int row = (y * f.Stride) - f.Padding + (tap / f.S);
            if ((uint)row >= (uint)h)
            {
                Clear(target, q, channels, columns);
                continue;
            }
            Clear(target, from, channels, columns);
            float* source = planes + ((long)row * w) + (from * f.Stride) + shift;
            Interleave.Rows(source, (nint)h * w, channels, to - from, target + ((nint)from * columns), columns, f.Stride);
            Clear(target + ((nint)to * columns), q - to, channels, columns);
        }
    }

    private static void Clear(float* target, int pixels, int channels, int columns)
    {
        for (int i = 0; i < pixels; i++, target += columns)
        {
            new Span<float>(target, channels).Clear();
        }
    }
}
