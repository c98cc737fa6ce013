using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// dw[k][c,r,s] = sum over pixels of dy[k][pixel] * x[c][pixel shifted by (r,s)]: a product whose inner axis is pixels. A
/// task takes some rows of an image at a time, lays them out by pixel in its scratch (<see cref="WeightGradientPacking{T}"/>),
/// and adds their products to its own sums:
///   task = segment of all rows of all images x block of output channels;  for each chunk of rows of the segment: pack;
///   for each 256 pixels, panel of x, shift, strip of dy: tile
/// The segments' sums are added in their order, and segments follow from the shape alone, so results do not depend on the
/// number of threads.
/// </summary>
internal static unsafe class CpuWeightGradient<T> where T : struct, IFloatVector<T>
{
    private const int PixelBlock = 256;

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
        backend.Team.Run(layout.Segments * layout.StripBlocks, ref job);
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
            int firstStrip = l.Strips * block / l.StripBlocks, strips = (l.Strips * (block + 1) / l.StripBlocks) - firstStrip;
            int first = (int)((long)l.Chunks * segment / l.Segments), last = (int)((long)l.Chunks * (segment + 1) / l.Segments);
            float* panels = Scratch.Get(((long)l.Panels * l.PanelFloats) + ((long)strips * l.StripFloats));
            float* dyStrips = panels + ((long)l.Panels * l.PanelFloats);
            for (int chunk = first; chunk < last; chunk++)
            {
                int image = chunk / l.ChunksPerImage, top = chunk % l.ChunksPerImage * l.Rows;
                int rows = Math.Min(l.Rows, l.Shape.P - top);
                WeightGradientPacking<T>.Panels(l, X + (image * l.Shape.InputImage), top, rows, panels);
                WeightGradientPacking<T>.Strips(l, Dy + (image * l.Shape.OutputImage), top, rows, firstStrip, strips, dyStrips);
                for (int pixel = 0; pixel < rows * l.RowWidth; pixel += PixelBlock)
                {
                    int kc = Math.Min(PixelBlock, (rows * l.RowWidth) - pixel);
                    Multiply(segment, firstStrip, strips, pixel, kc, panels, dyStrips, chunk == first && pixel == 0);
                }
            }
        }

        private readonly void Multiply(int segment, int firstStrip, int strips, int pixel, int kc, float* panels,
            float* dyStrips, bool first)
        {
            int columns = Gemm<T>.Columns;
            float* a = dyStrips + (pixel * Gemm<T>.Rows);
            for (int panel = 0; panel < Layout.Panels; panel++)
            {
                for (int shift = 0; shift < Layout.Shifts; shift++)
                {
                    float* b = panels + ((long)panel * Layout.PanelFloats) + ((long)(pixel + Layout.Offset(shift)) * columns);
                    float* c = Sums + Layout.Tile(segment, panel, shift, firstStrip);
                    for (int strip = 0; strip < strips; strip++, c += Layout.TileFloats)
                    {
                        Gemm<T>.Tile(kc, a + ((long)strip * Layout.StripFloats), b, columns, c, columns, first);
                    }
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
            int columns = Gemm<T>.Columns, strip = k / Gemm<T>.Rows, row = k % Gemm<T>.Rows;
            float* target = Job.Dw + ((long)k * f.C * f.R * f.S);
            for (int c = 0; c < f.C; c++)
            {
                for (int tap = 0; tap < f.R * f.S; tap++)
                {
                    var (shift, channel) = l.Find(tap, c);
                    float* source = Job.Sums + l.Tile(0, channel / columns, shift, strip) + (row * columns) + (channel % columns);
                    float sum = 0;
                    for (int segment = 0; segment < l.Segments; segment++, source += l.SegmentFloats)
                    {
                        sum += *source;
                    }
                    *target++ = sum;
                }
            }
        }
    }
}
