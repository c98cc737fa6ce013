using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// 3x3 convolution with stride 1 and padding 1 by Winograd's F(4x4,3x3): a quarter of the multiplications of the direct
/// form, at about twice its rounding error (relative rms 2e-6 for 512 channels). Three steps:
///   V[position][c][tile] = B^T d B        M[position][k][tile] = U[position] V[position]        y = A^T M A
/// Images of many tiles are cut into blocks of tiles that one thread takes from input to output. Images of few tiles share
/// one V, first transformed by channels, then multiplied by blocks of output channels.
/// </summary>
internal sealed unsafe class CpuWinogradConvolution<T> : CpuPreparedConvolution where T : struct, IFloatVector<T>
{
    private const int Positions = WinogradTransforms.Products;
    private const int StripsPerBlock = 8;
    private const int ChannelsPerBlock = StripsPerBlock * 4;
    private const int TilesPerBlock = 48;
    private const int SharedUpTo = 128;
    private const int ChannelsPerTask = 8;

    private readonly CpuBackend _backend;
    private readonly CpuBuffer _filters, _bias;

    public CpuWinogradConvolution(CpuBackend backend, Conv2dFilter filter, ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias, Activation activation) : base(filter, false, activation)
    {
        _backend = backend;
        _bias = BiasOrZeros(bias, filter.K);
        _filters = new CpuBuffer((long)Blocks * ChannelsPerBlock * Positions * filter.C);
        fixed (float* w = weight)
        {
            var job = new FilterJob { Owner = this, Weight = w };
            backend.Team.Run(Blocks * StripsPerBlock, ref job);
        }
    }

    public override string Algorithm => "winograd";

    public override long PackedBytes => _filters.Bytes + _bias.Bytes;

    private int Blocks => (Filter.K + ChannelsPerBlock - 1) / ChannelsPerBlock;

    /// <summary>Whether this algorithm applies and pays: with few channels the transforms cost more than they save.</summary>
    public static bool Suits(Conv2dFilter f) =>
        f is { R: 3, S: 3, Stride: 1, Padding: 1, Groups: 1, C: >= 32, K: >= 32 };

    public override void Run(ImageBatch input, Slice x, Slice y, Slice? residual, long yImageStride)
    {
        int across = (input.W + 3) / 4, tiles = across * ((input.H + 3) / 4);
        var job = new Job
        {
            Owner = this,
            Input = input,
            Tiles = tiles,
            Y = CpuBackend.Pointer(y),
            Residual = residual is { } r ? CpuBackend.Pointer(r) : null,
            X = CpuBackend.Pointer(x),
            YImageStride = yImageStride,
            Block = tiles <= SharedUpTo ? RoundUp(tiles) : Math.Max(TilesPerBlock, Gemm<T>.Columns),
        };
        if (tiles > SharedUpTo)
        {
            job.BlocksPerImage = (tiles + job.Block - 1) / job.Block;
            _backend.Team.Run(input.N * job.BlocksPerImage, ref job);
            return;
        }
        using var shared = _backend.Allocate(Positions * job.PositionStride);
        job.V = CpuBackend.Pointer(shared.All);
        for (int image = 0; image < input.N; image++)
        {
            job.Image = image;
            var transform = new InputJob { Job = job };
            _backend.Team.Run((Filter.C + ChannelsPerTask - 1) / ChannelsPerTask, ref transform);
            _backend.Team.Run(Blocks, ref job);
        }
    }

    public override void Dispose()
    {
        _filters.Dispose();
        _bias.Dispose();
    }

    private static int RoundUp(int tiles) => (tiles + Gemm<T>.Columns - 1) / Gemm<T>.Columns * Gemm<T>.Columns;

    /// <summary>Layout of the filters: (block of 32 channels)(position)(strip)(C)(4), the order in which they are read.</summary>
    private struct FilterJob : IJob
    {
        public CpuWinogradConvolution<T> Owner;
        public float* Weight;

        public readonly void Run(int task)
        {
            int c = Owner.Filter.C, block = task / StripsPerBlock, strip = task % StripsPerBlock;
            float* target = Owner._filters.Pointer + ((long)block * Positions * ChannelsPerBlock * c);
            Span<float> u = stackalloc float[Positions];
            for (int row = 0; row < 4; row++)
            {
                int k = (task * 4) + row;
                for (int i = 0; i < c; i++)
                {
                    u.Clear();
                    if (k < Owner.Filter.K)
                    {
                        WinogradTransforms.ForFilter(Weight + ((((long)k * c) + i) * 9), u);
                    }
                    for (int position = 0; position < Positions; position++)
                    {
                        target[((((long)position * StripsPerBlock) + strip) * c * 4) + (i * 4) + row] = u[position];
                    }
                }
            }
        }
    }

    /// <summary>The first step of an image with few tiles: some channels of the shared V.</summary>
    private struct InputJob : IJob
    {
        public Job Job;

        public readonly void Run(int task)
        {
            int c = Job.Owner.Filter.C, first = task * ChannelsPerTask, last = Math.Min(first + ChannelsPerTask, c);
            float* scratch = Scratch.Get(WinogradTiles<T>.ScratchFloats(Job.Tiles));
            Job.TransformInput(Job.Image, first, last, 0, Job.Tiles, Job.V, scratch);
        }
    }

    private struct Job : IJob
    {
        public CpuWinogradConvolution<T> Owner;
        public ImageBatch Input;
        public int Tiles, Block, BlocksPerImage, Image;
        public float* X, Y, Residual, V;
        public long YImageStride;

        /// <summary>Floats between channels of V: whole panels, and a vector for what a transform overshoots.</summary>
        private readonly int RowStride => Block + 16;

        /// <summary>Floats between positions of V; a line more than a multiple, so that they do not share cache sets.</summary>
        public readonly nint PositionStride => ((nint)Owner.Filter.C * RowStride) + 16;

        private readonly nint ProductStride => (ChannelsPerBlock * Block) + 16;

        public readonly void Run(int task)
        {
            long products = Positions * (long)ProductStride;
            long transforms = WinogradTiles<T>.ScratchFloats(Math.Min(Block, Tiles));
            if (V != null)
            {
                float* own = Scratch.Get(products + transforms);
                Multiply(Image, task, 0, Tiles, V, own, own + products);
                return;
            }
            int image = task / BlocksPerImage, first = task % BlocksPerImage * Block, count = Math.Min(Block, Tiles - first);
            float* v = Scratch.Get((Positions * (long)PositionStride) + products + transforms);
            float* m = v + (Positions * (long)PositionStride), scratch = m + products;
            TransformInput(image, 0, Owner.Filter.C, first, count, v, scratch);
            for (int block = 0; block < Owner.Blocks; block++)
            {
                Multiply(image, block, first, count, v, m, scratch);
            }
        }

        public readonly void TransformInput(int image, int firstChannel, int lastChannel, int firstTile, int count, float* v,
            float* scratch)
        {
            long plane = (long)Input.H * Input.W;
            for (int c = firstChannel; c < lastChannel; c++)
            {
                WinogradTiles<T>.Input(X + (((image * (long)Owner.Filter.C) + c) * plane), Input.H, Input.W, firstTile, count,
                    v + ((nint)c * RowStride), PositionStride, scratch);
            }
        }

        /// <summary>32 output channels of some tiles: 36 products, then the inverse transform.</summary>
        private readonly void Multiply(int image, int block, int firstTile, int count, float* v, float* m, float* scratch)
        {
            int c = Owner.Filter.C, columns = Gemm<T>.Columns, firstChannel = block * ChannelsPerBlock;
            int channels = Math.Min(ChannelsPerBlock, Owner.Filter.K - firstChannel), strips = (channels + 3) / 4;
            float* u = Owner._filters.Pointer + ((long)block * Positions * ChannelsPerBlock * c);
            for (int position = 0; position < Positions; position++)
            {
                float* b = v + (position * PositionStride), result = m + (position * ProductStride);
                for (int tile = 0; tile < count; tile += columns)
                {
                    for (int s = 0; s < strips; s++)
                    {
                        Gemm<T>.Tile(c, u + ((((long)position * StripsPerBlock) + s) * c * 4), b + tile, RowStride,
                            result + (s * 4 * Block) + tile, Block, true);
                    }
                }
            }
            long plane = (long)Input.H * Input.W;
            for (int k = 0; k < channels; k++)
            {
                long offset = (firstChannel + k) * plane;
                float* residual = Residual == null ? null : Residual + (image * (long)Owner.Filter.K * plane) + offset;
                WinogradTiles<T>.Output(m + ((nint)k * Block), ProductStride, firstTile, count, Input.H, Input.W,
                    Owner._bias.Pointer[firstChannel + k], residual, Y + (image * YImageStride) + offset, Owner.Activation,
                    scratch);
            }
        }
    }
}
