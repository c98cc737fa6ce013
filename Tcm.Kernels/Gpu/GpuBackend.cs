using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Tcm.Kernels.Attention;
using Tcm.Kernels.Components;
using Tcm.Kernels.Convolution;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.HalfImages;
using Tcm.Kernels.Images;
using Tcm.Kernels.Indexing;
using Tcm.Kernels.Losses;
using Tcm.Kernels.MatrixProduct;
using Tcm.Kernels.Normalization;
using Tcm.Kernels.Optimizers;
using Tcm.Kernels.Pooling;
using Tcm.Kernels.Reduction;
using Tcm.Kernels.Resampling;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// A CUDA or OpenCL device through ILGPU. Operations are queued on one stream and return at once; <see cref="Download"/>
/// and <see cref="Synchronize"/> wait. Thread-safe: a lock serialises callers. A kernel is compiled when it is first used
/// (about 0.1 s each). Open one with <see cref="Devices.Open"/>.
/// </summary>
internal sealed partial class GpuBackend : Backend
{
    private readonly Lock _lock = new();
    private readonly Context? _context;
    private readonly Accelerator _accelerator;
    private readonly AcceleratorStream _stream;
    private readonly KernelCache _kernels;
    private readonly GpuMemory _memory;
    private readonly PageLockedPool _host;
    private readonly CudaDriver? _driver;
    private readonly string _tuningName;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _nothing;
    private bool _disposed;

    /// <summary>Wraps any accelerator; the tests pass ILGPU's simulator.</summary>
    /// <param name="name">The device specification.</param>
    /// <param name="accelerator">Owned from now on.</param>
    /// <param name="context">Owned from now on; null when the caller keeps it.</param>
    /// <param name="precision">What matrix products and convolutions round their factors to.</param>
    /// <param name="loader">Takes kernels from ILGPU's own launcher.</param>
    internal GpuBackend(string name, Accelerator accelerator, Context? context = null, Precision precision = Precision.Fp32,
        IKernelLoader? loader = null)
    {
        Name = name;
        Precision = precision;
        _context = context;
        _accelerator = accelerator;
        _stream = accelerator.CreateStream();
        if (accelerator is CudaAccelerator)
        {
            var driver = CudaDriver.Instance;
            MissingCall = driver.Missing;
            _driver = MissingCall is null ? driver : null;
        }
        KernelFiles = accelerator is CudaAccelerator ? KernelFiles.FromEnvironment() : null;
        _kernels = new KernelCache(accelerator, KernelFiles, loader);
        _memory = new GpuMemory(this, accelerator);
        _host = new PageLockedPool(_driver);
        Convolution = new GpuConvolution(this);
        MatrixProduct = new GpuMatrixProducts(this);
        Attention = new GpuAttention(this);
        Normalization = new GpuNormalization(this);
        BatchNormalization = new GpuBatchNormalization(this);
        Elementwise = new GpuElementwise(this);
        Reduction = new GpuReduction(this);
        Pooling = new GpuPooling(this);
        Resampling = new GpuResampler(this);
        Indexing = new GpuDataMovement(this);
        Images = new GpuImageInput(this);
        Components = new GpuComponents(this);
        Losses = new GpuPixelLosses(this);
        Optimizers = new GpuParameterUpdates(this);
        HalfOperations = new GpuHalfImages(this);
        using var binding = accelerator.BindScoped();
        _nothing = accelerator.Allocate1D<float>(64);
        _tuningName = accelerator is CudaAccelerator cuda
            ? TuningTable.Device(cuda.Architecture.Major, cuda.Architecture.Minor, cuda.NumMultiprocessors) : "";
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Description => _accelerator is CudaAccelerator cuda
        ? $"{cuda.Name}, compute capability {cuda.Architecture.Major}.{cuda.Architecture.Minor}, " +
          $"{cuda.NumMultiprocessors} multiprocessors, {cuda.MemorySize >> 20} MiB"
        : $"{_accelerator.Name}, {_accelerator.NumMultiprocessors} compute units, {_accelerator.MemorySize >> 20} MiB";

    /// <inheritdoc/>
    public override Precision Precision { get; }

    /// <summary>Whether the device can multiply in this precision.</summary>
    internal static bool Supports(Accelerator accelerator, Precision precision) => precision == Precision.Fp32
        || accelerator is CPUAccelerator || (accelerator is CudaAccelerator cuda && cuda.Architecture >= CudaArchitecture.SM_80);

    /// <summary>Whether this device can.</summary>
    internal bool Supports(Precision precision) => Supports(_accelerator, precision);

    /// <exception cref="DeviceException">The device has no tensor cores for this precision.</exception>
    internal void RequireTensorCores(Precision precision)
    {
        if (!Supports(precision))
        {
            throw NoTensorCores(Name, precision);
        }
    }

    internal static DeviceException NoTensorCores(string device, Precision precision) => new(
        $"{device}: {precision} needs tensor cores (CUDA, compute capability 8.0 or later); this device computes in Fp32");

    /// <inheritdoc/>
    public override Convolution2d Convolution { get; }

    /// <inheritdoc/>
    public override MatrixProducts MatrixProduct { get; }

    /// <inheritdoc/>
    public override MultiHeadAttention Attention { get; }

    /// <inheritdoc/>
    public override RowNormalization Normalization { get; }

    /// <inheritdoc/>
    public override BatchNormalization BatchNormalization { get; }

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
    public override HalfImageOperations? HalfImages => Precision == Precision.Fp16 ? HalfOperations : null;

    /// <summary>The same in any precision, for the ladder benchmark and the tests.</summary>
    internal GpuHalfImages HalfOperations { get; }

    /// <inheritdoc/>
    public override ConnectedComponents Components { get; }

    /// <inheritdoc/>
    public override PixelLosses Losses { get; }

    /// <inheritdoc/>
    public override ParameterUpdates Optimizers { get; }

    /// <inheritdoc/>
    public override MemoryUse Memory
    {
        get
        {
            lock (_lock)
            {
                return _memory.Use;
            }
        }
    }

    /// <summary>What a CUDA driver is too old for, so that there are no graphs and copies wait; else null.</summary>
    internal string? MissingCall { get; }

    /// <summary>Where texts of kernels are kept; null for nowhere.</summary>
    internal KernelFiles? KernelFiles { get; }

    /// <summary>Texts from there that could not be loaded, so that their kernels were compiled again.</summary>
    internal int KeptTextsRefused => _kernels.KeptTextsRefused;

    /// <summary>Kernels compiled so far.</summary>
    internal IReadOnlyCollection<GpuKernel> LoadedKernels => _kernels.Loaded;

    internal int Multiprocessors => _accelerator.NumMultiprocessors;

    /// <summary>
    /// The device memory of a slice. Kernels index with 32 bits, which ILGPU zero-extends; slices they cannot address are
    /// refused here.
    /// </summary>
    internal static ArrayView<float> View(Slice slice)
    {
        Check.That(slice.Length <= int.MaxValue, $"GPU: a tensor of {slice.Length} floats exceeds the 2^31-1 of one operation");
        return LongView(slice);
    }

    /// <summary>The device memory of a slice of any size, for kernels that index with 64 bits.</summary>
    internal static ArrayView<float> LongView(Slice slice)
    {
        var storage = (GpuStorage)slice.Storage;
        ObjectDisposedException.ThrowIf(((GpuBackend)storage.Backend)._disposed, storage.Backend);
        return storage.Buffer.View.BaseView.SubView(slice.Offset, slice.Length);
    }

    /// <summary>1 when 16-byte accesses at multiples of 4 floats are aligned, else 0. Blocks start on 256 bytes.</summary>
    internal static int Aligned4(Slice slice) => slice.Offset % 4 == 0 ? 1 : 0;

    /// <summary>Queues a kernel with <paramref name="groups"/> groups.</summary>
    internal void Launch<TArgs>(GpuKernel<TArgs> kernel, long groups, TArgs args) where TArgs : struct
    {
        Check.That(groups is > 0 and <= int.MaxValue, $"{kernel.Name}: {groups} groups exceed the grid of {Name}");
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_capturing && !_kernels.Loaded.Contains(kernel))
            {
                throw new CaptureException($"{Name}: {kernel.Name} is compiled within a captured pass");
            }
            try
            {
                _kernels.Get(kernel)(_stream, new KernelConfig((int)groups, kernel.GroupSize), args);
            }
            catch (AcceleratorException e)
            {
                throw Failed(kernel.Name, e);
            }
        }
    }

    /// <summary>Copies host values to a new buffer that the caller disposes.</summary>
    internal MemoryBuffer1D<T, Stride1D.Dense> Constant<T>(T[] values) where T : unmanaged => Guard("Prepare", () =>
    {
        var buffer = _accelerator.Allocate1D<T>(values.Length);
        buffer.View.BaseView.CopyFromCPU(_stream, values);
        _stream.Synchronize();
        return buffer;
    });

    /// <summary>Frees a buffer of <see cref="Constant{T}"/> once queued kernels are done with it.</summary>
    internal void Release(MemoryBuffer buffer)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                Ready("Release");
                FreeUnlessLost(() =>
                {
                    _stream.Synchronize();
                    buffer.Dispose();
                });
            }
        }
    }

    internal void Return(GpuStorage storage)
    {
        lock (_lock)
        {
            _memory.Return(storage);
        }
    }

    /// <inheritdoc/>
    public override Storage Allocate(long length)
    {
        Check.Positive("Allocate", "length", length);
        return Guard("Allocate", () => _memory.Rent(length), inCapture: true);
    }

    /// <inheritdoc/>
    public override unsafe void Upload(ReadOnlySpan<float> source, Slice destination)
    {
        Check.Length("Upload", "destination", destination, source.Length);
        if (source.IsEmpty)
        {
            return;
        }
        fixed (float* pointer = source)
        {
            nint address = (nint)pointer;
            int length = source.Length;
            Guard("Upload", () =>
            {
                LongView(destination).SubView(0, length)
                    .CopyFromCPU(_stream, ref Unsafe.AsRef<float>((void*)address), length);
                _stream.Synchronize();
                return 0;
            });
        }
    }

    /// <inheritdoc/>
    public override unsafe void Download(Slice source, Span<float> destination)
    {
        Check.That(destination.Length >= source.Length, $"Download: {source.Length} floats into {destination.Length}");
        if (source.Length == 0)
        {
            return;
        }
        fixed (float* pointer = destination)
        {
            nint address = (nint)pointer;
            Guard("Download", () =>
            {
                LongView(source).CopyToCPU(_stream, ref Unsafe.AsRef<float>((void*)address), source.Length);
                _stream.Synchronize();
                return 0;
            });
        }
    }

    /// <inheritdoc/>
    public override void Copy(Slice source, Slice destination)
    {
        Check.Length("Copy", "destination", destination, source.Length);
        if (source.Length > 0)
        {
            Guard("Copy", () =>
            {
                LongView(source).CopyTo(_stream, LongView(destination).SubView(0, source.Length));
                return 0;
            }, inCapture: true);
        }
    }

    /// <inheritdoc/>
    public override void Fill(Slice destination, float value) => ((GpuElementwise)Elementwise).Fill(destination, value);

    /// <inheritdoc/>
    public override void Synchronize() => Guard("Synchronize", () =>
    {
        _stream.Synchronize();
        return 0;
    });

    /// <inheritdoc/>
    public override void TrimMemory() => Guard("TrimMemory", () =>
    {
        _stream.Synchronize();
        _copies?.Synchronize();
        TrimTransfers();
        _memory.Trim();
        return 0;
    });

    /// <inheritdoc/>
    public override void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            DisposeTransfers();
            FreeUnlessLost(_memory.Dispose);
            FreeUnlessLost(_stream.Dispose);
            FreeUnlessLost(_accelerator.Dispose);
            FreeUnlessLost(() => _context?.Dispose());
        }
    }

    /// <summary>Gives something back. What a lost device cannot take back goes with its context, and nobody who disposes is told.</summary>
    private static void FreeUnlessLost(Action free)
    {
        try
        {
            free();
        }
        catch (Exception e) when (e is AcceleratorException or DeviceException)
        {
        }
    }

    private T Guard<T>(string op, Func<T> action, bool inCapture = false)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!inCapture)
            {
                Ready(op);
            }
            using var binding = _accelerator.BindScoped();
            try
            {
                return action();
            }
            catch (AcceleratorException e)
            {
                throw Failed(op, e);
            }
        }
    }

    private DeviceException Failed(string op, Exception cause) =>
        new($"{Name}: {op} failed: {cause.Message.ReplaceLineEndings(" ")}", cause);
}
