using Tcm.Bench;
using Tcm.Kernels;
using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu;

/// <summary>What <c>Tcm.Bench -- tune</c> is made of; times mean nothing here.</summary>
[Collection(SimulatorCollection.Name)]
public sealed class ProductTunerTests
{
    [Fact]
    public void Every_plan_is_tried_and_gives_the_same_result()
    {
        const int n = 4, k = 130;
        using var backend = GpuParityTests.Simulator();
        var tuner = new ProductTuner(backend);
        backend.Tuner = tuner;
        float[] weight = [.. Enumerable.Range(0, n * k).Select(i => i % 7 - 3f)];
        using var matrix = backend.MatrixProduct.Prepare(n, k, weight, [], Activation.None);
        using var x = backend.Allocate(k);
        using var y = backend.Allocate(n);
        backend.Fill(x.All, 1);
        var results = new HashSet<string>();
        int passes = 0;
        do
        {
            backend.MatrixProduct.Linear(matrix, 1, x.All, y.All);
            var values = new float[n];
            backend.Download(y.All, values);
            results.Add(string.Join(' ', values));
            tuner.NextPass();
            passes++;
        }
        while (tuner.IsOpen);
        // Nine slabs: whole, or two parts of four and more, in either tile; four times each.
        Assert.Equal(4 * 4, passes);
        Assert.Single(results);
        Assert.Equal(1, tuner.Count);
        string old = $"{TuningTable.Header}\nold,a,Fp32,1,1,1,1,64x64,1,1,1\nmine,a,Fp32,1,1,1,1,64x64,1,1,1\n";
        string text = ProductTuner.Merge(old, "mine", tuner.Lines("mine"));
        var table = TuningTable.Parse(text);
        Assert.Single(table.Entries, e => e.Device == "old");
        Assert.All(table.Entries.Where(e => e.Device == "mine"), e => Assert.Equal("Linear", e.Shape.Family));
    }
}
