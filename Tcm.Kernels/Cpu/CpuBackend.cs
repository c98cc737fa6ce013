using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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

namespace Tcm.Kernels.Cpu;

/// <summary>
/// The default device: SIMD in C# on all cores. Operations run at once and return when they are done. Thread-safe: callers
/// that overlap share the cores and get the same bits as one caller alone.
/// </summary>
public sealed unsafe class CpuBackend : Backend
{
    private readonly CpuMemory _memory;

    /// <summary>Opens the CPU.</summary>
    /// <param name="threads">Threads that work on one operation, the caller included; 0 means one for each core.</param>
    /// <param name="level">Vector width; null means the widest that runs here.</param>
    /// <exception cref="DeviceException">The processor lacks <paramref name="level"/>, or threads is negative.</exception>
    public CpuBackend(int threads = 0, SimdLevel? level = null) : this(threads, level ?? Simd.Best, emulate: false) { }

    /// <summary>With <paramref name="emulate"/>, a level that the processor lacks runs through the software fallback of the
    /// portable vector API: slow, for tests of the wide code paths.</summary>
    internal CpuBackend(int threads, SimdLevel level, bool emulate)
    {
        if (threads is < 0 or > 1024)
        {
            throw new DeviceException($"cpu: {threads} threads asked for, expected 0 (all cores) to 1024");
        }
        Level = level;
        if (!emulate && !Simd.IsSupported(Level))
        {
            throw new DeviceException($"cpu: this processor does not support {Level}; its best level is {Simd.Best}");
        }
        _memory = new CpuMemory(this);
        Team = new ThreadTeam(threads == 0 ? Environment.ProcessorCount : threads);
        Convolution = new CpuConvolution(this);
        MatrixProduct = new CpuMatrixProducts(this);
        Attention = new CpuAttention(this);
        Normalization = new CpuNormalization(this);
        Elementwise = new CpuElementwise(this);
        Reduction = new CpuReduction(this);
        Pooling = new CpuPooling(this);
        Resampling = new CpuResampler(this);
        Indexing = new CpuDataMovement(this);
        Images = new CpuImageInput(this);
        BatchNormalization = new CpuBatchNormalization(this);
        Losses = new CpuPixelLosses(this);
        Optimizers = new CpuParameterUpdates(this);
    }

    /// <summary>The vector width in use.</summary>
    public SimdLevel Level { get; }

    /// <summary>Threads that work on one operation.</summary>
    public int Threads => Team.Threads;

    internal ThreadTeam Team { get; }

    /// <inheritdoc/>
    public override string Name => "cpu";

    /// <inheritdoc/>
    public override string Description =>
        $"{RuntimeInformation.ProcessArchitecture} processor, {Level} vectors, {Threads} thread{(Threads == 1 ? "" : "s")}";

    /// <inheritdoc/>
    public override Convolution2d Convolution { get; }

    /// <inheritdoc/>
    public override MatrixProducts MatrixProduct { get; }

    /// <inheritdoc/>
    public override MultiHeadAttention Attention { get; }

    /// <inheritdoc/>
    public override RowNormalization Normalization { get; }

    /// <inheritdoc/>
    public override ElementwiseMaps Elementwise { get; }

    /// <inheritdoc/>
    public override AxisReduction Reduction { get; }

    /// <inheritdoc/>
    public override AveragePooling Pooling { get; }

    /// <inheritdoc/>
    public override Resampler Resampling { get; }

    /// <inheritdoc/>
    public override DataMovement Indexing { get; }

    /// <inheritdoc/>
    public override ImageInput Images { get; }

    /// <inheritdoc/>
    public override BatchNormalization BatchNormalization { get; }

    /// <inheritdoc/>
    public override PixelLosses Losses { get; }

    /// <inheritdoc/>
    public override ParameterUpdates Optimizers { get; }

    /// <inheritdoc/>
    public override MemoryUse Memory => _memory.Use;

    /// <summary>Address of a slice's first float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float* Pointer(Slice slice) => ((CpuStorage)slice.Storage).Pointer + slice.Offset;

    /// <inheritdoc/>
    public override Storage Allocate(long length)
    {
        Check.Positive("Allocate", "length", length);
        return _memory.Rent(length);
    }

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<float> source, Slice destination)
    {
        Check.Length("Upload", "destination", destination, source.Length);
        source.CopyTo(new Span<float>(Pointer(destination), source.Length));
    }

    /// <inheritdoc/>
    public override void Download(Slice source, Span<float> destination)
    {
        Check.That(destination.Length >= source.Length,
            $"Download: {source.Length} floats into {destination.Length}");
        new ReadOnlySpan<float>(Pointer(source), checked((int)source.Length)).CopyTo(destination);
    }

    /// <inheritdoc/>
    public override void Copy(Slice source, Slice destination)
    {
        Check.Length("Copy", "destination", destination, source.Length);
        Buffer.MemoryCopy(Pointer(source), Pointer(destination), destination.Length * sizeof(float),
            source.Length * sizeof(float));
    }

    /// <inheritdoc/>
    public override void Fill(Slice destination, float value)
    {
        float* p = Pointer(destination);
        for (long done = 0; done < destination.Length; done += 1 << 30)
        {
            new Span<float>(p + done, (int)Math.Min(1 << 30, destination.Length - done)).Fill(value);
        }
    }

    /// <inheritdoc/>
    public override void Synchronize() { }

    /// <inheritdoc/>
    public override void TrimMemory() => _memory.Trim();

    /// <inheritdoc/>
    public override void Dispose()
    {
        Team.Dispose();
        _memory.Dispose();
    }
}
