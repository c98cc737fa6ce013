using Tcm.Kernels;
using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu;

/// <summary>Copies that do not wait, and the host memory they use.</summary>
[Collection(SimulatorCollection.Name)]
public sealed class TransferTests
{
    [Theory]
    [InlineData("simulator")]
    [InlineData("cuda:0")]
    public void A_copy_has_the_values_of_when_it_began(string device)
    {
        using var backend = GpuParityTests.Open(device);
        using var x = backend.Allocate(300);
        var copies = new List<HostCopy>();
        for (int i = 0; i < 5; i++)
        {
            backend.Fill(x.All, i);
            copies.Add(backend.BeginDownload(x.All.Part(i, 100)));
        }
        backend.Fill(x.All, -1);
        for (int i = 4; i >= 0; i--)
        {
            Assert.Equal(Enumerable.Repeat((float)i, 100), copies[i].Wait().ToArray());
            Assert.True(copies[i].IsCompleted);
            copies[i].Dispose();
            copies[i].Dispose();
            Assert.Throws<ObjectDisposedException>(() => copies[i].Wait());
        }
        Assert.Equal(0, backend.UnlockedBuffers);
    }

    [Theory]
    [InlineData("simulator")]
    [InlineData("cuda:0")]
    public void Uploads_take_turns_in_few_places(string device)
    {
        using var backend = GpuParityTests.Open(device);
        const int side = 8, pictures = 30;
        using var y = backend.Allocate(3 * side * side * pictures);
        for (int i = 0; i < pictures; i++)
        {
            var rgb = new byte[3 * side * side];
            Array.Fill(rgb, (byte)(8 * i));
            backend.Images.NormalizePad(rgb, 3 * side, side, side, side, side, new(0, 0, 0, 1, 1, 1),
                y.All.Part(3 * side * side * i, 3 * side * side));
        }
        var values = new float[y.Length];
        backend.Download(y.All, values);
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(8 * (i / (3 * side * side)), values[i]);
        }
        Assert.InRange(backend.UploadSlots, 1, GpuBackend.MaxUploads);
        using var lent = backend.BeginUpload(100);
        using (var second = backend.BeginUpload(5_000_000))
        {
            Assert.True(second.Host.Length == 5_000_000 && lent.Host.Length == 100);
            lent.Host.Fill(1);
            second.Host.Fill(2);
            Assert.Equal(1, lent.Host[99]);
        }
        backend.TrimMemory();
        Assert.Equal(1, backend.UploadSlots);
    }

    [Fact]
    public void Idle_host_memory_is_lent_again_and_bounded()
    {
        using var pool = new PageLockedPool(null);
        var buffer = pool.Rent(100_000);
        Assert.Equal(131_072, buffer.Capacity);
        Assert.False(buffer.IsLocked);
        pool.Return(buffer);
        Assert.Same(buffer, pool.Rent(70_000));
        Assert.NotSame(buffer, pool.Rent(70_000));
        var large = Enumerable.Range(0, 3).Select(_ => pool.Rent(100L << 20)).ToList();
        large.ForEach(pool.Return);
        Assert.Equal(256L << 20, pool.Idle);
        pool.Trim();
        Assert.Equal(0, pool.Idle);
    }
}
