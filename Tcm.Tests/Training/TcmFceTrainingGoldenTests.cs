using Tcm.Detect.Heads.Fce;
using Tcm.Nn;
using Tcm.Tests.Support;

namespace Tcm.Tests.Training;

/// <summary>
/// One batch of the reference implementation's FCENet in training mode: targets, losses, running statistics, the gradient of
/// every parameter, and fourteen steps of its optimiser.
/// </summary>
public sealed class TcmFceTrainingGoldenTests
{
    private static readonly string[] Levels = ["p3_maps", "p4_maps", "p5_maps"];

    [Fact]
    public void Targets_match_the_reference()
    {
        var golden = Npz.Read(SharedData.Golden("train-fce.npz"));
        var (labels, height, width) = TrainingGolden.Labels("fce");
        for (int i = 0; i < 2; i++)
        {
            for (int level = 0; level < 3; level++)
            {
                int plane = golden[Levels[level]].Shape[2] * golden[Levels[level]].Shape[3];
                // Stale values have to be overwritten.
                float[] map = [.. Enumerable.Repeat(float.NaN, FceTargets.Channels * plane)];
                FceTargets.DrawLevel(labels[i], height, width, level, map);
                float[] expected = golden[Levels[level]].Floats[(i * map.Length)..((i + 1) * map.Length)];
                for (int p = 0; p < map.Length; p++)
                {
                    // A text of 1/32 pixel of the level: two points of its outline are equally near to its middle, and which of
                    // them comes first is up to the reference's sort. They are one step of 3e-4 pixels apart.
                    bool tie = (level, p % plane) == (0, 426);
                    Assert.True(Math.Abs(expected[p] - map[p]) <= (p < 3 * plane ? 0 : tie ? 3e-4 : 1e-4),
                        $"{Levels[level]} of picture {i}, map {p / plane}, pixel {p % plane}: {map[p]}, expected {expected[p]}");
                }
            }
            float[] matching = Slice(golden["matching_maps"], 0, 2, out var shape);
            float[] drawn = [.. Enumerable.Repeat(float.NaN, matching.Length / 2)];
            FceTargets.DrawMatching(labels[i], height, width, drawn);
            Assert.Equal(matching[(i * drawn.Length)..((i + 1) * drawn.Length)], drawn);
            Assert.Equal(2, shape[1]);
        }
    }

    [Theory]
    [InlineData(false, false, "cpu")]
    [InlineData(true, false, "cpu")]
    [InlineData(false, true, "cpu")]
    [InlineData(false, false, "cuda:0")]
    public void Losses_gradients_and_statistics_match_the_reference(bool referenceAux, bool checkpointing, string device)
    {
        using var run = Run(referenceAux, checkpointing, device);
        run.CompareOnePass();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fourteen_steps_of_ranger_match_the_reference(bool referenceAux)
    {
        using var run = Run(referenceAux, checkpointing: false);
        run.CompareFourteenSteps();
    }

    private static TrainingGolden Run(bool referenceAux, bool checkpointing, string device = "cpu") => new("fce", golden =>
    [
        .. Levels.Select(n => (golden[n].Floats, new Shape(golden[n].Shape))),
        (Slice(golden["matching_maps"], 0, 2, out var shape), shape),
    ], referenceAux, checkpointing, device);

    /// <summary>Two channels of maps (B,C,h,w): (B,2,h,w).</summary>
    private static float[] Slice(NpyArray maps, int first, int second, out Shape shape)
    {
        int[] s = maps.Shape;
        int plane = s[2] * s[3];
        shape = new Shape(s[0], 2, s[2], s[3]);
        return [.. Enumerable.Range(0, s[0]).SelectMany(b => new[] { first, second }.SelectMany(c =>
            maps.Floats.Skip(((b * s[1]) + c) * plane).Take(plane)))];
    }
}
