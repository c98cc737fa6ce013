using Tcm.Detect.Heads.Pan;
using Tcm.Nn;
using Tcm.Tests.Support;

namespace Tcm.Tests.Training;

/// <summary>
/// One batch of the reference implementation's PAN in training mode: targets, losses, running statistics, the gradient of every
/// parameter, and fourteen steps of its optimiser.
/// </summary>
public sealed class TcmPanTrainingGoldenTests
{
    [Fact]
    public void Targets_match_the_reference()
    {
        var golden = Npz.Read(SharedData.Golden("train-pan.npz"));
        var (labels, height, width) = TrainingGolden.Labels("pan");
        int plane = height * width;
        for (int i = 0; i < 2; i++)
        {
            // Stale values have to be overwritten.
            float[] regions = Stale(), kernels = Stale(), mask = Stale();
            PanTargets.Draw(labels[i], height, width, regions, kernels, mask);
            Assert.Equal(golden["gt_kernels"].Floats[(2 * i * plane)..(((2 * i) + 1) * plane)], regions);
            Assert.Equal(golden["gt_kernels"].Floats[(((2 * i) + 1) * plane)..(((2 * i) + 2) * plane)], kernels);
            Assert.Equal(golden["gt_mask"].Floats[(i * plane)..((i + 1) * plane)], mask);
        }

        float[] Stale() => [.. Enumerable.Repeat(float.NaN, plane)];
    }

    [Theory]
    [InlineData(false, "cpu")]
    [InlineData(true, "cpu")]
    [InlineData(false, "cuda:0")]
    public void Losses_gradients_and_statistics_match_the_reference(bool checkpointing, string device)
    {
        using var run = Run(checkpointing, device);
        run.CompareOnePass();
    }

    [Fact]
    public void Fourteen_steps_of_ranger_match_the_reference()
    {
        using var run = Run(checkpointing: false);
        run.CompareFourteenSteps();
    }

    /// <summary>PAN's auxiliary loss has no reference form of its own.</summary>
    private static TrainingGolden Run(bool checkpointing, string device = "cpu") => new("pan", golden =>
    [
        (golden["gt_kernels"].Floats, new Shape(golden["gt_kernels"].Shape)),
        (golden["gt_mask"].Floats, new Shape(2, 1, golden["gt_mask"].Shape[1], golden["gt_mask"].Shape[2])),
    ], referenceAux: true, checkpointing, device);
}
