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

    public override int RowGranularity => Im2col<T>.IsPointwise(Filter) || CpuBandConvolution<T>.Suits(Filter) ? 1 : 0;

    public override long RowScratchFloats(int w) => Im2col<T>.IsPointwise(Filter)
        ? ScratchFloats(Filter.C, MostPanels(Filter.C)) : CpuBandConvolution<T>.ScratchFloats(Filter, w);

    public override void Rows(in CpuConvolutionCall call, int first, int last, float* scratch)
    {
        var own = call with { Bias = _bias.Pointer };
        if (!Im2col<T>.IsPointwise(Filter))
        {
            CpuBandConvolution<T>.Rows(own, _weight.Pointer, first, last, scratch);
            return;
        }
        int strips = Strips(Filter), q = call.Shape.Q;
        var job = new Job
        {
            Call = own,
            Weight = _weight.Pointer,
            Depth = Filter.C,
            AllStrips = strips,
            StripsPerTask = strips,
            PanelsPerTask = MostPanels(Filter.C),
        };
        job.Range(0, 0, first * q, last * q, scratch);
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
        int images = shape.Input.N, panels = ((shape.P * shape.Q) + Gemm<T>.Columns - 1) / Gemm<T>.Columns;
        int perTask = MostPanels(Depth(shape.Filter));
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
            AllStrips = strips,
            StripsPerTask = (strips + blocks - 1) / blocks,
            Blocks = blocks,
            PanelsPerTask = perTask,
            GroupsPerTask = groupsPerTask,
            Runs = runs,
        };
        backend.Team.Run(images * runs * blocks, ref job);
    }

    private static int MostPanels(int depth)
    {
        int panelFloats = depth * Gemm<T>.Columns;
        return Math.Clamp(PackedFloats / panelFloats, Math.Clamp(MostPackedFloats / panelFloats, 1, MinPanels), MaxPanels);
    }

    private static long ScratchFloats(int depth, int panels) => (((panels * (long)depth) + Gemm<T>.Rows) * Gemm<T>.Columns) + 64;

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
        public int Depth, Pixels, AllStrips, StripsPerTask, Blocks, PanelsPerTask, GroupsPerTask, Runs;

        public readonly void Run(int task)
        {
            // Tasks of one run of pixels follow each other: their input is still in the cache.
            int block = task % Blocks, run = task / Blocks % Runs, image = task / Blocks / Runs;
            int pixels = GroupsPerTask * PanelsPerTask * Gemm<T>.Columns;
            float* scratch = Scratch.Get(ScratchFloats(Depth, PanelsPerTask));
            Range(image, block, run * pixels, Math.Min((run + 1) * pixels, Pixels), scratch);
        }

        /// <summary>The channels of a block at pixels [from, to).</summary>
        public readonly void Range(int image, int block, int from, int to, float* scratch)
        {
            int group = PanelsPerTask * Gemm<T>.Columns;
            for (int pixel = from; pixel < to; pixel += group)
            {
                int left = to - pixel - group;
                Group(image, block, pixel, Math.Min(group, to - pixel), Math.Clamp(left, 0, group), scratch);
            }
        }

        /// <summary>Some panels of pixels times the channels of a block; <paramref name="following"/> pixels come after.</summary>
        private readonly void Group(int image, int block, int firstPixel, int pixels, int following, float* packed)
        {
            float* x = Call.X + (image * Call.Shape.InputImage);
            if (Call.XBand != 0)
            {
                // Rows in the cache, with a distance that suits it, are read where they are.
                var rows = new Gemm<T>.StridedRows(x + firstPixel, Call.XBand);
                Strips(image, block, firstPixel, pixels, default, rows, Gemm<T>.Columns, packed);
                return;
            }
            Im2col<T>.Panels(Call.Shape, x, Call.XPlane, Depth, firstPixel, pixels, packed);
            var ahead = default(InputAhead);
            if (Im2col<T>.IsPointwise(Call.Shape.Filter))
            {
                int tiles = Math.Min(StripsPerTask, AllStrips - (block * StripsPerTask)) * (pixels / Gemm<T>.Columns);
                ahead = new InputAhead(x + firstPixel + pixels, Call.XPlane, Depth, following, tiles);
            }
            Strips(image, block, firstPixel, pixels, ahead, new Gemm<T>.PanelRows(packed), (nint)Depth * Gemm<T>.Columns, packed);
        }

        /// <summary>The channels of a block, a strip of them after the other, at pixels whose panels begin at <paramref name="rows"/>.</summary>
        private readonly void Strips<TRows>(int image, int block, int firstPixel, int pixels, InputAhead ahead, TRows rows,
            nint distance, float* packed) where TRows : struct, Gemm<T>.IRows
        {
            int columns = Gemm<T>.Columns, whole = pixels / columns * columns;
            nint plane = Call.YPlane;
            float* tile = packed + (PanelsPerTask * (long)Depth * columns) + 64;
            float* y = Call.Y + (image * Call.YImageStride) + firstPixel;
            float* residual = Call.Residual == null ? null : Call.Residual + (image * Call.Shape.OutputImage) + firstPixel;
            int first = block * StripsPerTask, last = Math.Min(first + StripsPerTask, AllStrips);
            for (int strip = first; strip < last; strip++)
            {
                int channel = strip * Gemm<T>.Rows;
                long offset = channel * (long)plane;
                int direct = channel + Gemm<T>.Rows <= Call.Shape.Filter.K ? whole : 0;
                WholeTiles(ref ahead, channel, rows, distance, direct, residual == null ? null : residual + offset, y + offset);
                var left = rows;
                left.Skip(direct / columns * distance);
                for (int pixel = direct; pixel < pixels; pixel += columns, left.Skip(distance))
                {
                    PartOfTile(channel, left, tile, Math.Min(columns, pixels - pixel),
                        residual == null ? null : residual + offset + pixel, y + offset + pixel);
                }
            }
        }

        /// <summary>4 channels of the first pixels.</summary>
        private readonly void WholeTiles<TRows>(ref InputAhead input, int channel, TRows rows, nint distance, int pixels, float* residual,
            float* y) where TRows : struct, Gemm<T>.IRows
        {
            nint plane = Call.YPlane;
            var output = new TileOutput
            {
                Bias = Call.Bias == null ? null : Call.Bias + channel,
                Residual = residual,
                Y = y,
                Pitch = plane,
                Relu = Call.Activation == Activation.Relu,
            };
            bool next = Call.YBand == 0 && channel + (2 * Gemm<T>.Rows) <= Call.Shape.Filter.K;
            var ahead = new TileAhead { Input = input, Plane = next ? plane : 0 };
            Gemm<T>.TilesTo(pixels / Gemm<T>.Columns, Depth, Weight + ((long)channel * Depth), rows, distance, output, ref ahead);
            input = ahead.Input;
            if (Call.Activation is not (Activation.None or Activation.Relu))
            {
                for (int row = 0; row < Gemm<T>.Rows; row++, y += plane)
                {
                    Epilogue<T>.Row(y, 0, null, y, pixels, Call.Activation);
                }
            }
        }

        /// <summary>The last channels, or the last pixels: the same sums in the same order as of a whole tile.</summary>
        private readonly void PartOfTile<TRows>(int channel, TRows rows, float* tile, int pixels, float* residual, float* y)
            where TRows : struct, Gemm<T>.IRows
        {
            int columns = Gemm<T>.Columns, channels = Math.Min(Gemm<T>.Rows, Call.Shape.Filter.K - channel);
            float* a = Weight + ((long)channel * Depth), bias = Call.Bias == null ? null : Call.Bias + channel;
            Gemm<T>.TileTo(Depth, a, rows, new() { Bias = bias, Y = tile, Pitch = columns });
            for (int row = 0; row < channels; row++, tile += columns, y += Call.YPlane)
            {
                Epilogue<T>.Row(tile, 0, residual, y, pixels, Call.Activation);
                residual = residual == null ? null : residual + Call.YPlane;
            }
        }
    }
}
