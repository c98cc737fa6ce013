using Tcm.Bench.Fuzzing;
using Tcm.Kernels;

namespace Tcm.Tests.Reliability;

/// <summary>A file of 200 bytes makes no reader take more than 64 MiB.</summary>
public sealed class SmallFileTests
{
    public static TheoryData<string> Readers => [.. FuzzTargets.All.Select(t => t.Name).Where(n => n is not ("db" or "pan" or "fce"))];

    [Theory]
    [MemberData(nameof(Readers))]
    public void Managed_memory_is_bounded(string target)
    {
        // Resident memory is the whole process's, other tests' too: the command `small-files` measures it alone.
        var (files, managed, _) = SmallFiles.Measure(FuzzTargets.Find(target), 100, resident: false);
        Assert.InRange(managed, 0, SmallFiles.Bound);
        Assert.True(files > 20);
    }

    [Theory]
    [InlineData(14_000, 14_000)]
    [InlineData(65_000, 3_000)]
    public void Pictures_that_a_file_cannot_hold_are_refused_before_memory_is_taken(int width, int height)
    {
        var picture = FuzzTargets.Find("picture");
        byte[][] traps =
        [
            SmallFiles.Png(width, height, interlaced: false), SmallFiles.Png(width, height, interlaced: true),
            SmallFiles.Jpeg(width, height, progressive: false), SmallFiles.Jpeg(width, height, progressive: true),
            SmallFiles.Bmp(width, height), SmallFiles.WebP(Math.Min(width, 16_383), Math.Min(height, 16_383)),
        ];
        foreach (byte[] trap in traps)
        {
            var e = Assert.ThrowsAny<TcmException>(() => picture.Read([0, .. trap]));
            Assert.Matches("truncated|damaged", e.Message);
        }
    }

    [Fact]
    public void Flat_pictures_of_a_megapixel_are_still_read()
    {
        var picture = FuzzTargets.Find("picture");
        Assert.True(picture.Accepts([0, .. SmallFiles.Png(1000, 1000, interlaced: false)]));
        Assert.True(picture.Accepts([0, .. SmallFiles.WebP(1000, 1000)]));
        Assert.True(picture.Accepts([0, .. SmallFiles.Jpeg(1000, 1000, progressive: true)]));
    }
}
