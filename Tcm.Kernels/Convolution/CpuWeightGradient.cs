using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// dw[k][c,r,s] = sum over pixels of dy[k][pixel] * x[c][pixel shifted by (r,s)]: a product whose inner axis is pixels. A
/// task takes some rows of an image at a time, lays them out by pixel in its scratch (<see cref="WeightGradientPacking{T}"/>),
/// and adds their products to its own sums:
///   task = segment of all rows of all images x block of panels x block of strips
///   for each chunk of rows of the segment: pack; for each block of pixels, panel of x, shift, strip of dy: tile
/// The segments' sums are added in their order, and segments follow from the shape alone, so results do not depend on the
/// number of threads.
/// </summary>
internal static unsafe class CpuWeightGradient<T> where T : struct, IFloatVector<T>
{
    private const int PixelBlock = 192;

    public static void Run(CpuBackend backend, in Conv2dShape shape, float* x, float* dy, float* dw)
    {
        var layout = new WeightGradientLayout(shape, Gemm<T>.Columns);
        using var sums = backend.Allocate(layout.Segments * layout.SegmentFloats);
        var job = new Job
        {
            Layout = layout,
            X = x,
            Dy = dy,
            Dw = dw,
            Sums = CpuBackend.Pointer(sums.All),
        };
        backend.Team.Run(layout.Segments * layout.PanelBlocks * layout.StripBlocks, ref job);
        var gather = new Gather { Job = job };
        backend.Team.Run(shape.Filter.K, ref gather);
    }

    private struct Job : IJob
    {
        public WeightGradientLayout Layout;
        public float* X, Dy, Dw, Sums;

        public readonly void Run(int task)
        {
            var l = Layout;
            int segment = task % l.Segments, block = task / l.Segments;
            var part = l.PartOf(block % l.PanelBlocks, block / l.PanelBlocks);
            int first = (int)((long)l.Chunks * segment / l.Segments), last = (int)((long)l.Chunks * (segment + 1) / l.Segments);
            float* panels = Scratch.Get(((long)part.Panels * l.PanelFloats) + ((long)part.Strips * l.StripFloats));
            float* strips = panels + ((long)part.Panels * l.PanelFloats);
            for (int chunk = first; chunk < last; chunk++)
            {
                int image = chunk / l.ChunksPerImage, top = chunk % l.ChunksPerImage * l.Rows;
                int rows = Math.Min(l.Rows, l.Shape.P - top), pixels = rows * l.RowWidth;
                WeightGradientPacking<T>.Panels(l, part, X + (image * l.Shape.InputImage), top, rows, panels);
                WeightGradientPacking<T>.Strips(l, part, Dy + (image * l.Shape.OutputImage), top, rows, strips);
                // Equal blocks: a short one at the end would be mostly loads and stores of sums.
                int blocks = (pixels + PixelBlock - 1) / PixelBlock;
                for (int i = 0; i < blocks; i++)
                {
                    int pixel = pixels * i / blocks, kc = (pixels * (i + 1) / blocks) - pixel;
                    Multiply(segment, part, kc, panels + ((nint)pixel * Gemm<T>.Columns), strips + (pixel * Gemm<T>.Rows),
                        chunk == first && i == 0);
                }
            }
        }

        /// <summary>Products over kc pixels, the first of each panel at b and of each strip at a.</summary>
        private readonly void Multiply(int segment, WeightGradientPart part, int kc, float* b, float* a, bool first)
        {
            int columns = Gemm<T>.Columns;
            for (int panel = 0; panel < part.Panels; panel++)
            {
                for (int shift = 0; shift < Layout.Shifts; shift++)
                {
                    float* shifted = b + ((nint)panel * Layout.PanelFloats) + ((nint)Layout.Offset(shift) * columns);
                    float* c = Sums + Layout.Tile(segment, part.FirstPanel + panel, shift, part.FirstStrip);
                    Gemm<T>.Tiles(part.Strips, kc, a, Layout.StripFloats, new Gemm<T>.PanelRows(shifted), c, Layout.TileFloats, columns, first);
                }
            }
        }
    }

    /// <summary>A task adds the segments' sums of one output channel and writes its filter.</summary>
    private struct Gather : IJob
    {
        public Job Job;

        public readonly void Run(int k)
        {
            var l = Job.Layout;
            var f = l.Shape.Filter;
            int columns = Gemm<T>.Columns, strip = k / Gemm<T>.Rows, row = k % Gemm<T>.Rows, area = f.R * f.S;
            float* sums = Scratch.Get((long)l.Shifts * l.Panels * columns);
            for (int shift = 0; shift < l.Shifts; shift++)
            {
                for (int panel = 0; panel < l.Panels; panel++)
                {
                    Add(Job.Sums + l.Tile(0, panel, shift, strip) + (row * columns), sums + (((shift * l.Panels) + panel) * columns));
                }
            }
            float* target = Job.Dw + ((long)k * f.C * area);
            for (int tap = 0; tap < area; tap++)
            {
                var (shift, column) = l.Find(tap);
                float* source = sums + (shift * l.Panels * columns) + column;
                for (int c = 0; c < f.C; c++)
                {
                    target[(c * area) + tap] = source[c];
                }
            }
        }

        /// <summary>One row of a tile, over all segments.</summary>
        private readonly void Add(float* source, float* target)
        {
            T s0 = T.Load(source), s1 = T.Load(source + T.Count), s2 = T.Load(source + (2 * T.Count));
            for (int segment = 1; segment < Job.Layout.Segments; segment++)
            {
                source += Job.Layout.SegmentFloats;
                s0 += T.Load(source);
                s1 += T.Load(source + T.Count);
                s2 += T.Load(source + (2 * T.Count));
            }
            s0.Store(target);
            s1.Store(target + T.Count);
            s2.Store(target + (2 * T.Count));
        }
    }
}
