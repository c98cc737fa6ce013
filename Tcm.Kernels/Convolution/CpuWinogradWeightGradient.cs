using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// The weight gradient of a 3x3 convolution by the transpose of F(4x4,3x3): where the forward pass of a tile is
/// y = A^T [(G g G^T) (B^T x B)] A, with a product for each of 36 positions between the brackets,
///   dg = G^T [sum over tiles of (A dy A^T) (B^T x B)] G
/// so a tile costs 36 products instead of 144 and the filter is transformed back once. For each position the sum is a matrix
/// product (K, tiles) (tiles, C), and a task does
///   for each block of tiles of its segment: transform x and dy; for each position, panel of x, strip of dy: tile
/// The segments' sums are added in their order, and segments follow from the shape alone, so results do not depend on the
/// number of threads.
/// </summary>
internal static unsafe class CpuWinogradWeightGradient<T> where T : struct, IFloatVector<T>
{
    /// <summary>Tiles that are multiplied at a time: enough that loading and storing sums costs little.</summary>
    private const int TileBlock = 64;

    private const int Positions = WinogradTransforms.Products, StripRows = Gemm<T>.Rows;
    private const int WantedTasks = 8, MaxSegments = 32;
    private const long MaxSums = 4 << 20;

    /// <summary>Positions a cache line apart, lest 36 streams meet in one set of the cache.</summary>
    private const int Gap = 16;

    // Fewer channels leave panels half empty; there direct code fills them with several taps.
    public static bool Suits(in Conv2dShape shape) =>
        shape.Filter is { R: 3, S: 3, Stride: 1, Padding: 1, Groups: 1, C: >= 12, K: >= 8 } && Tiles(shape) >= 16;

    public static void Run(CpuBackend backend, in Conv2dShape shape, float* x, float* dy, float* dw)
    {
        var f = shape.Filter;
        int panels = (f.C + Gemm<T>.Columns - 1) / Gemm<T>.Columns, strips = (f.K + StripRows - 1) / StripRows;
        long segmentFloats = (long)Positions * panels * strips * StripRows * Gemm<T>.Columns;
        long blocks = (Tiles(shape) + TileBlock - 1) / TileBlock;
        int segments = (int)Math.Clamp(MaxSums / segmentFloats, 1, Math.Min(MaxSegments, blocks));
        using var sums = backend.Allocate(segments * segmentFloats);
        var job = new Job
        {
            Shape = shape,
            X = x,
            Dy = dy,
            Dw = dw,
            Sums = CpuBackend.Pointer(sums.All),
            SegmentFloats = segmentFloats,
            Panels = panels,
            Strips = strips,
            Segments = segments,
            // Each block of panels transforms dy once more.
            PanelBlocks = Math.Clamp(WantedTasks / segments, 1, panels),
        };
        backend.Team.Run(segments * job.PanelBlocks, ref job);
        var gather = new Gather { Job = job };
        backend.Team.Run(strips, ref gather);
    }

    private static int TilesPerImage(in Conv2dShape shape) =>
        WinogradGradientTiles<T>.Along(shape.P) * WinogradGradientTiles<T>.Along(shape.Q);

    private static long Tiles(in Conv2dShape shape) => (long)shape.Input.N * TilesPerImage(shape);

    private struct Job : IJob
    {
        public Conv2dShape Shape;
        public float* X, Dy, Dw, Sums;
        public long SegmentFloats;
        public int Panels, Strips, Segments, PanelBlocks;

        /// <summary>Sums (4, columns) of one position, panel and strip.</summary>
        public readonly float* Tile(int segment, int position, int panel, int strip) => Sums + (segment * SegmentFloats)
            + (((((long)position * Panels) + panel) * Strips) + strip) * StripRows * Gemm<T>.Columns;

        public readonly void Run(int task)
        {
            int segment = task % Segments, block = task / Segments;
            int firstPanel = Panels * block / PanelBlocks, panels = (Panels * (block + 1) / PanelBlocks) - firstPanel;
            long tiles = Tiles(Shape), first = tiles * segment / Segments, last = tiles * (segment + 1) / Segments;
            nint vStride = (panels * TileBlock * Gemm<T>.Columns) + Gap, uStride = (Strips * TileBlock * StripRows) + Gap;
            float* v = Scratch.Get((Positions * (vStride + uStride)) + WinogradGradientTiles<T>.WorkFloats);
            float* u = v + (Positions * vStride), work = u + (Positions * uStride);
            long blocks = (last - first + TileBlock - 1) / TileBlock;
            for (long i = 0; i < blocks; i++)
            {
                long tile = first + ((last - first) * i / blocks);
                int count = (int)(first + ((last - first) * (i + 1) / blocks) - tile);
                Transform(tile, count, firstPanel, panels, v, vStride, u, uStride, work);
                for (int position = 0; position < Positions; position++)
                {
                    Multiply(segment, position, firstPanel, panels, count, v + (position * vStride), u + (position * uStride),
                        i == 0);
                }
            }
        }

        /// <summary>Tiles, which may belong to several images, into v (position, panel, tile, columns) and u (position, strip,
        /// tile, 4).</summary>
        private readonly void Transform(long tile, int count, int firstPanel, int panels, float* v, nint vStride, float* u,
            nint uStride, float* work)
        {
            int perImage = TilesPerImage(Shape);
            for (int done = 0; done < count;)
            {
                int image = (int)((tile + done) / perImage), from = (int)((tile + done) % perImage);
                int run = Math.Min(perImage - from, count - done);
                for (int panel = 0; panel < panels; panel++)
                {
                    WinogradGradientTiles<T>.Input(Shape, X + (image * Shape.InputImage), (firstPanel + panel) * Gemm<T>.Columns,
                        from, run, v + (((panel * TileBlock) + done) * Gemm<T>.Columns), vStride, work);
                }
                for (int strip = 0; strip < Strips; strip++)
                {
                    WinogradGradientTiles<T>.OutputGradient(Shape, Dy + (image * Shape.OutputImage), strip * StripRows, from, run,
                        u + (((strip * TileBlock) + done) * StripRows), uStride, work);
                }
                done += run;
            }
        }

        private readonly void Multiply(int segment, int position, int firstPanel, int panels, int count, float* v, float* u,
            bool first)
        {
            for (int panel = 0; panel < panels; panel++, v += TileBlock * Gemm<T>.Columns)
            {
                Gemm<T>.Tiles(Strips, count, u, TileBlock * StripRows, new Gemm<T>.PanelRows(v),
                    Tile(segment, position, firstPanel + panel, 0), StripRows * Gemm<T>.Columns, Gemm<T>.Columns, first);
            }
        }
    }

    /// <summary>A task adds the segments' sums of four output channels and transforms them back to filters.</summary>
    private struct Gather : IJob
    {
        public Job Job;

        public readonly void Run(int strip)
        {
            var f = Job.Shape.Filter;
            float* taps = stackalloc float[9 * 16];
            for (int k = strip * StripRows; k < Math.Min(f.K, (strip + 1) * StripRows); k++)
            {
                for (int c = 0; c < f.C; c += T.Count)
                {
                    int panel = c / Gemm<T>.Columns;
                    Filter(panel, strip, (k % StripRows * Gemm<T>.Columns) + (c % Gemm<T>.Columns), taps);
                    float* target = Job.Dw + ((((long)k * f.C) + c) * 9);
                    for (int lane = 0; lane < Math.Min(T.Count, f.C - c); lane++, target += 9)
                    {
                        for (int tap = 0; tap < 9; tap++)
                        {
                            target[tap] = taps[(tap * 16) + lane];
                        }
                    }
                }
            }
        }

        /// <summary>The 9 taps of a vector of filters, 16 floats apart.</summary>
        private readonly void Filter(int panel, int strip, int offset, float* taps)
        {
            const int side = WinogradTransforms.Input;
            float* half = stackalloc float[3 * side * 16];
            for (int j = 0; j < side; j++)
            {
                WinogradTransforms.ForFilterGradient(Sum(j, panel, strip, offset), Sum(side + j, panel, strip, offset),
                    Sum((2 * side) + j, panel, strip, offset), Sum((3 * side) + j, panel, strip, offset),
                    Sum((4 * side) + j, panel, strip, offset), Sum((5 * side) + j, panel, strip, offset),
                    out var g0, out var g1, out var g2);
                g0.Store(half + (j * 16));
                g1.Store(half + ((side + j) * 16));
                g2.Store(half + (((2 * side) + j) * 16));
            }
            for (int r = 0; r < 3; r++, half += side * 16, taps += 3 * 16)
            {
                WinogradTransforms.ForFilterGradient(T.Load(half), T.Load(half + 16), T.Load(half + 32), T.Load(half + 48),
                    T.Load(half + 64), T.Load(half + 80), out var g0, out var g1, out var g2);
                g0.Store(taps);
                g1.Store(taps + 16);
                g2.Store(taps + 32);
            }
        }

        private readonly T Sum(int position, int panel, int strip, int offset)
        {
            float* source = Job.Tile(0, position, panel, strip) + offset;
            T sum = T.Load(source);
            for (int segment = 1; segment < Job.Segments; segment++)
            {
                source += Job.SegmentFloats;
                sum += T.Load(source);
            }
            return sum;
        }
    }
}
