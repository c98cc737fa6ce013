using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// y (K x PQ) = w (K x CRS) * im2col(x) (CRS x PQ) without ever building im2col: a task owns a block of output channels and
/// a run of pixel panels, and forms one panel (kc x <see cref="Gemm{T}.Columns"/> floats, in L1) at a time:
///   for each block of kc of CRS: for each panel: pack the panel; for each strip of 4 channels: tile
/// Sums over the blocks of CRS stay in scratch (L2); the epilogue copies them out with bias, residual and activation.
/// </summary>
internal sealed unsafe class CpuDirectConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    private const int DepthBlock = 256;
    private const int ChannelBlock = 256;
    private const int ScratchFloats = 48 * 1024;
    private const int MaxPanels = 16;

    private readonly CpuBackend _backend;
    private readonly CpuBuffer _weight, _bias;
    private readonly int _depth, _depthBlock;

    public CpuDirectConvolution(CpuBackend backend, Conv2dFilter filter, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) : base(filter, false, activation)
    {
        _backend = backend;
        _depth = filter.C * filter.R * filter.S;
        int blocks = (_depth + DepthBlock - 1) / DepthBlock;
        _depthBlock = (_depth + blocks - 1) / blocks;
        int strips = (filter.K + Gemm<T>.Rows - 1) / Gemm<T>.Rows;
        _weight = new CpuBuffer((long)strips * Gemm<T>.Rows * _depth);
        _bias = BiasOrZeros(bias, filter.K);
        fixed (float* source = weight)
        {
            // (block of depth)(strip)(kc)(4)
            float* target = _weight.Pointer;
            for (int first = 0; first < _depth; first += _depthBlock)
            {
                int kc = Math.Min(_depthBlock, _depth - first);
                Gemm<T>.PackStrips(source + first, _depth, 1, filter.K, kc, target);
                target += (long)strips * Gemm<T>.Rows * kc;
            }
        }
    }

    public override string Algorithm => "direct";

    public override long PackedBytes => _weight.Bytes + _bias.Bytes;

    public override void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride)
    {
        var shape = new Conv2dShape(Filter, input);
        int pixels = shape.P * shape.Q, panels = (pixels + Gemm<T>.Columns - 1) / Gemm<T>.Columns;
        // Blocks of channels that are equally large; a task's sums fit the scratch.
        int channelBlocks = (Filter.K + ChannelBlock - 1) / ChannelBlock;
        int strips = (Filter.K + Gemm<T>.Rows - 1) / Gemm<T>.Rows;
        int channelBlock = (strips + channelBlocks - 1) / channelBlocks * Gemm<T>.Rows;
        int perTask = Math.Clamp(ScratchFloats / (channelBlock * Gemm<T>.Columns), 1, MaxPanels);
        // At least four tasks a thread where there is enough work, so that the threads finish together.
        int wanted = 4 * _backend.Threads;
        perTask = Math.Clamp((int)((long)panels * channelBlocks * input.N / wanted), 1, perTask);
        int groups = (panels + perTask - 1) / perTask;
        var job = new Job
        {
            Owner = this,
            Shape = shape,
            Pixels = pixels,
            Strips = strips,
            ChannelBlock = channelBlock,
            ChannelBlocks = channelBlocks,
            PanelsPerTask = perTask,
            Groups = groups,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
            Residual = residual is { } r ? CpuBackend.Pointer(r) : null,
            YImageStride = yImageStride,
        };
        _backend.Team.Run(input.N * groups * channelBlocks, ref job);
    }

    public override void Dispose()
    {
        _weight.Dispose();
        _bias.Dispose();
    }

    private struct Job : IJob
    {
        public CpuDirectConvolution<T> Owner;
        public Conv2dShape Shape;
        public int Pixels, Strips, ChannelBlock, ChannelBlocks, PanelsPerTask, Groups;
        public float* X, Y, Residual;
        public long YImageStride;

        public readonly void Run(int task)
        {
            // Tasks of one pixel group follow each other: their input is still in the cache.
            int block = task % ChannelBlocks, group = task / ChannelBlocks % Groups, image = task / ChannelBlocks / Groups;
            int columns = Gemm<T>.Columns, depthBlock = Owner._depthBlock, depth = Owner._depth;
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
            float* x = X + (image * Shape.InputImage);

            for (int first = 0; first < depth; first += depthBlock)
            {
                int kc = Math.Min(depthBlock, depth - first);
                float* a = Owner._weight.Pointer + ((long)Strips * Gemm<T>.Rows * first)
                    + ((long)firstStrip * Gemm<T>.Rows * kc);
                for (int i = 0; i < panels; i++)
                {
                    int pixel = firstPixel + (i * columns);
                    Im2col<T>.Panel(Shape, x, first, kc, pixel, Math.Min(columns, Pixels - pixel), panel);
                    float* c = sums + (i * columns);
                    for (int s = 0; s < strips; s++)
                    {
                        Gemm<T>.Tile(kc, a + ((long)s * Gemm<T>.Rows * kc), panel, columns,
                            c + ((long)s * Gemm<T>.Rows * ldc), ldc, first == 0);
                    }
                }
            }
            int firstChannel = firstStrip * Gemm<T>.Rows;
            int channels = Math.Min(strips * Gemm<T>.Rows, Shape.Filter.K - firstChannel);
            for (int k = 0; k < channels; k++)
            {
                long offset = ((long)(firstChannel + k) * Pixels) + firstPixel;
                float* residual = Residual == null ? null : Residual + (image * Shape.OutputImage) + offset;
                Epilogue<T>.Row(sums + ((long)k * ldc), Owner._bias.Pointer[firstChannel + k], residual,
                    Y + (image * YImageStride) + offset, pixels, Owner.Activation);
            }
        }
    }
}
