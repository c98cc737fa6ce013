using Tcm.Kernels;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Images;
using Tcm.Kernels.Indexing;
using Tcm.Kernels.Losses;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Optimizers;
using Tcm.Kernels.Pooling;
using Tcm.Kernels.Reduction;
using Tcm.Kernels.Resampling;

namespace Tcm.Tests.Kernels.Reference;

/// <summary>
/// The oracle: every operation as plain loops over managed arrays, with sums in double. Slow, obvious, and able to run a
/// whole small network.
/// </summary>
internal sealed class ReferenceBackend : Backend
{
    private long _inUse, _allocations;

    public override string Name => "reference";

    public override string Description => "plain loops in double precision";

    public override Convolution2d Convolution { get; } = new ReferenceConvolution();

    public override MatrixProducts MatrixProduct { get; } = new ReferenceMatrixProducts();

    public override MultiHeadAttention Attention { get; } = new ReferenceAttention();

    public override RowNormalization Normalization { get; } = new ReferenceNormalization();

    public override BatchNormalization BatchNormalization { get; } = new ReferenceBatchNormalization();

    public override ElementwiseMaps Elementwise { get; } = new ReferenceElementwise();

    public override AxisReduction Reduction { get; } = new ReferenceReduction();

    public override AveragePooling Pooling { get; } = new ReferencePooling();

    public override Resampler Resampling { get; } = new ReferenceResampler();

    public override DataMovement Indexing { get; } = new ReferenceDataMovement();

    public override ImageInput Images { get; } = new ReferenceImageInput();

    public override PixelLosses Losses { get; } = new ReferencePixelLosses();

    public override ParameterUpdates Optimizers { get; } = new ReferenceParameterUpdates();

    public override MemoryUse Memory => new(Interlocked.Read(ref _inUse), 0, Interlocked.Read(ref _allocations));

    /// <summary>The floats of a slice.</summary>
    public static Span<float> Floats(Slice slice) =>
        ((ReferenceStorage)slice.Storage).Values.AsSpan((int)slice.Offset, (int)slice.Length);

    public override Storage Allocate(long length)
    {
        if (length <= 0)
        {
            throw new ShapeException($"Allocate: length is {length}, expected at least 1");
        }
        Interlocked.Add(ref _inUse, length * sizeof(float));
        Interlocked.Increment(ref _allocations);
        return new ReferenceStorage(this, checked((int)length));
    }

    public override void Upload(ReadOnlySpan<float> source, Slice destination) => source.CopyTo(Floats(destination));

    public override void Download(Slice source, Span<float> destination) => Floats(source).CopyTo(destination);

    public override void Copy(Slice source, Slice destination) => Floats(source).CopyTo(Floats(destination));

    public override void Fill(Slice destination, float value) => Floats(destination).Fill(value);

    public override void Synchronize() { }

    public override void TrimMemory() { }

    public override void Dispose() { }

    private sealed class ReferenceStorage : Storage
    {
        private readonly ReferenceBackend _backend;
        private bool _returned;

        public ReferenceStorage(ReferenceBackend backend, int length)
        {
            _backend = backend;
            Length = length;
            Values = new float[length];
            // Contents are undefined by contract; NaN makes a read before the first write visible.
            Values.AsSpan().Fill(float.NaN);
        }

        public float[] Values { get; }

        public override Backend Backend => _backend;

        public override void Dispose()
        {
            if (!_returned)
            {
                _returned = true;
                Interlocked.Add(ref _backend._inUse, -Length * sizeof(float));
            }
        }
    }
}
