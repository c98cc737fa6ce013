using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// y (K x PQ) = w (K x CRS) * im2col(x) (CRS x PQ) without ever building im2col: a task owns a block of output channels and
/// a run of pixel panels, and forms one panel (kc x <see cref="Gemm{T}.Columns"/> floats, in L1) at a time:
///   for each block of kc of CRS: for each panel: pack the panel; for each strip of 4 channels: tile
/// Sums over the blocks of CRS stay in scratch (L2); the epilogue copies them out with bias, residual and activation.
/// Filters with few products a pixel go to <see cref="CpuBandConvolution{T}"/>.
/// </summary>
internal sealed unsafe class CpuDirectConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    private const int DepthBlock = 256;
    private const int ChannelBlock = 256;
    private const int ScratchFloats = 48 * 1024;
    private const int MaxPanels = 16;

    private readonly CpuBackend _backend;
    private readonly CpuBuffer _weight, _bias;

    public CpuDirectConvolution(CpuBackend backend, Conv2dFilter filter, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) : base(filter, false, activation)
    {
        _backend = backend;
        _weight = new CpuBuffer(PackedFloats(filter));
        _bias = BiasOrZeros(bias, filter.K);
        fixed (float* source = weight)
        {
            Pack(backend, filter, FilterView.Stored(filter, source), _weight.Pointer);
        }
    }

    public override string Algorithm => CpuBandConvolution<T>.Suits(Filter) ? "band" : "direct";

    public override long PackedBytes => _weight.Bytes + _bias.Bytes;

    public override void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride) =>
        Run(_backend, Call(input, x, y, residual, yImageStride, _bias), _weight.Pointer);

    public override void Dispose()
    {
        _weight.Dispose();
        _bias.Dispose();
    }

    public static long PackedFloats(Conv2dFilter filter) => (long)Strips(filter) * Gemm<T>.Rows * Depth(filter);

    /// <summary>Layout: (block of depth)(strip)(kc)(4).</summary>
    public static void Pack(CpuBackend backend, Conv2dFilter filter, FilterView weight, float* target)
    {
        var job = new PackJob { Weight = weight, Target = target, Depth = Depth(filter), Strips = Strips(filter) };
        backend.Team.Run(job.Strips, ref job);
    }

    public static void Run(CpuBackend backend, in CpuConvolutionCall call, float* weight)
    {
        var shape = call.Shape;
        // Outputs narrower than a panel would fill it with nothing.
        if (CpuBandConvolution<T>.Suits(shape.Filter) && shape.Q >= Gemm<T>.Columns)
        {
            CpuBandConvolution<T>.Run(backend, call, weight);
            return;
        }
        int filters = shape.Filter.K, images = shape.Input.N;
        int pixels = shape.P * shape.Q, panels = (pixels + Gemm<T>.Columns - 1) / Gemm<T>.Columns;
        // Blocks of channels that are equally large; a task's sums fit the scratch.
        int channelBlocks = (filters + ChannelBlock - 1) / ChannelBlock;
        int strips = Strips(shape.Filter);
        int channelBlock = (strips + channelBlocks - 1) / channelBlocks * Gemm<T>.Rows;
        int perTask = Math.Clamp(ScratchFloats / (channelBlock * Gemm<T>.Columns), 1, MaxPanels);
        // At least four tasks a thread where there is enough work, so that the threads finish together.
        int wanted = 4 * backend.Threads;
        perTask = Math.Clamp((int)((long)panels * channelBlocks * images / wanted), 1, perTask);
        int groups = (panels + perTask - 1) / perTask;
        var job = new Job
        {
            Call = call,
            Weight = weight,
            Pixels = pixels,
            Strips = strips,
            Depth = Depth(shape.Filter),
            ChannelBlock = channelBlock,
            ChannelBlocks = channelBlocks,
            PanelsPerTask = perTask,
            Groups = groups,
        };
        backend.Team.Run(images * groups * channelBlocks, ref job);
    }

    private static int Depth(Conv2dFilter filter) => filter.C * filter.R * filter.S;

    private static int Strips(Conv2dFilter filter) => (filter.K + Gemm<T>.Rows - 1) / Gemm<T>.Rows;

    /// <summary>Depth is cut into equal blocks of at most <see cref="DepthBlock"/>.</summary>
    public static int BlockOf(int depth)
    {
        int blocks = (depth + DepthBlock - 1) / DepthBlock;
        return (depth + blocks - 1) / blocks;
    }

    private struct PackJob : IJob
    {
        public FilterView Weight;
        public float* Target;
        public int Depth, Strips;

        public readonly void Run(int strip)
        {
            int block = BlockOf(Depth);
            for (int first = 0; first < Depth; first += block)
            {
                int kc = Math.Min(block, Depth - first);
                float* target = Target + ((long)Strips * Gemm<T>.Rows * first) + ((long)strip * Gemm<T>.Rows * kc);
                Weight.PackStrip(strip * Gemm<T>.Rows, first, kc, target);
            }
        }
    }

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public float* Weight;
        public int Pixels, Strips, Depth, ChannelBlock, ChannelBlocks, PanelsPerTask, Groups;

        public readonly void Run(int task)
        {
            // Tasks of one pixel group follow each other: their input is still in the cache.
            int block = task % ChannelBlocks, group = task / ChannelBlocks % Groups, image = task / ChannelBlocks / Groups;
            int columns = Gemm<T>.Columns, depthBlock = BlockOf(Depth), depth = Depth;
            int firstPixel = group * PanelsPerTask * columns;
            int pixels = Math.Min(Pixels - firstPixel, PanelsPerTask * columns);
            int panels = (pixels + columns - 1) / columns, ldc = PanelsPerTask * columns;
            int firstStrip = block * (ChannelBlock / Gemm<T>.Rows);
            int strips = Math.Min(ChannelBlock / Gemm<T>.Rows, Strips - firstStrip);
            if (strips <= 0)
            {
                return;
            }
            float* panel = Scratch.Get(((long)depthBlock * columns) + 64 + ((long)ChannelBlock * ldc));
            float* sums = panel + ((long)depthBlock * columns) + 64;
            var shape = Call.Shape;
            float* x = Call.X + (image * shape.InputImage);

            for (int first = 0; first < depth; first += depthBlock)
            {
                int kc = Math.Min(depthBlock, depth - first);
                float* a = Weight + ((long)Strips * Gemm<T>.Rows * first)
                    + ((long)firstStrip * Gemm<T>.Rows * kc);
                for (int i = 0; i < panels; i++)
                {
                    int pixel = firstPixel + (i * columns);
                    Im2col<T>.Panel(shape, x, first, kc, pixel, Math.Min(columns, Pixels - pixel), panel);
                    float* c = sums + (i * columns);
                    for (int s = 0; s < strips; s++)
                    {
                        Gemm<T>.Tile(kc, a + ((long)s * Gemm<T>.Rows * kc), panel, columns,
                            c + ((long)s * Gemm<T>.Rows * ldc), ldc, first == 0);
                    }
                }
            }
            int firstChannel = firstStrip * Gemm<T>.Rows;
            int channels = Math.Min(strips * Gemm<T>.Rows, shape.Filter.K - firstChannel);
            for (int k = 0; k < channels; k++)
            {
                long offset = ((long)(firstChannel + k) * Pixels) + firstPixel;
                float* residual = Call.Residual == null ? null : Call.Residual + (image * shape.OutputImage) + offset;
                Epilogue<T>.Row(sums + ((long)k * ldc), Call.BiasOf(firstChannel + k), residual,
                    Call.Y + (image * Call.YImageStride) + offset, pixels, Call.Activation);
            }
        }
    }
}
