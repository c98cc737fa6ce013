using Tcm.Kernels.Images;
using Tcm.Kernels.Resampling;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>Pooling, resizing, data movement and picture input.</summary>
internal static class ImageCases
{
    public static IEnumerable<KernelCase> Pooling()
    {
        foreach (var (planes, h, w, kernel) in new[]
        {
            (1, 2, 2, 2), (1, 1, 1, 1), (3, 5, 7, 2), (2, 16, 33, 2), (5, 3, 64, 2), (64, 40, 40, 2), (2, 9, 10, 3),
            (1, 20, 17, 4), (3, 7, 7, 7), (2, 5, 6, 1),
        })
        {
            yield return new($"AvgPool2d {planes}x{h}x{w} by {kernel}", [planes * h * w], planes * (h / kernel) * (w / kernel),
                (b, _, x, y) => b.Pooling.Forward(planes, h, w, kernel, x[0], y));
        }
    }

    public static IEnumerable<KernelCase> Resampling()
    {
        foreach (var shape in new ResizeShape[]
        {
            new(1, 1, 1, 1, 1, 1), new(1, 1, 1, 1, 5, 3), new(1, 1, 2, 2, 3, 4), new(2, 3, 5, 7, 10, 14),
            new(1, 8, 20, 20, 40, 40), new(1, 2, 17, 33, 34, 66), new(1, 2, 10, 10, 40, 40), new(1, 2, 5, 6, 40, 48),
            new(1, 3, 7, 5, 11, 13), new(2, 2, 13, 11, 7, 5), new(1, 2, 9, 9, 9, 9), new(1, 1, 3, 100, 6, 100),
            new(1, 1, 100, 3, 100, 6), new(2, 3, 4, 5, 8, 10, 3 * 8 * 10 + 29), new(2, 2, 6, 6, 7, 9, 500),
            new(1, 1, 90, 100, 300, 310),
        })
        {
            int input = shape.N * shape.C * shape.InH * shape.InW;
            int output = (int)((shape.N - 1) * shape.OutputStride) + shape.C * shape.OutH * shape.OutW;
            foreach (var mode in Enum.GetValues<ResizeMode>())
            {
                yield return new($"{mode} {shape}", [input], output, (b, _, x, y) => b.Resampling.Resize(mode, shape, x[0], y));
                yield return new($"{mode} added {shape}", [input], output,
                    (b, _, x, y) => b.Resampling.Resize(mode, shape, x[0], y, accumulate: true));
            }
        }
    }

    public static IEnumerable<KernelCase> Indexing()
    {
        foreach (var (batch, rows, columns) in new[]
        {
            (1, 1, 1), (1, 1, 9), (2, 9, 1), (1, 16, 16), (3, 15, 17), (2, 17, 15), (1, 33, 64), (1, 256, 400), (5, 20, 3),
        })
        {
            yield return new($"Transpose ({batch},{rows},{columns})", [batch * rows * columns], batch * rows * columns,
                (b, _, x, y) => b.Indexing.Transpose(batch, rows, columns, x[0], y))
            { Atol = 0, Rtol = 0 };
        }
        foreach (var (count, run, from, to) in new[]
        {
            (1, 1, 0, 0), (1, 77, 5, 9), (7, 3, 3, 5), (5, 1, 2, 3), (40, 129, 200, 140), (6, 10, 0, 10),
            (3, 40_000, 40_001, 40_003),
            (5000, 3, 4, 3),
        })
        {
            yield return new($"CopyRuns {count}x{run}, {from} to {to}", [(count - 1) * from + run], (count - 1) * to + run,
                (b, _, x, y) => b.Indexing.CopyRuns(count, run, x[0], from, y, to))
            { Atol = 0, Rtol = 0 };
        }
        int[] ids = [4, 0, 4, 9, 1, 1, 7];
        foreach (int width in new[] { 1, 5, 64, 513 })
        {
            yield return new($"Embedding width {width}", [10 * width], ids.Length * width,
                (b, _, x, y) => b.Indexing.GatherRows(10, width, x[0], ids, y))
            { Atol = 0, Rtol = 0 };
        }
    }

    public static IEnumerable<KernelCase> Images()
    {
        var normalization = new ChannelNormalization(123.675f, 116.28f, 103.53f, 1 / 58.395f, 1 / 57.12f, 1 / 57.375f);
        foreach (var (h, w, extra, paddedH, paddedW) in new[]
        {
            (1, 1, 0, 1, 1), (1, 5, 0, 2, 8), (3, 6, 1, 3, 6), (5, 7, 2, 32, 32), (4, 10, 0, 4, 11), (33, 63, 5, 64, 64),
            (100, 150, 0, 128, 160),
        })
        {
            int stride = 3 * w + extra;
            var rgb = new byte[(h - 1) * stride + 3 * w];
            new Random(7).NextBytes(rgb);
            yield return new($"NormalizePad {h}x{w}, rows {stride}, to {paddedH}x{paddedW}", [], 3 * paddedH * paddedW,
                (b, _, _, y) => b.Images.NormalizePad(rgb, stride, h, w, paddedH, paddedW, normalization, y));
        }
    }
}
