using Tcm.Detect;
using Tcm.Kernels.Cpu;

namespace Tcm.Tests.Detector;

/// <summary>One detector for many threads, and what surrounds its use: other doors, warming up, giving memory back.</summary>
public sealed class SharedDetectorTests
{
    [Fact]
    public void Eight_threads_get_the_bits_of_one()
    {
        using var detector = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(detector);
        int different = 0;
        var threads = Enumerable.Range(0, 8).Select(caller => new Thread(() =>
        {
            for (int i = 0; i < 12; i++)
            {
                int which = ((caller * 5) + i) % expected.Length;
                if (ShippedDetector.Bits(detector.Detect(ShippedDetector.Pictures[which])) != expected[which])
                {
                    Interlocked.Increment(ref different);
                }
                if (i == 6)
                {
                    detector.TrimMemory();
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Equal(0, different);
    }

    [Fact]
    public async Task Asynchronous_calls_get_the_same_results()
    {
        using var detector = ShippedDetector.Open();
        string[] expected = ShippedDetector.Expected(detector);
        var results = await Task.WhenAll(ShippedDetector.Pictures.Select(p => detector.DetectAsync(p)));
        Assert.Equal(expected, results.Select(ShippedDetector.Bits));
        var picture = ShippedDetector.Pictures[0];
        var pixels = await detector.DetectAsync(picture.Rgb.ToArray(), picture.Width, picture.Height, 0, PixelFormat.Rgb24);
        Assert.Equal(expected[0], ShippedDetector.Bits(pixels));
    }

    [Fact]
    public void The_doors_load_the_same_model()
    {
        string path = ShippedModel.Find()!;
        using var shipped = ShippedDetector.Open();
        using var byPath = TextDetector.Load(path, ShippedDetector.Options);
        string[] expected = ShippedDetector.Expected(shipped);
        Assert.Equal(expected, ShippedDetector.Expected(byPath));
        using var file = File.OpenRead(path);
        using var byFileStream = TextDetector.Load(file, ShippedDetector.Options);
        Assert.True(file.CanRead, "the stream was closed");
        Assert.Equal(expected, ShippedDetector.Expected(byFileStream));
        using var byStream = TextDetector.Load(new OneWayStream(File.ReadAllBytes(path)), ShippedDetector.Options);
        Assert.Equal(expected, ShippedDetector.Expected(byStream));
    }

    [Fact]
    public void After_trimming_no_working_memory_is_kept_and_results_are_the_same()
    {
        using var detector = ShippedDetector.Open();
        detector.WarmUp((300, 120), (299, 120), (240, 60), (520, 320), (90, 170), (640, 400));
        long allocations = detector.Backend.Memory.SystemAllocations;
        string[] expected = ShippedDetector.Expected(detector);
        Assert.Equal(allocations, detector.Backend.Memory.SystemAllocations);
        detector.Backend.Allocate(8_000_000).Dispose();
        Assert.True(detector.Backend.Memory.Pooled > CpuMemory.FirstRegion);
        detector.TrimMemory();
        // What is left lies between the model's own tensors.
        Assert.True(detector.Backend.Memory.Pooled < CpuMemory.FirstRegion);
        Assert.Equal(expected, ShippedDetector.Expected(detector));
    }

    [Fact]
    public void Warming_up_without_a_size_takes_the_short_side_and_refuses_no_size()
    {
        using var detector = ShippedDetector.Open();
        detector.WarmUp();
        long allocations = detector.Backend.Memory.SystemAllocations;
        detector.Detect(ImageBuffer.From(new byte[128 * 128], 128, 128, PixelFormat.Gray8));
        Assert.Equal(allocations, detector.Backend.Memory.SystemAllocations);
        Assert.Contains("0x5", Assert.Throws<ImageLimitException>(() => detector.WarmUp((0, 5))).Message);
        Assert.Throws<ImageLimitException>(() => detector.WarmUp((100_000, 100_000)));
    }

    [Fact]
    public void A_result_tells_what_the_network_saw()
    {
        using var detector = ShippedDetector.Open();
        var result = detector.Detect(ShippedDetector.Pictures[3]);
        Assert.Equal((520, 320), (result.Width, result.Height));
        var size = result.NetworkSize;
        Assert.Equal((208, 128, 224, 128), (size.Width, size.Height, size.PaddedWidth, size.PaddedHeight));
        Assert.Equal((208 / 520.0, 128 / 320.0), (size.ScaleX, size.ScaleY));
        Assert.Equal(0, result.RegionsLeftOut);
    }

    /// <summary>A stream that can only be read on, a little at a time, as from a network.</summary>
    private sealed class OneWayStream(byte[] content) : Stream
    {
        private int _at;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            int n = Math.Min(Math.Min(count, 10_007), content.Length - _at);
            content.AsSpan(_at, n).CopyTo(buffer.AsSpan(offset));
            _at += n;
            return n;
        }

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
