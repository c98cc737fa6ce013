using System.Runtime.Intrinsics.X86;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// y (K x PQ) = w (K x CRS) * im2col(x) (CRS x PQ) without ever building im2col: a task goes over groups of pixels; it packs a few
/// panels of them (CRS x <see cref="Gemm{T}.Columns"/> floats each) side by side, then each strip of 4 channels runs over all of them.
/// Sums go from registers to the result, with bias, residual and ReLU, in pieces of a row that are long enough for the memory; a panel
/// comes from the second-level cache at half of what that delivers.
/// Filters with few products a pixel go to <see cref="CpuBandConvolution{T}"/>.
/// </summary>
internal sealed unsafe class CpuDirectConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    /// <summary>Panels of a task: what fits the first-level cache, more than one if the second-level cache has room.</summary>
    private const int PackedFloats = 6 * 1024, MostPackedFloats = 48 * 1024, MinPanels = 4, MaxPanels = 16, MaxGroups = 16;

    private readonly CpuBackend _backend;
    private readonly CpuBuffer _weight, _bias;

    public CpuDirectConvolution(CpuBackend backend, Conv2dFilter filter, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias,
        Activation activation) : base(filter, false, activation)
    {
        _backend = backend;
        _weight = new CpuBuffer(PackedFloatsOf(filter));
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

    public static long PackedFloatsOf(Conv2dFilter filter) => (long)Strips(filter) * Gemm<T>.Rows * Depth(filter);

    /// <summary>Layout: (strip)(depth)(4).</summary>
    public static void Pack(CpuBackend backend, Conv2dFilter filter, FilterView weight, float* target)
    {
        var job = new PackJob { Weight = weight, Target = target, Depth = Depth(filter) };
        backend.Team.Run(Strips(filter), ref job);
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
        int images = shape.Input.N, panelFloats = Depth(shape.Filter) * Gemm<T>.Columns;
        int panels = ((shape.P * shape.Q) + Gemm<T>.Columns - 1) / Gemm<T>.Columns;
        int perTask = Math.Clamp(PackedFloats / panelFloats, Math.Clamp(MostPackedFloats / panelFloats, 1, MinPanels), MaxPanels);
        // At least four tasks a thread where there is enough work, so that the threads finish together.
        int wanted = 4 * backend.Threads;
        perTask = Math.Clamp((int)((long)panels * images / wanted), 1, perTask);
        int groups = (panels + perTask - 1) / perTask, strips = Strips(shape.Filter);
        int blocks = Math.Clamp(wanted / (groups * images), 1, Math.Max(strips / MaxPanels, 1));
        int groupsPerTask = Math.Clamp(groups * images / (4 * wanted), 1, MaxGroups), runs = (groups + groupsPerTask - 1) / groupsPerTask;
        var job = new Job
        {
            Call = call,
            Weight = weight,
            Depth = Depth(shape.Filter),
            Pixels = shape.P * shape.Q,
            Strips = strips,
            StripsPerTask = (strips + blocks - 1) / blocks,
            Blocks = blocks,
            PanelsPerTask = perTask,
            GroupsPerTask = groupsPerTask,
            Groups = groups,
            Runs = runs,
        };
        backend.Team.Run(images * runs * blocks, ref job);
    }

    private static int Depth(Conv2dFilter filter) => filter.C * filter.R * filter.S;

    private static int Strips(Conv2dFilter filter) => (filter.K + Gemm<T>.Rows - 1) / Gemm<T>.Rows;

    private struct PackJob : IJob
    {
        public FilterView Weight;
        public float* Target;
        public int Depth;

        public readonly void Run(int strip) =>
            Weight.PackStrip(strip * Gemm<T>.Rows, 0, Depth, Target + ((long)strip * Gemm<T>.Rows * Depth));
    }

    private struct Job : IJob
    {
        public CpuConvolutionCall Call;
        public float* Weight;
        public int Depth, Pixels, Strips, StripsPerTask, Blocks, PanelsPerTask, GroupsPerTask, Groups, Runs;

        public readonly void Run(int task)
        {
            // Tasks of one run of pixels follow each other: their input is still in the cache.
            int block = task % Blocks, run = task / Blocks % Runs, image = task / Blocks / Runs;
            int end = Math.Min((run + 1) * GroupsPerTask, Groups);
            for (int group = run * GroupsPerTask; group < end; group++)
            {
                Group(image, block, group, group + 1 < end);
            }
        }

        /// <summary>Some panels of pixels times the channels of a block; <paramref name="more"/> if this task goes on with the next pixels.</summary>
        private readonly void Group(int image, int block, int group, bool more)
        {
            int columns = Gemm<T>.Columns, depth = Depth, firstPixel = group * PanelsPerTask * columns;
            int pixels = Math.Min(PanelsPerTask * columns, Pixels - firstPixel), whole = pixels / columns * columns;
            long panelFloats = (long)depth * columns;
            float* packed = Scratch.Get((PanelsPerTask * panelFloats) + 64 + (Gemm<T>.Rows * columns));
            float* tile = packed + (PanelsPerTask * panelFloats) + 64;
            float* x = Call.X + (image * Call.Shape.InputImage);
            Im2col<T>.Panels(Call.Shape, x, depth, firstPixel, pixels, packed);
            float* y = Call.Y + (image * Call.YImageStride) + firstPixel;
            float* residual = Call.Residual == null ? null : Call.Residual + (image * Call.Shape.OutputImage) + firstPixel;
            int last = Math.Min((block + 1) * StripsPerTask, Strips);
            int first = block * StripsPerTask, tiles = (last - first) * (whole / columns);
            int following = more && Im2col<T>.IsPointwise(Call.Shape.Filter) ? Math.Min(pixels, Pixels - firstPixel - pixels) : 0;
            var ahead = new InputAhead(x + firstPixel + pixels, Pixels, depth, following, tiles);
            for (int strip = first; strip < last; strip++)
            {
                int channel = strip * Gemm<T>.Rows;
                long offset = (long)channel * Pixels;
                int direct = channel + Gemm<T>.Rows <= Call.Shape.Filter.K ? whole : 0;
                WholeTiles(ref ahead, channel, packed, direct, residual == null ? null : residual + offset, y + offset);
                float* panel = packed + (direct / columns * panelFloats);
                for (int pixel = direct; pixel < pixels; pixel += columns, panel += panelFloats)
                {
                    PartOfTile(channel, panel, tile, Math.Min(columns, pixels - pixel),
                        residual == null ? null : residual + offset + pixel, y + offset + pixel);
                }
            }
        }

        /// <summary>4 channels of the first pixels.</summary>
        private readonly void WholeTiles(ref InputAhead input, int channel, float* panel, int pixels, float* residual, float* y)
        {
            int columns = Gemm<T>.Columns, depth = Depth;
            float* a = Weight + ((long)channel * depth), bias = Call.Bias == null ? null : Call.Bias + channel;
            bool ahead = Sse.IsSupported && channel + (2 * Gemm<T>.Rows) <= Call.Shape.Filter.K;
            for (int pixel = 0; pixel < pixels; pixel += columns, panel += (nint)depth * columns)
            {
                float* added = residual == null ? null : residual + pixel;
                if (ahead)
                {
                    Prefetch((added == null ? y + pixel : added) + ((long)Gemm<T>.Rows * Pixels));
                }
                input.FetchForTile();
                Gemm<T>.TileTo(depth, a, new Gemm<T>.PanelRows(panel), bias, false, added, y + pixel, Pixels, Call.Activation == Activation.Relu);
            }
            if (Call.Activation is not (Activation.None or Activation.Relu))
            {
                for (int row = 0; row < Gemm<T>.Rows; row++, y += Pixels)
                {
                    Epilogue<T>.Row(y, 0, null, y, pixels, Call.Activation);
                }
            }
        }

        /// <summary>What the next strip reads or writes: rows are a plane apart, which the hardware does not foresee.</summary>
        private readonly void Prefetch(float* next)
        {
            for (int row = 0; row < Gemm<T>.Rows; row++, next += Pixels)
            {
                Sse.Prefetch0(next);
                Sse.Prefetch0(next + Gemm<T>.Columns - 1);
            }
        }

        /// <summary>The last channels, or the last pixels.</summary>
        private readonly void PartOfTile(int channel, float* panel, float* tile, int pixels, float* residual, float* y)
        {
            int columns = Gemm<T>.Columns, channels = Math.Min(Gemm<T>.Rows, Call.Shape.Filter.K - channel);
            Gemm<T>.Tile(Depth, Weight + ((long)channel * Depth), panel, columns, tile, columns, first: true);
            for (int row = 0; row < channels; row++, tile += columns, y += Pixels)
            {
                Epilogue<T>.Row(tile, Call.BiasOf(channel + row), residual, y, pixels, Call.Activation);
                residual = residual == null ? null : residual + Pixels;
            }
        }
    }
}
