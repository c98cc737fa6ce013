using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Kernels.HalfImages;

/// <summary>
/// V4: a convolution of half-precision images, by <see cref="HalfGemmKernels"/> or, depthwise, by
/// <see cref="HalfImageKernels.Depthwise"/>. Called with floats in planes, it converts them on the way in and out.
/// </summary>
internal sealed class HalfConvolution : GpuPreparedConvolution
{
    /// <summary>Results with fewer channels than this are maps, not features: they leave half precision.</summary>
    private const int PlaneChannels = 8;

    private readonly GpuBackend _backend;
    private readonly TensorWeights? _weights;
    private readonly MemoryBuffer1D<int, Stride1D.Dense>? _taps;
    private readonly MemoryBuffer1D<float, Stride1D.Dense>? _depthwise, _bias;
    private readonly int _tile;

    public HalfConvolution(GpuBackend backend, Conv2dFilter filter, bool transposed, Activation activation,
        ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int tile) : base(filter, transposed, activation)
    {
        _backend = backend;
        _tile = tile;
        float[] w = weight.ToArray(), b = bias.IsEmpty ? new float[filter.K] : bias.ToArray();
        int chunks = Chunks(filter.C), area = filter.R * filter.S;
        if (filter.Groups > 1)
        {
            _depthwise = backend.Constant(DepthwiseWeights(w, filter, chunks));
            _bias = backend.Constant(Spread(b, Columns, j => j < filter.K ? j : -1));
            return;
        }
        int channels = 8 * chunks, k = transposed ? channels : area * channels;
        _weights = new TensorWeights(backend, Precision.Fp16, 1, Columns, k, Spread(b, Padded(Columns), FilterOf), Padded(Columns),
            (_, j, i) =>
            {
                int f = FilterOf(j), c = i % channels;
                return f < 0 || c >= filter.C ? 0
                    : transposed ? w[((c * filter.K) + f) * 4 + Corner(j)]
                    : w[((f * filter.C) + c) * area + i / channels];
            });
        if (!transposed && filter is not { R: 1, S: 1, Stride: 1, Padding: 0 })
        {
            _taps = backend.Constant(Taps(filter, chunks));
        }

        int FilterOf(int column)
        {
            int f = transposed ? column % CornerColumns : column;
            return column < Columns && f < filter.K ? f : -1;
        }

        int Corner(int column) => column / CornerColumns;
    }

    public override bool TakesHalfImages => true;

    public override bool GivesPlanes => Filter.K < PlaneChannels && Filter.Groups == 1;

    public override string Algorithm => (_depthwise is not null ? "depthwise" : Transposed ? "GEMM with pixel shuffle"
        : _taps is null ? "GEMM of pixels" : "implicit GEMM") + ", half images";

    public override long PackedBytes =>
        (_weights?.Bytes ?? 0) + (_taps?.LengthInBytes ?? 0) + (_depthwise?.LengthInBytes ?? 0) + (_bias?.LengthInBytes ?? 0);

    /// <summary>Columns of the product: channels, or those of four corners.</summary>
    private int Columns => Transposed ? 4 * CornerColumns : Filter.Groups > 1 ? 8 * Chunks(Filter.K) : Filter.K;

    /// <summary>Channels of a corner; few ones are not padded, since they go to planes.</summary>
    private int CornerColumns => GivesPlanes ? Filter.K : 8 * Chunks(Filter.K);


    /// <summary>Whether the filter can be prepared so.</summary>
    public static bool Serves(Conv2dFilter filter) => filter.R <= Conv2dKernels.MaxSide && filter.S <= Conv2dKernels.MaxSide
        && (filter.Groups == 1 || (filter.Groups == filter.C && filter.Groups == filter.K));

    /// <summary>Floats in and out.</summary>
    public override void Run(ConvolutionCall call)
    {
        var half = _backend.HalfOperations;
        var input = new HalfShape(call.Input.N, Filter.C, call.Input.H, call.Input.W);
        var output = new HalfShape(call.Input.N, Filter.K, call.P, call.Q);
        using var x = _backend.Allocate(input.Length);
        half.FromPlanes(input, call.X, x.All);
        using var y = _backend.Allocate(Math.Max(output.Length, output.Pixels * output.C));
        long image = output.Pixels / output.N * output.C;
        bool planes = GivesPlanes;
        var residual = call.Residual;
        if (residual is { } given && !planes)
        {
            half.FromPlanes(output, given, y.All);
            residual = y.All;
        }
        RunHalf(call.Input, output, x.All, y.All, residual);
        using var dense = planes ? null : _backend.Allocate(output.N * image);
        if (dense is not null)
        {
            half.ToPlanes(output, y.All, dense.All);
        }
        long stride = call.YImageStride == 0 ? image : call.YImageStride;
        _backend.Indexing.CopyRuns(output.N, image, (dense ?? y).All, image, call.Y, stride);
    }

    /// <summary>Half-precision images in; out, too, or planes of floats; the residual is as the result.</summary>
    public void RunHalf(ImageBatch input, HalfShape output, Slice x, Slice y, Slice? residual)
    {
        if (_depthwise is not null)
        {
            RunDepthwise(input, output, x, y, residual);
            return;
        }
        int rows = checked((int)(Transposed ? (long)input.N * input.H * input.W : output.Pixels));
        var bias = _weights!.Bias.Cast<Float4>();
        if (GivesPlanes)
        {
            LaunchPlanes(input, output, x, y, residual, bias, rows);
        }
        else if (Transposed)
        {
            HalfGemmKernels.Shuffled.Launch(_backend, _weights, new()
            {
                A = Pixels(x, rows),
                C = new()
                {
                    Y = Words(y),
                    Residual = Words(residual ?? y),
                    Bias = bias,
                    HasResidual = residual is null ? 0 : 1,
                    Rows = rows,
                    Channels = output.C,
                    Chunks = output.Chunks,
                    W = input.W,
                },
            }, Activation, rows, Columns, _tile);
        }
        else
        {
            var store = Store(y, residual, bias, rows, output.C);
            if (_taps is null)
            {
                HalfGemmKernels.Pixels.Launch(_backend, _weights, new() { A = Pixels(x, rows), C = store }, Activation, rows,
                    Columns, _tile);
            }
            else
            {
                HalfGemmKernels.Patches.Launch(_backend, _weights, new() { A = Patches(input, output, x, rows), C = store },
                    Activation, rows, Columns, _tile);
            }
        }
    }

    public override void Dispose()
    {
        _weights?.Dispose();
        foreach (MemoryBuffer? buffer in (MemoryBuffer?[])[_taps, _depthwise, _bias])
        {
            if (buffer is not null)
            {
                _backend.Release(buffer);
            }
        }
    }

    private void LaunchPlanes(ImageBatch input, HalfShape output, Slice x, Slice y, Slice? residual, ArrayView<Float4> bias,
        int rows)
    {
        var store = new HalfPlanesStore
        {
            Y = GpuBackend.View(y),
            Residual = GpuBackend.View(residual ?? y),
            Bias = bias,
            HasResidual = residual is null ? 0 : 1,
            Pixels = rows / input.N,
            W = input.W,
            Rows = rows,
            Channels = output.C,
            Corners = Transposed ? 4 : 1,
        };
        if (_taps is null)
        {
            HalfGemmKernels.PixelsToPlanes.Launch(_backend, _weights!, new() { A = Pixels(x, rows), C = store }, Activation, rows,
                Columns, _tile);
        }
        else
        {
            HalfGemmKernels.PatchesToPlanes.Launch(_backend, _weights!, new() { A = Patches(input, output, x, rows), C = store },
                Activation, rows, Columns, _tile);
        }
    }

    private void RunDepthwise(ImageBatch input, HalfShape output, Slice x, Slice y, Slice? residual)
    {
        var kernel = HalfImageKernels.DepthwiseKernel;
        int count = checked((int)(output.Pixels * output.Chunks));
        _backend.Launch(kernel, ((long)count + kernel.GroupSize - 1) / kernel.GroupSize, new HalfDepthwiseArgs
        {
            X = Words(x),
            Residual = Words(residual ?? y),
            Y = Words(y),
            Weight = _depthwise!.View.BaseView.Cast<Float4>(),
            Bias = _bias!.View.BaseView.Cast<Float4>(),
            Count = count,
            Channels = output.C,
            Chunks = output.Chunks,
            H = input.H,
            W = input.W,
            R = Filter.R,
            S = Filter.S,
            Stride = Filter.Stride,
            Padding = Filter.Padding,
            P = output.H,
            Q = output.W,
            HasResidual = residual is null ? 0 : 1,
            Activation = (int)Activation,
        });
    }

    private HalfRowsOperand Pixels(Slice x, int rows) => RowsOperand(x, rows, Filter.C);

    private HalfPatchesOperand Patches(ImageBatch input, HalfShape output, Slice x, int rows) => new()
    {
        Values = Words(x),
        Address = Address(x),
        Taps = _taps!.View.BaseView,
        Rows = rows,
        Pixels = output.H * output.W,
        H = input.H,
        W = input.W,
        Q = output.W,
        Stride = Filter.Stride,
        Padding = Filter.Padding,
        Chunks = Chunks(Filter.C),
    };

    /// <summary>Pixels or tokens, rows of so many channels.</summary>
    internal static HalfRowsOperand RowsOperand(Slice x, int rows, int channels) => new()
    {
        Values = Words(x),
        Address = Address(x),
        Rows = rows,
        Chunks = Chunks(channels),
    };

    internal static HalfImageStore Store(Slice y, Slice? residual, ArrayView<Float4> bias, int rows, int channels) => new()
    {
        Y = Words(y),
        Residual = Words(residual ?? y),
        Bias = bias,
        HasResidual = residual is null ? 0 : 1,
        Rows = rows,
        Channels = channels,
        Chunks = Chunks(channels),
    };

    internal static ArrayView<Word4> Words(Slice slice) => GpuBackend.View(slice).Cast<Word4>();

    internal static long Address(Slice slice) => GpuBackend.View(slice).LoadEffectiveAddressAsPtr();

    internal static int Chunks(int channels) => (channels + 7) / 8;

    private static int Padded(int columns) => (columns + 127) / 128 * 128;

    /// <summary>One value a column, 0 where it has none.</summary>
    private static float[] Spread(float[] values, int columns, Func<int, int> index) =>
        [.. Enumerable.Range(0, columns).Select(j => index(j) is >= 0 and var i ? values[i] : 0)];

    private static float[] DepthwiseWeights(float[] w, Conv2dFilter filter, int chunks)
    {
        int area = filter.R * filter.S;
        var packed = new float[area * chunks * 8];
        for (int c = 0; c < filter.C; c++)
        {
            for (int tap = 0; tap < area; tap++)
            {
                packed[(tap * chunks * 8) + c] = w[(c * area) + tap];
            }
        }
        return packed;
    }

    private static int[] Taps(Conv2dFilter filter, int chunks)
    {
        int length = filter.R * filter.S * chunks;
        int[] taps = new int[(length + 3) / 4 * 4];
        Array.Fill(taps, -1);
        for (int i = 0; i < length; i++)
        {
            int tap = i / chunks;
            taps[i] = i % chunks << 10 | tap / filter.S << 5 | tap % filter.S;
        }
        return taps;
    }
}
