using System.Numerics;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Detect.Evaluation;
using Tcm.Tests.Support;

namespace Tcm.Tests.Parity;

/// <summary>The model in <c>weights/</c>: it is found beside the program, small, and finds text.</summary>
public sealed class ShippedModelTests
{
    [Fact]
    public void It_lies_beside_the_program_and_below_20_megabytes()
    {
        var shipped = new FileInfo(Path.Combine(SharedData.RepositoryRoot, "weights", ShippedModel.FileName));
        Assert.True(shipped.Exists);
        Assert.InRange(shipped.Length, 1, 20_000_000);
        Assert.Equal(File.ReadAllBytes(shipped.FullName), File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, ShippedModel.FileName)));
    }

    [Fact]
    public void It_finds_the_large_line_of_the_drawn_sign()
    {
        using var detector = TextDetector.Load(Path.Combine(AppContext.BaseDirectory, ShippedModel.FileName),
            new TextDetectorOptions { ShortSide = 416 });
        Assert.True(detector.Config.HasCachedText);
        var found = detector.Detect(ImageFile.Read(Path.Combine(SharedData.RepositoryRoot, "Tcm.Tests", "Assets", "sample.png")));
        // "HARBOUR ROAD", together or as two words.
        var line = new PolygonOverlap([new Vector2(102, 98), new(540, 98), new(540, 138), new(102, 138)]);
        double covered = found.Regions.Sum(r => line.Intersection(new PolygonOverlap(r.Polygon))) / line.Area;
        double spent = found.Regions.Where(r => line.Intersection(new PolygonOverlap(r.Polygon)) > 0)
            .Sum(r => new PolygonOverlap(r.Polygon).Area) / line.Area;
        Assert.InRange(covered, 0.6, 1.01);
        Assert.InRange(spent, 0.6, 2);
    }
}
