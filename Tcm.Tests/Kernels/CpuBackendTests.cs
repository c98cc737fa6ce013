using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Kernels.MatrixProduct;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Kernels;

/// <summary>What the CPU backend promises beyond right values: the same bits always, no garbage, no growing memory.</summary>
public sealed class CpuBackendTests
{
    public static TheoryData<SimdLevel, string> LevelsAndFamilies()
    {
        var data = new TheoryData<SimdLevel, string>();
        foreach (var level in new[] { SimdLevel.Portable, SimdLevel.Avx2, SimdLevel.Avx512 }.Where(Simd.IsSupported))
        {
            foreach (string family in KernelCases.Families.Keys)
            {
                data.Add(level, family);
            }
        }
        return data;
    }

    public static TheoryData<string> Families => [.. KernelCases.Families.Keys];

    [Theory]
    [MemberData(nameof(LevelsAndFamilies))]
    public void Results_do_not_depend_on_threads(SimdLevel level, string family)
    {
        using var one = new CpuBackend(1, level);
        using var two = new CpuBackend(2, level);
        using var three = new CpuBackend(3, level);
        var expected = KernelCases.Families[family].Select(c => Bits(c, one)).ToArray();
        foreach (var (kernelCase, bits) in KernelCases.Families[family].Zip(expected))
        {
            Assert.True(bits.AsSpan().SequenceEqual(Bits(kernelCase, two)), $"{kernelCase.Name} with 2 threads");
            Assert.True(bits.AsSpan().SequenceEqual(Bits(kernelCase, three)), $"{kernelCase.Name} with 3 threads");
        }
        // Callers that overlap: some get the team, the others work alone.
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, caller =>
        {
            for (int i = caller; i < expected.Length; i += 2)
            {
                var kernelCase = KernelCases.Families[family][i];
                Assert.True(expected[i].AsSpan().SequenceEqual(Bits(kernelCase, three)), $"{kernelCase.Name} by 8 callers");
            }
        });
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Operations_allocate_nothing_when_warm(string family)
    {
        using var backend = new CpuBackend(2);
        foreach (var kernelCase in KernelCases.Families[family])
        {
            using var loaded = new LoadedCase(kernelCase, backend);
            loaded.Run();
            long systemAllocations = backend.Memory.SystemAllocations;
            // The best of three: the runtime itself now and then allocates on a thread, when it compiles a method anew.
            long allocated = long.MaxValue;
            for (int i = 0; i < 3; i++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                loaded.Run();
                allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            }
            Assert.True(allocated == 0, $"{kernelCase.Name} allocated {allocated} bytes");
            Assert.Equal(systemAllocations, backend.Memory.SystemAllocations);
        }
    }

    public static TheoryData<SimdLevel> Levels => [.. new[] { SimdLevel.Portable, SimdLevel.Avx2, SimdLevel.Avx512 }.Where(Simd.IsSupported)];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Weights_that_are_halves_take_half_the_memory_and_give_the_same_bits(SimdLevel level)
    {
        const int rows = 5, n = 95, k = 67;
        using var backend = new CpuBackend(2, level);
        float[] weight = Array.ConvertAll(KernelCase.Values((n + 1) * k, 1), v => (float)(Half)v);
        // The smallest and largest numbers, normal and not, and a zero with a sign.
        float[] ends = [65504, -65504, 6.1035156e-05f, -6.097555e-05f, 5.9604645e-08f, -5.9604645e-08f, -0f];
        ends.CopyTo(weight, 11);
        using var halves = backend.MatrixProduct.Prepare(n, k, weight.AsSpan(0, n * k), [], Activation.None);
        // A row more, of which one value is no half: just below one, above all, or not a number.
        foreach (float other in (float[])[1 + MathF.Pow(2, -11), 5e-8f, 65520, float.PositiveInfinity, float.NaN])
        {
            weight[^1] = other;
            using var floats = backend.MatrixProduct.Prepare(n + 1, k, weight, [], Activation.None);
            Assert.Equal(2 * ((ICpuPreparedMatrix)halves).PackedBytes, ((ICpuPreparedMatrix)floats).PackedBytes);
            float[] x = KernelCase.Values(rows * k, 2), expected = Run(floats, x), actual = Run(halves, x);
            for (int row = 0; row < rows; row++)
            {
                Assert.Equal(expected.AsSpan(row * (n + 1), n).ToArray().Select(BitConverter.SingleToInt32Bits),
                    actual.AsSpan(row * n, n).ToArray().Select(BitConverter.SingleToInt32Bits));
            }
        }

        float[] Run(PreparedMatrix matrix, float[] values)
        {
            using var x = backend.Allocate(values.Length);
            using var y = backend.Allocate(rows * matrix.N);
            backend.Upload(values, x.All);
            backend.MatrixProduct.Linear(matrix, rows, x.All, y.All);
            var result = new float[rows * matrix.N];
            backend.Download(y.All, result);
            return result;
        }
    }

    [Fact]
    public void Memory_is_reused_and_trimmed()
    {
        using var backend = new CpuBackend(1);
        long[] lengths = [1, 17, 1000, 20_000, 20_500, 1_000_000, 3_000_000];
        for (int pass = 0; pass < 3; pass++)
        {
            var storages = lengths.Select(backend.Allocate).ToList();
            Assert.Equal(2, backend.Memory.SystemAllocations);
            Assert.True(backend.Memory.InUse >= 4 * lengths.Sum());
            storages.ForEach(s => s.Dispose());
            storages.ForEach(s => s.Dispose());
            Assert.Equal(0, backend.Memory.InUse);
        }
        backend.TrimMemory();
        Assert.Equal(0, backend.Memory.Pooled);
        using var again = backend.Allocate(1000);
        Assert.Equal(1000, again.Length);
        Assert.Equal(3, backend.Memory.SystemAllocations);
    }

    [Fact]
    public void Blocks_never_overlap_and_their_memory_is_joined_again()
    {
        using var backend = new CpuBackend(1);
        var random = new Random(7);
        var live = new List<(Storage Storage, float Value)>();
        for (int step = 0; step < 20_000; step++)
        {
            if (live.Count == 0 || random.Next(40) >= live.Count)
            {
                var storage = backend.Allocate(random.Next(3) == 0 ? random.Next(1, 400_000) : random.Next(1, 500));
                backend.Upload([step], storage.All.Part(0, 1));
                backend.Upload([-step], storage.All.Part(storage.Length - 1, 1));
                live.Add((storage, storage.Length == 1 ? -step : step));
            }
            else
            {
                int chosen = random.Next(live.Count);
                var (storage, value) = live[chosen];
                var ends = new float[2];
                backend.Download(storage.All.Part(0, 1), ends.AsSpan(0, 1));
                backend.Download(storage.All.Part(storage.Length - 1, 1), ends.AsSpan(1, 1));
                Assert.Equal((value, -Math.Abs(value)), (ends[0], ends[1]));
                storage.Dispose();
                live.RemoveAt(chosen);
            }
        }
        live.ForEach(l => l.Storage.Dispose());
        Assert.Equal(0, backend.Memory.InUse);
        // All in one piece: the largest block that was ever free fits without asking the system.
        long allocations = backend.Memory.SystemAllocations;
        using var whole = backend.Allocate((backend.Memory.Pooled - CpuMemory.FirstRegion) / sizeof(float) - 1000);
        Assert.Equal(allocations, backend.Memory.SystemAllocations);
    }

    [Fact]
    public void Opening_refuses_what_is_not_there()
    {
        Assert.Throws<DeviceException>(() => new CpuBackend(-1));
        Assert.SkipWhen(Simd.Best == SimdLevel.Avx512, "this processor has every level");
        Assert.Contains(Simd.Best.ToString(), Assert.Throws<DeviceException>(() => new CpuBackend(1, SimdLevel.Avx512)).Message);
    }

    private static int[] Bits(KernelCase kernelCase, Backend backend)
    {
        using var loaded = new LoadedCase(kernelCase, backend);
        loaded.Run();
        return Array.ConvertAll(loaded.Output(), BitConverter.SingleToInt32Bits);
    }
}
