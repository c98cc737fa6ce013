namespace Tcm.Kernels;

/// <summary>
/// A device: memory, copies, and one family of operations per folder of this project. All tensors of one call must live on
/// the same backend. Operations may run asynchronously on a GPU, in order; <see cref="Download"/> and
/// <see cref="Synchronize"/> wait. A <see cref="Cpu.CpuBackend"/> may be used from many threads at once; a GPU backend
/// serialises its callers.
/// </summary>
public abstract class Backend : IDisposable
{
    // Only Tcm derives from it, so that members can be added.
    private protected Backend() { }

    [ThreadStatic] private static long multiplyAdds;
    private Components.HostComponents? _hostComponents;

    /// <summary>The specification that opens this device: <c>cpu</c>, <c>cuda:0</c>, <c>opencl:1</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The device in words, with the instruction set or compute capability in use.</summary>
    public abstract string Description { get; }

    /// <summary>What matrix products and convolutions round their factors to; FP32 unless the backend was opened otherwise.</summary>
    public virtual Precision Precision => Precision.Fp32;

    /// <summary>2-d convolutions and the 2x2 transposed convolution.</summary>
    public abstract Convolution.Convolution2d Convolution { get; }

    /// <summary>Linear layers and batched matrix products.</summary>
    public abstract MatrixProduct.MatrixProducts MatrixProduct { get; }

    /// <summary>Multi-head scaled dot-product attention.</summary>
    public abstract Attention.MultiHeadAttention Attention { get; }

    /// <summary>LayerNorm, softmax and L2 normalisation of rows.</summary>
    public abstract Normalization.RowNormalization Normalization { get; }

    /// <summary>Maps over one or two tensors, with broadcasting.</summary>
    public abstract Elementwise.ElementwiseMaps Elementwise { get; }

    /// <summary>Sums and means over an axis.</summary>
    public abstract Reduction.AxisReduction Reduction { get; }

    /// <summary>Average pooling.</summary>
    public abstract Pooling.AveragePooling Pooling { get; }

    /// <summary>Nearest and bilinear resize.</summary>
    public abstract Resampling.Resampler Resampling { get; }

    /// <summary>Permutations, concatenation and row gathers.</summary>
    public abstract Indexing.DataMovement Indexing { get; }

    /// <summary>From the bytes of a picture to the network's input.</summary>
    public abstract Images.ImageInput Images { get; }

    /// <summary>
    /// Operations on images in half precision, where inference keeps them so: on CUDA in <see cref="Precision.Fp16"/>; else null.
    /// </summary>
    public virtual HalfImages.HalfImageOperations? HalfImages => null;

    /// <summary>Connected components of a map; on the host unless the backend has kernels for them.</summary>
    public virtual Components.ConnectedComponents Components => _hostComponents ??= new Components.HostComponents(this);

    /// <summary>BatchNorm2d while training.</summary>
    public abstract Normalization.BatchNormalization BatchNormalization { get; }

    /// <summary>Losses over maps, with their gradients.</summary>
    public abstract Losses.PixelLosses Losses { get; }

    /// <summary>Steps of optimisers.</summary>
    public abstract Optimizers.ParameterUpdates Optimizers { get; }

    /// <summary>What the memory pool holds now.</summary>
    public abstract MemoryUse Memory { get; }

    /// <summary>
    /// Multiply-adds that operations called on this thread have stood for so far (convolutions, linear layers, matrix
    /// products and attention; 1 = one multiplication and one addition). Take the difference around a call to measure it.
    /// </summary>
    public static long MultiplyAdds => multiplyAdds;

    internal static void CountMultiplyAdds(long count) => multiplyAdds += count;

    /// <summary>Lends memory for <paramref name="length"/> floats, contents undefined.</summary>
    /// <exception cref="DeviceException">The device has not that much memory left.</exception>
    public abstract Storage Allocate(long length);

    /// <summary>Copies from host memory; returns when <paramref name="source"/> may be reused.</summary>
    public abstract void Upload(ReadOnlySpan<float> source, Slice destination);

    /// <summary>Waits for earlier operations and copies to host memory.</summary>
    public abstract void Download(Slice source, Span<float> destination);

    /// <summary>
    /// Begins to copy to host memory and returns: on a CUDA device the copy waits for earlier operations in the background, into
    /// page-locked memory, and later operations may be queued meanwhile. Elsewhere it is complete at once.
    /// </summary>
    /// <exception cref="DeviceException">The device failed.</exception>
    public virtual HostCopy BeginDownload(Slice source)
    {
        Check.That(source.Length <= Array.MaxLength, $"BeginDownload: {source.Length} floats are too many for host memory");
        var values = new float[source.Length];
        Download(source, values);
        return new ArrayCopy(values);
    }

    /// <summary>
    /// Runs operations and keeps what it takes to repeat them. On a CUDA device they are captured in a graph that the driver
    /// replays as one launch, and the memory that they borrow stays reserved; all passes of a backend, which never run at the same
    /// time, share that memory. Where a graph cannot be made, <see cref="RecordedPass.Reason"/> says why and the operations are
    /// called again each time. On other devices they always are.
    /// </summary>
    /// <param name="pass">
    /// Queues the operations, on the calling thread alone; called up to three times now. It does the same each time, reads and
    /// writes memory that outlives the result, and while it is captured may neither wait for the device nor take more memory from
    /// the system than before. Its own storage is to be disposed before it ends, or at the next call.
    /// </param>
    /// <returns>The pass, which has been run once in effect.</returns>
    /// <exception cref="DeviceException">The device failed or has too little memory.</exception>
    public virtual RecordedPass Record(Action pass)
    {
        ArgumentNullException.ThrowIfNull(pass);
        pass();
        return new RepeatedCalls(pass);
    }

    /// <summary>Copies within the device; both slices have the same length and do not overlap.</summary>
    public abstract void Copy(Slice source, Slice destination);

    /// <summary>Sets every float of the slice.</summary>
    public abstract void Fill(Slice destination, float value);

    /// <summary>Waits until all operations called so far are done.</summary>
    public abstract void Synchronize();

    /// <summary>Gives pooled memory that is not in use back to the system.</summary>
    public abstract void TrimMemory();

    /// <inheritdoc/>
    public abstract void Dispose();
}
