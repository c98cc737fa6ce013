using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// 3x3 convolution with stride 1 and padding 1 by Winograd's F(4x4,3x3): a quarter of the multiplications of the direct
/// form, at about twice its rounding error (relative rms 2e-6 for 512 channels). Three steps:
///   V[position][c][tile] = B^T d B        M[position][k][tile] = U[position] V[position]        y = A^T M A
/// The tiles of all images are numbered through. Many tiles are cut into blocks that one thread takes from input to output.
/// Few tiles share one V, first transformed by channels, then multiplied by blocks of output channels.
/// </summary>
internal sealed unsafe class CpuWinogradConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    private const int Positions = WinogradTransforms.Products;
    private const int StripsPerBlock = WinogradFilters<T>.StripsPerBlock;
    private const int ChannelsPerBlock = StripsPerBlock * 4;
    private const int TilesPerBlock = 48;
    private const int SharedUpTo = 128;
    private const int ChannelsPerTask = 8;
    private const int PanelFloats = 6 * 1024;

    private readonly CpuBackend _backend;
    private readonly CpuBuffer _filters, _bias;

    public CpuWinogradConvolution(CpuBackend backend, Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation) : base(filter, false, activation)
    {
        _backend = backend;
        _bias = BiasOrZeros(bias, filter.K);
        _filters = new CpuBuffer(WinogradFilters<T>.PackedFloats(filter));
        fixed (float* w = weight)
        {
            WinogradFilters<T>.Pack(backend, filter, FilterView.Stored(filter, w), _filters.Pointer);
        }
    }

    public override string Algorithm => "winograd";

    public override long PackedBytes => _filters.Bytes + _bias.Bytes;

    /// <summary>Whether this algorithm applies and pays: with few channels the transforms cost more than they save.</summary>
    public static bool Suits(Conv2dFilter f) =>
        f is { R: 3, S: 3, Stride: 1, Padding: 1, Groups: 1, C: >= 8, K: >= 8 };

    public override void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride) =>
        Run(_backend, Call(input, x, y, residual, yImageStride, _bias), _filters.Pointer);

    public override void Dispose()
    {
        _filters.Dispose();
        _bias.Dispose();
    }

    public override int RowGranularity => WinogradTransforms.Output;

    public override long RowScratchFloats(int w)
    {
        var call = new CpuConvolutionCall { Shape = new Conv2dShape(Filter, new ImageBatch(1, WinogradTransforms.Output, w)) };
        return Blocks(call, _filters.Pointer).ScratchFloats;
    }

    public override void Rows(in CpuConvolutionCall call, int first, int last, float* scratch)
    {
        int across = (call.Shape.Input.W + 3) / 4, end = (last + 3) / 4 * across;
        var job = Blocks(call with { Bias = _bias.Pointer }, _filters.Pointer);
        for (int tile = first / 4 * across; tile < end; tile += job.Block)
        {
            job.Convolve(tile, Math.Min(job.Block, end - tile), scratch);
        }
    }

    /// <summary><paramref name="filters"/> is what <see cref="WinogradFilters{T}.Pack"/> wrote.</summary>
    public static void Run(CpuBackend backend, in CpuConvolutionCall call, float* filters)
    {
        var job = Blocks(call, filters);
        if (job.Tiles > SharedUpTo)
        {
            backend.Team.Run((job.Tiles + job.Block - 1) / job.Block, ref job);
            return;
        }
        (job.Shared, job.Block) = (true, RoundUp(job.Tiles));
        using var shared = backend.Allocate(Positions * job.PositionStride);
        job.V = CpuBackend.Pointer(shared.All);
        var transform = new InputJob { Job = job };
        backend.Team.Run((call.Shape.Filter.C + ChannelsPerTask - 1) / ChannelsPerTask, ref transform);
        backend.Team.Run(WinogradFilters<T>.Blocks(call.Shape.Filter), ref job);
    }

    private static Job Blocks(in CpuConvolutionCall call, float* filters)
    {
        var input = call.Shape.Input;
        int perImage = (input.W + 3) / 4 * ((input.H + 3) / 4);
        return new Job
        {
            Call = call,
            Filters = filters,
            TilesPerImage = perImage,
            Tiles = checked(input.N * perImage),
            Block = RoundUp(TilesPerBlock),
        };
    }

    private static int RoundUp(int tiles) => (tiles + Gemm<T>.Columns - 1) / Gemm<T>.Columns * Gemm<T>.Columns;

    /// <summary>The first step where there are few tiles: some channels of the shared V.</summary>
    private struct InputJob : IJob
    {
        public Job Job;

        public readonly void Run(int task)
        {
            int c = Job.Call.Shape.Filter.C, first = task * ChannelsPerTask, last = Math.Min(first + ChannelsPerTask, c);
            float* scratch = Scratch.Get(WinogradTiles<T>.ScratchFloats);
            Job.TransformInput(first, last, 0, Job.Tiles, Job.V, scratch);
        }
    }

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public int TilesPerImage, Tiles, Block;
        public bool Shared;
        public float* Filters, V;

        /// <summary>
        /// Floats between the channels of a panel of V. A transform writes whole vectors, and what it overshoots is overwritten by
        /// the next channel; not where that is another thread's.
        /// </summary>
        private readonly int RowStride => Shared ? Gemm<T>.Columns + T.Count : Gemm<T>.Columns;

        /// <summary>With room for what the last channel overshoots: the next panel's first is written before it.</summary>
        private readonly nint PanelStride => ((nint)Call.Shape.Filter.C * RowStride) + T.Count;

        /// <summary>Channels that are multiplied at a time: what of a panel the first-level cache holds.</summary>
        private readonly int Depth => PanelFloats / RowStride;

        /// <summary>Floats between positions of V; a line more than a multiple, so that they do not share cache sets.</summary>
        public readonly nint PositionStride => (Block / Gemm<T>.Columns * PanelStride) + 16;

        private readonly nint ProductStride => (ChannelsPerBlock * Block) + 16;

        private readonly int H => Call.Shape.Input.H;

        private readonly int W => Call.Shape.Input.W;

        private readonly long ProductFloats => Positions * (long)ProductStride;

        /// <summary>Working memory of <see cref="Convolve"/>.</summary>
        public readonly long ScratchFloats =>
            (Positions * (long)PositionStride) + ProductFloats + WinogradTiles<T>.ScratchFloats;

        public readonly void Run(int task)
        {
            if (Shared)
            {
                float* own = Scratch.Get(ProductFloats + WinogradTiles<T>.ScratchFloats);
                Multiply(task, 0, Tiles, V, own, own + ProductFloats);
                return;
            }
            Convolve(task * Block, Math.Min(Block, Tiles - (task * Block)), Scratch.Get(ScratchFloats));
        }

        /// <summary>Some tiles from input to output.</summary>
        public readonly void Convolve(int first, int count, float* v)
        {
            float* m = v + (Positions * (long)PositionStride), scratch = m + ProductFloats;
            TransformInput(0, Call.Shape.Filter.C, first, count, v, scratch);
            for (int block = 0; block < WinogradFilters<T>.Blocks(Call.Shape.Filter); block++)
            {
                Multiply(block, first, count, v, m, scratch);
            }
        }

        /// <summary>V[position][panel][c][columns] of some channels and tiles.</summary>
        public readonly void TransformInput(int firstChannel, int lastChannel, int firstTile, int count, float* v, float* scratch)
        {
            int columns = Gemm<T>.Columns;
            for (int c = firstChannel; c < lastChannel; c++)
            {
                float* row = v + ((nint)c * RowStride);
                for (int panel = 0; panel < count; panel += columns, row += PanelStride)
                {
                    TransformPanel(c, firstTile + panel, Math.Min(columns, count - panel), row, scratch);
                }
            }
        }

        private readonly void TransformPanel(int c, int firstTile, int count, float* v, float* scratch)
        {
            for (int done = 0; done < count;)
            {
                int image = (firstTile + done) / TilesPerImage, tile = (firstTile + done) % TilesPerImage;
                int run = Math.Min(TilesPerImage - tile, count - done);
                float* plane = Call.X + (image * Call.Shape.InputImage) + (c * (long)Call.XPlane);
                if (Call.XBand == 0 && c + 1 < Call.Shape.Filter.C)
                {
                    WinogradTiles<T>.Prefetch(plane + Call.XPlane, H, W, tile, run);
                }
                WinogradTiles<T>.Input(plane, H, W, tile, run, v + done, PositionStride, scratch);
                done += run;
            }
        }

        /// <summary>32 output channels of some tiles: 36 products, then the inverse transform.</summary>
        private readonly void Multiply(int block, int firstTile, int count, float* v, float* m, float* scratch)
        {
            int c = Call.Shape.Filter.C, columns = Gemm<T>.Columns, firstChannel = block * ChannelsPerBlock;
            int channels = Math.Min(ChannelsPerBlock, Call.Shape.Filter.K - firstChannel), strips = (channels + 3) / 4;
            float* u = Filters + ((long)block * Positions * ChannelsPerBlock * c);
            for (int position = 0; position < Positions; position++)
            {
                float* b = v + (position * PositionStride), result = m + (position * ProductStride);
                float* a = u + ((long)position * StripsPerBlock * c * 4);
                for (int tile = 0; tile < count; tile += columns, b += PanelStride)
                {
                    for (int first = 0; first < c; first += Depth)
                    {
                        int depth = Math.Min(Depth, c - first);
                        float* rows = b + ((nint)first * RowStride);
                        if (Shared)
                        {
                            Gemm<T>.Tiles(strips, depth, a + (first * 4), c * 4, new Gemm<T>.StridedRows(rows, RowStride), result + tile,
                                4 * Block, Block, first == 0);
                        }
                        else
                        {
                            Gemm<T>.Tiles(strips, depth, a + (first * 4), c * 4, new Gemm<T>.PanelRows(rows), result + tile, 4 * Block,
                                Block, first == 0);
                        }
                    }
                }
            }
            for (int done = 0; done < count;)
            {
                int image = (firstTile + done) / TilesPerImage, tile = (firstTile + done) % TilesPerImage;
                int run = Math.Min(TilesPerImage - tile, count - done);
                for (int k = 0; k < channels; k++)
                {
                    Output(image, firstChannel + k, tile, run, m + ((nint)k * Block) + done, scratch);
                }
                done += run;
            }
        }

        private readonly void Output(int image, int k, int tile, int run, float* m, float* scratch)
        {
            long offset = k * (long)Call.YPlane;
            float* residual = Call.Residual == null ? null : Call.Residual + (image * Call.Shape.OutputImage) + offset;
            WinogradTiles<T>.Output(m, ProductStride, tile, run, H, W, Call.BiasOf(k), residual,
                Call.Y + (image * Call.YImageStride) + offset, Call.Activation, scratch);
        }
    }
}
