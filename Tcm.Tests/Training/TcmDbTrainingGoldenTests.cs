using Tcm.Detect.Heads.Db;
using Tcm.Tests.Support;

namespace Tcm.Tests.Training;

/// <summary>
/// One batch of the reference implementation in training mode: targets, losses, running statistics, the gradient of every
/// parameter, and fourteen steps of its optimiser.
/// </summary>
public sealed class TcmDbTrainingGoldenTests
{
    [Fact]
    public void Targets_match_the_reference()
    {
        var golden = Npz.Read(SharedData.Golden("train-db.npz"));
        var (labels, height, width) = TrainingGolden.Labels("db");
        int map = height * width;
        for (int i = 0; i < 2; i++)
        {
            float[][] maps = [.. Enumerable.Range(0, 4).Select(_ => new float[map])];
            DbTargets.Draw(labels[i], height, width, maps[0], maps[1], maps[2], maps[3]);
            foreach (var (name, values, tolerance) in new[] { ("gt_shrink", maps[0], 0), ("gt_shrink_mask", maps[1], 0),
                ("gt_thr", maps[2], 1e-5), ("gt_thr_mask", maps[3], 0) })
            {
                float[] expected = golden[name].Floats[(i * map)..((i + 1) * map)];
                var wrong = Enumerable.Range(0, map).Where(p => !(Math.Abs(expected[p] - values[p]) <= tolerance)).ToList();
                Assert.True(wrong.Count == 0, $"{name} of picture {i}: {wrong.Count} pixels differ, the first at "
                    + $"({wrong.FirstOrDefault() % width},{wrong.FirstOrDefault() / width})");
            }
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

    private static TrainingGolden Run(bool referenceAux, bool checkpointing, string device = "cpu") => new("db", golden =>
    {
        int[] map = golden["gt_shrink"].Shape;
        return [.. new[] { "gt_shrink", "gt_shrink_mask", "gt_thr", "gt_thr_mask" }
            .Select(n => (golden[n].Floats, new Tcm.Nn.Shape(map[0], 1, map[1], map[2])))];
    }, referenceAux, checkpointing, device);
}
