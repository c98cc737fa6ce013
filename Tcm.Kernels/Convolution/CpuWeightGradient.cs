using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// dw[k][c,r,s] = sum over pixels of dy[k][pixel] * x[c][pixel shifted by (r,s)], a product whose inner axis is pixels. Both
/// operands are first laid out by pixel: dy in strips of 4 channels, x in panels of <see cref="Gemm{T}.Columns"/> channels.
/// With stride 1, x keeps a border of zeros and dy has zeros where a row of it is narrower, so that one panel serves all
/// shifts (r,s): they are offsets into it. With another stride every (c,r,s) is a channel of its own, gathered once.
///   task = panel of channels x block of strips x segment of the pixels;  sums over segments are added in their order
/// Results do not depend on the number of threads.
/// </summary>
internal static unsafe class CpuWeightGradient<T> where T : struct, IFloatVector<T>
{
    private const int PixelBlock = 256;
    private const int StripsPerTask = 16;
    private const int WantedTasks = 32;

    public static void Run(CpuBackend backend, in Conv2dShape shape, float* x, float* dy, float* dw)
    {
        var layout = new Layout(shape);
        using var xPanels = backend.Allocate(layout.XLength);
        using var dyStrips = backend.Allocate(layout.DyLength);
        using var sums = backend.Allocate(layout.SumsLength);
        var job = new Job
        {
            Layout = layout,
            X = x,
            Dy = dy,
            Dw = dw,
            XPanels = CpuBackend.Pointer(xPanels.All),
            DyStrips = CpuBackend.Pointer(dyStrips.All),
            Sums = CpuBackend.Pointer(sums.All),
        };
        var pack = new Pack { Job = job };
        backend.Team.Run(shape.Input.N * (layout.Panels + layout.Strips), ref pack);
        backend.Team.Run(layout.Panels * layout.StripBlocks * layout.Segments, ref job);
        var gather = new Gather { Job = job };
        backend.Team.Run(shape.Filter.K, ref gather);
    }

    /// <summary>Sizes of the packed operands.</summary>
    private readonly struct Layout
    {
        public readonly Conv2dShape Shape;
        public readonly bool Shifted;
        public readonly int Channels, Taps, RowWidth, Flat, XFlat, Panels, Strips, StripBlocks, BlocksPerImage, Segments;

        public Layout(in Conv2dShape shape)
        {
            var f = shape.Filter;
            Shape = shape;
            Shifted = f.Stride == 1;
            Taps = Shifted ? f.R * f.S : 1;
            Channels = Shifted ? f.C : f.C * f.R * f.S;
            RowWidth = Shifted ? shape.Input.W + (2 * f.Padding) : shape.Q;
            Flat = shape.P * RowWidth;
            // The last shift of the last pixels reaches S-1 pixels past the last row.
            XFlat = Shifted ? ((shape.Input.H + (2 * f.Padding)) * RowWidth) + f.S : Flat;
            Panels = (Channels + Gemm<T>.Columns - 1) / Gemm<T>.Columns;
            Strips = (f.K + Gemm<T>.Rows - 1) / Gemm<T>.Rows;
            StripBlocks = (Strips + StripsPerTask - 1) / StripsPerTask;
            BlocksPerImage = (Flat + PixelBlock - 1) / PixelBlock;
            Segments = Math.Clamp(WantedTasks / (Panels * StripBlocks), 1, shape.Input.N * BlocksPerImage);
        }

        public long XLength => (long)Shape.Input.N * Panels * XFlat * Gemm<T>.Columns;

        public long DyLength => (long)Shape.Input.N * Strips * Flat * Gemm<T>.Rows;

        public long TileFloats => Gemm<T>.Rows * Gemm<T>.Columns;

        /// <summary>(segment)(panel)(tap)(strip)(4)(columns)</summary>
        public long SumsLength => Segments * SegmentFloats;

        public long SegmentFloats => (long)Panels * Taps * Strips * TileFloats;

        public long Tile(int segment, int panel, int tap, int strip) =>
            (segment * SegmentFloats) + (((((long)panel * Taps) + tap) * Strips) + strip) * TileFloats;
    }

    private struct Job : IJob
    {
        public Layout Layout;
        public float* X, Dy, Dw, XPanels, DyStrips, Sums;

        public readonly void Run(int task)
        {
            var l = Layout;
            int segment = task % l.Segments, block = task / l.Segments % l.StripBlocks, panel = task / l.Segments / l.StripBlocks;
            int firstStrip = block * StripsPerTask, lastStrip = Math.Min(firstStrip + StripsPerTask, l.Strips);
            long total = (long)l.Shape.Input.N * l.BlocksPerImage;
            long from = total * segment / l.Segments, to = total * (segment + 1) / l.Segments;
            int columns = Gemm<T>.Columns;
            for (long i = from; i < to; i++)
            {
                int image = (int)(i / l.BlocksPerImage), start = (int)(i % l.BlocksPerImage) * PixelBlock;
                int kc = Math.Min(PixelBlock, l.Flat - start);
                float* b = XPanels + (((((long)image * l.Panels) + panel) * l.XFlat) + start) * columns;
                float* a = DyStrips + ((((long)image * l.Strips * l.Flat) + start) * Gemm<T>.Rows);
                for (int tap = 0; tap < l.Taps; tap++)
                {
                    int shift = (tap / l.Shape.Filter.S * l.RowWidth) + (tap % l.Shape.Filter.S);
                    float* c = Sums + l.Tile(segment, panel, tap, 0);
                    for (int strip = firstStrip; strip < lastStrip; strip++)
                    {
                        Gemm<T>.Tile(kc, a + ((long)strip * l.Flat * Gemm<T>.Rows), b + ((long)shift * columns), columns,
                            c + (strip * l.TileFloats), columns, i == from);
                    }
                }
            }
        }
    }

    /// <summary>A task lays out one panel of x or one strip of dy of one image.</summary>
    private struct Pack : IJob
    {
        public Job Job;

        public readonly void Run(int task)
        {
            var l = Job.Layout;
            int part = task % (l.Panels + l.Strips), image = task / (l.Panels + l.Strips);
            if (part >= l.Panels)
            {
                PackDy(l, image, part - l.Panels);
            }
            else if (l.Shifted)
            {
                PackShifted(l, image, part);
            }
            else
            {
                PackGathered(l, image, part);
            }
        }

        private readonly void PackDy(in Layout l, int image, int strip)
        {
            int rows = Gemm<T>.Rows, first = strip * rows, have = Math.Min(rows, l.Shape.Filter.K - first);
            int p = l.Shape.P, q = l.Shape.Q;
            float* target = Job.DyStrips + ((((long)image * l.Strips) + strip) * l.Flat * rows);
            float* source = Job.Dy + ((((long)image * l.Shape.Filter.K) + first) * p * q);
            if (have < rows || q < l.RowWidth)
            {
                new Span<float>(target, l.Flat * rows).Clear();
            }
            for (int y = 0; y < p; y++)
            {
                Interleave.Rows(source + (y * q), (nint)p * q, have, q, target + ((long)y * l.RowWidth * rows), rows);
            }
        }

        private readonly void PackShifted(in Layout l, int image, int panel)
        {
            int columns = Gemm<T>.Columns, first = panel * columns, have = Math.Min(columns, l.Channels - first);
            int h = l.Shape.Input.H, w = l.Shape.Input.W, padding = l.Shape.Filter.Padding;
            float* target = Job.XPanels + ((((long)image * l.Panels) + panel) * l.XFlat * columns);
            float* source = Job.X + ((((long)image * l.Channels) + first) * h * w);
            new Span<float>(target, l.XFlat * columns).Clear();
            for (int y = 0; y < h; y++)
            {
                float* row = target + (((((long)y + padding) * l.RowWidth) + padding) * columns);
                Interleave.Rows(source + (y * w), (nint)h * w, have, w, row, columns);
            }
        }

        private readonly void PackGathered(in Layout l, int image, int panel)
        {
            var f = l.Shape.Filter;
            int columns = Gemm<T>.Columns, first = panel * columns, have = Math.Min(columns, l.Channels - first);
            int h = l.Shape.Input.H, w = l.Shape.Input.W, p = l.Shape.P, q = l.Shape.Q, area = f.R * f.S;
            float* target = Job.XPanels + ((((long)image * l.Panels) + panel) * l.XFlat * columns);
            new Span<float>(target, l.XFlat * columns).Clear();
            for (int i = 0; i < have; i++)
            {
                int channel = (first + i) / area, r = (first + i) % area / f.S, s = (first + i) % f.S;
                float* plane = Job.X + ((((long)image * f.C) + channel) * h * w);
                for (int y = 0; y < p; y++)
                {
                    int row = (y * f.Stride) - f.Padding + r;
                    if ((uint)row >= (uint)h)
                    {
                        continue;
                    }
                    float* to = target + ((long)y * q * columns) + i;
                    float* line = plane + ((long)row * w);
                    int column = s - f.Padding;
                    for (int o = 0; o < q; o++, column += f.Stride, to += columns)
                    {
                        if ((uint)column < (uint)w)
                        {
                            *to = line[column];
                        }
                    }
                }
            }
        }
    }

    /// <summary>A task adds the segments' tiles of one output channel and writes its filter.</summary>
    private struct Gather : IJob
    {
        public Job Job;

        public readonly void Run(int k)
        {
            var l = Job.Layout;
            var f = l.Shape.Filter;
            int columns = Gemm<T>.Columns, strip = k / Gemm<T>.Rows, row = k % Gemm<T>.Rows;
            float* target = Job.Dw + ((long)k * l.Channels * l.Taps);
            for (int channel = 0; channel < l.Channels; channel++)
            {
                int panel = channel / columns, column = channel % columns;
                for (int tap = 0; tap < l.Taps; tap++)
                {
                    float sum = 0;
                    for (int segment = 0; segment < l.Segments; segment++)
                    {
                        sum += Job.Sums[l.Tile(segment, panel, tap, strip) + (row * columns) + column];
                    }
                    *target++ = sum;
                }
            }
        }
    }
}
