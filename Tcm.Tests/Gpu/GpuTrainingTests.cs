using Tcm.Detect.Training;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Tests.Training;

namespace Tcm.Tests.Gpu;

/// <summary>
/// A whole step of training, from the pictures to the updated parameters, on a GPU: that no operation is missing, and that
/// what the operations do one after another is what the CPU does.
/// </summary>
[Collection(SimulatorCollection.Name)]
public sealed class GpuTrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-train").FullName;

    [Theory]
    [InlineData("simulator", "db")]
    [InlineData("cuda:0", "db")]
    [InlineData("cuda:0", "pan")]
    [InlineData("cuda:0", "fce")]
    public void A_step_is_that_of_the_cpu(string device, string head)
    {
        using var gpu = GpuParityTests.Open(device);
        using var cpu = new CpuBackend(2);
        var actual = Step(gpu, head);
        var expected = Step(cpu, head);

        Assert.Equal(expected.Report.Losses.Select(l => l.Name), actual.Report.Losses.Select(l => l.Name));
        foreach (var (term, same) in actual.Report.Losses.Zip(expected.Report.Losses))
        {
            Assert.True(Math.Abs(term.Value - same.Value) <= 1e-5 * Math.Abs(same.Value), $"{term}, expected {same}");
        }
        Assert.Equal(expected.Gradients.Keys, actual.Gradients.Keys);
        Assert.True(expected.Gradients.Count > 100, $"{expected.Gradients.Count} gradients");
        double largest = expected.Gradients.Values.Max(Norm);
        foreach (var (name, gradient) in expected.Gradients)
        {
            double distance = Norm(Difference(actual.Gradients[name], gradient));
            Assert.True(distance <= Math.Max(1e-4 * Norm(gradient), 1e-6 * largest),
                $"{name}: gradients differ by {distance}, their norm is {Norm(gradient)}, the largest {largest}");
        }
        foreach (var (name, value) in expected.After)
        {
            Assert.Equal(expected.Before[name], actual.Before[name]);
            double distance = Norm(Difference(actual.After[name], value)), moved = Norm(Difference(value, expected.Before[name]));
            Assert.True(distance <= 1e-3 * moved + 1e-6, $"{name}: moved by {moved}, values then differ by {distance}");
        }
    }

    private Outcome Step(Backend backend, string head)
    {
        // Ranger's first step is linear in the gradients; Adam's would turn their rounding errors into full steps.
        var recipe = TrainerTests.TinyRecipe(_folder, 1, $"model.head={head}", "model.backboneWidth=2", "optimizer.name=ranger",
            "optimizer.rate=0.01");
        using var trainer = new Trainer(recipe, [new MixMember(new TrainerTests.Bars(2), recipe.Data[0])], backend);
        var before = Values(trainer);
        var report = trainer.RunStep();
        var gradients = trainer.Store.Learned.Where(p => p.HasGradient).ToDictionary(p => p.Name, p => p.Gradient!.ToArray());
        return new Outcome(report, before, gradients, Values(trainer));
    }

    private static Dictionary<string, float[]> Values(Trainer trainer) =>
        trainer.Store.All.ToDictionary(p => p.Name, p => p.Value.ToArray());

    private static float[] Difference(float[] a, float[] b) => [.. a.Zip(b, (x, y) => x - y)];

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(v => (double)v * v));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed record Outcome(StepReport Report, Dictionary<string, float[]> Before, Dictionary<string, float[]> Gradients,
        Dictionary<string, float[]> After);
}
