using Tcm.Kernels;
using Tcm.Kernels.Cpu;

namespace Tcm.Tests.Gpu;

/// <summary>
/// Recording and replaying: on the simulator the rules of capture and what becomes of the memory, on a CUDA device the graph.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class RecordedPassTests
{
    private const int Length = 200;

    [Theory]
    [InlineData("cpu")]
    [InlineData("simulator")]
    [InlineData("cuda:0")]
    public void A_recorded_pass_follows_the_contents_of_its_input(string device)
    {
        using Backend backend = device == "cpu" ? new CpuBackend(1) : GpuParityTests.Open(device);
        using var x = backend.Allocate(Length);
        using var y = backend.Allocate(Length);
        backend.Fill(x.All, 1);
        using var pass = backend.Record(() => Twice(backend, x, y));
        Assert.Equal(device == "cuda:0", pass.IsGraph);
        Assert.Null(pass.Reason);
        Assert.Equal(6, First(backend, y));
        for (int i = 2; i < 5; i++)
        {
            backend.Fill(x.All, i);
            // What the replay borrows must not be anybody else's now.
            using var other = backend.Allocate(Length);
            backend.Fill(other.All, -1);
            pass.Run();
            Assert.Equal((2 * i) + 4, First(backend, y));
            Assert.Equal(-1, First(backend, other));
        }
        pass.Dispose();
        pass.Dispose();
        Assert.Throws<ObjectDisposedException>(pass.Run);
    }

    [Fact]
    public void Memory_of_a_pass_is_reserved_until_the_last_one_is_gone()
    {
        using var backend = GpuParityTests.Simulator();
        using var x = backend.Allocate(Length);
        using var y = backend.Allocate(Length);
        backend.Fill(x.All, 1);
        var first = backend.Record(() => Twice(backend, x, y));
        var second = backend.Record(() => Twice(backend, x, y));
        long allocations = backend.Memory.SystemAllocations;
        // x, y and the block of both passes.
        Assert.Equal(3, allocations);
        first.Run();
        second.Run();
        Assert.Equal(allocations, backend.Memory.SystemAllocations);
        long pooled = backend.Memory.Pooled;
        backend.TrimMemory();
        Assert.Equal(pooled, backend.Memory.Pooled);
        using (backend.Allocate(Length))
        {
            Assert.Equal(allocations + 1, backend.Memory.SystemAllocations);
        }
        first.Dispose();
        backend.TrimMemory();
        Assert.Equal(pooled, backend.Memory.Pooled);
        second.Run();
        second.Dispose();
        backend.TrimMemory();
        Assert.Equal(0, backend.Memory.Pooled);
    }

    [Fact]
    public void What_a_graph_cannot_hold_is_named_and_the_pass_still_runs()
    {
        using var backend = GpuParityTests.Simulator();
        using var x = backend.Allocate(Length);
        using var y = backend.Allocate(Length);
        foreach (var (misstep, reason) in new[]
        {
            ("wait", "Synchronize within a captured pass"),
            ("copy up", "Upload within a captured pass"),
            ("copy down", "BeginDownload within a captured pass"),
            ("more memory", "takes 4096 bytes that its first run did not take"),
            ("new kernel", "is compiled within a captured pass"),
        })
        {
            backend.Fill(x.All, 1);
            int calls = 0;
            using var pass = backend.Record(() =>
            {
                Twice(backend, x, y);
                bool late = ++calls > 1;
                switch (misstep)
                {
                    case "wait": backend.Synchronize(); break;
                    case "copy up": backend.Upload(new float[Length], y.All); break;
                    case "copy down": backend.BeginDownload(y.All).Dispose(); break;
                    case "more memory" when late: backend.Allocate(1000).Dispose(); break;
                    case "new kernel" when late: backend.Elementwise.Activate(Activation.Sigmoid, x.All, x.All); break;
                }
            });
            Assert.False(pass.IsGraph);
            Assert.Contains(reason, pass.Reason, StringComparison.Ordinal);
            Assert.Equal(3, calls);
            backend.Fill(x.All, 2);
            pass.Run();
            Assert.Equal(misstep == "copy up" ? 0 : 8, First(backend, y));
        }
        backend.Synchronize();
    }

    [Fact]
    public void An_error_of_the_pass_is_the_callers_and_leaves_nothing_behind()
    {
        using var backend = GpuParityTests.Simulator();
        for (int bad = 1; bad <= 2; bad++)
        {
            int calls = 0, wrong = bad;
            Assert.Throws<OperationCanceledException>(() => backend.Record(() =>
            {
                using var block = backend.Allocate(Length);
                if (++calls == wrong)
                {
                    throw new OperationCanceledException();
                }
            }));
            backend.Synchronize();
            backend.TrimMemory();
            Assert.Equal(0, backend.Memory.Pooled);
            Assert.Equal(0, backend.Memory.InUse);
        }
    }

    /// <summary>y = 2 (x + 2), with a block of memory of its own.</summary>
    private static void Twice(Backend backend, Storage x, Storage y)
    {
        using var between = backend.Allocate(Length);
        backend.Elementwise.Affine(1, 2, x.All, between.All);
        backend.Elementwise.Affine(2, 0, between.All, y.All);
    }

    private static float First(Backend backend, Storage storage)
    {
        var values = new float[Length];
        backend.Download(storage.All, values);
        Assert.All(values, v => Assert.Equal(values[0], v));
        return values[0];
    }
}
