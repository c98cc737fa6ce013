using Tcm.Detect.Datasets;
using Tcm.Detect.Heads;
using Tcm.Detect.Heads.Pan;
using Tcm.Detect.Models;
using Tcm.Kernels.Cpu;
using Tcm.Nn;

namespace Tcm.Tests.Training;

/// <summary>Target maps of PAN, the worked example of heads.md section 3.4 first, and the choice of hard pixels.</summary>
public sealed class PanTargetsTests
{
    private const int Width = 160, Height = 120, Plane = Width * Height;

    [Theory]
    [InlineData(0.5, 79 * 19)]
    [InlineData(0.7, 87 * 27)]
    public void A_rectangle_and_its_kernel_match_the_worked_example(double ratio, int pixels)
    {
        var (regions, kernels, mask) = Draw(ratio, Box(20, 30, 100, 40));
        Assert.Equal(4141, regions.Count(v => v == 1));
        // Shrunk by 11 and by 7.
        Assert.Equal(pixels, kernels.Count(v => v == 1));
        Assert.All(mask, v => Assert.Equal(1, v));
    }

    [Fact]
    public void Texts_are_numbered_ignored_ones_masked_and_thin_ones_without_kernel()
    {
        var (regions, kernels, mask) = Draw(0.5, Box(5, 5, 60, 20), Box(5, 60, 60, 20, ignored: true), Box(90, 5, 30, 2), Box(80, 50, 60, 50));
        Assert.Equal(1, regions[(10 * Width) + 30]);
        Assert.Equal(1, kernels[(15 * Width) + 30]);
        Assert.Equal(0, regions[(70 * Width) + 30]);
        Assert.Equal(0, mask[(70 * Width) + 30]);
        Assert.Equal(2, regions[(5 * Width) + 91]);
        Assert.DoesNotContain(2, kernels);
        Assert.Equal(3, kernels[(75 * Width) + 110]);
        Assert.Equal(61 * 21, mask.Count(v => v == 0));
    }

    [Fact]
    public void No_kernel_is_shrunk_by_more_than_twenty_pixels()
    {
        var (_, kernels, _) = Draw(0.1, Box(5, 5, 150, 110));
        Assert.Equal((151 - 40) * (111 - 40), kernels.Count(v => v == 1));
    }

    [Fact]
    public void The_hardest_negatives_count_three_for_each_positive()
    {
        using var backend = new CpuBackend(1);
        using var scope = TensorScope.Begin();
        // Picture 0: one positive that counts, one that is ignored; the hardest negative is ignored, but was ranked.
        // Picture 1: no positive: everything that is not ignored counts.
        float[] logits = [9, 8, 7, 6, 5, 4, 3, 2, /**/ 1, 2, 3, 4, 5, 6, 7, 8];
        float[] target = [0, 0, 1, 2, 0, 0, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0];
        float[] mask = [0, 1, 1, 0, 1, 1, 1, 1, /**/ 1, 1, 1, 0, 1, 1, 1, 1];
        float[] expected = [0, 1, 1, 0, 1, 0, 0, 0, /**/ 1, 1, 1, 0, 1, 1, 1, 1];
        Shape shape = [2, 1, 2, 4];
        Assert.Equal(expected, HardPixels.Mask(Tensor.From(backend, logits, shape), Tensor.From(backend, target, shape),
            Tensor.From(backend, mask, shape)).ToArray());
    }

    [Fact]
    public void Selection_agrees_with_sorting()
    {
        var random = new Random(1);
        for (int round = 0; round < 400; round++)
        {
            int levels = 1 + random.Next(50);
            float[] values = [.. Enumerable.Range(0, 1 + random.Next(80)).Select(_ => (float)random.Next(levels))];
            int n = 1 + random.Next(values.Length);
            float expected = values.OrderDescending().ElementAt(n - 1);
            Assert.Equal(expected, HardPixels.Largest(values, n));
        }
        // Numbers that are none must not hang it.
        HardPixels.Largest([float.NaN, 1, float.NaN, 2], 2);
    }

    [Fact]
    public void Curved_texts_have_larger_kernels()
    {
        int Kernel(bool curved)
        {
            var objective = HeadRegistry.Find("pan").CreateObjective(new TcmConfig { Head = "pan" }, new TrainingOptions { CurvedText = curved });
            Assert.Equal([new Shape(2, Height, Width), new Shape(1, Height, Width)], objective.TargetShapes(Height, Width));
            float[] labels = new float[2 * Plane], mask = new float[Plane];
            objective.DrawTargets([Box(20, 30, 100, 40)], Height, Width, [labels, mask]);
            return labels[Plane..].Count(v => v > 0);
        }

        Assert.Equal(1501, Kernel(curved: false));
        Assert.Equal(87 * 27, Kernel(curved: true));
    }

    private static (float[] Regions, float[] Kernels, float[] Mask) Draw(double ratio, params TextAnnotation[] texts)
    {
        float[] regions = new float[Plane], kernels = new float[Plane], mask = new float[Plane];
        PanTargets.Draw(texts, Height, Width, regions, kernels, mask, ratio);
        return (regions, kernels, mask);
    }

    private static TextAnnotation Box(int x, int y, int width, int height, bool ignored = false) =>
        new([new(x, y), new(x + width, y), new(x + width, y + height), new(x, y + height)], ignored);
}
