using Tcm.Kernels;
using Tcm.Kernels.Gpu;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Tests.Gpu;

/// <summary>Products whose k is cut into parts, and the plans that say so.</summary>
[Collection(SimulatorCollection.Name)]
public sealed class SplitProductTests
{
    /// <summary>Three parts, the last one shorter; edges within a tile; bias, residual and activation after the sum.</summary>
    [Theory]
    [InlineData(Precision.Fp32, 0)]
    [InlineData(Precision.Fp16, 2)]
    public void Parts_add_up(Precision precision, int tile)
    {
        const int rows = 5, n = 66, k = 100;
        using var backend = GpuParityTests.Simulator(precision);
        backend.ForcedSplits = 3;
        ((GpuMatrixProducts)backend.MatrixProduct).TensorTile = precision == Precision.Fp32 ? -1 : tile;
        // Six bits a factor: no format rounds them and every sum is exact.
        float[] x = Coarse(rows * k, 1), weight = Coarse(n * k, 2), bias = Coarse(n, 3), residual = Coarse(rows * n, 4);
        using var matrix = backend.MatrixProduct.Prepare(n, k, weight, bias, Activation.Relu);
        using var input = backend.Allocate(x.Length);
        using var y = backend.Allocate(residual.Length);
        backend.Upload(x, input.All);
        backend.Upload(residual, y.All);
        backend.MatrixProduct.Linear(matrix, rows, input.All, y.All, y.All);
        var actual = new float[rows * n];
        backend.Download(y.All, actual);
        for (int i = 0; i < actual.Length; i++)
        {
            int row = i / n, column = i % n;
            float sum = bias[column] + residual[i];
            for (int j = 0; j < k; j++)
            {
                sum += x[row * k + j] * weight[column * k + j];
            }
            Assert.Equal(Math.Max(0, sum), actual[i]);
        }
        Assert.Contains(backend.LoadedKernels, kernel => ReferenceEquals(kernel, SplitKernels.LinearSum));
    }

    [Theory]
    [InlineData(132, 132, 1000, 1)]   // every multiprocessor has a block
    [InlineData(132, 56, 144, 4)]     // 3x3 512->512 @20: two blocks for each
    [InlineData(132, 56, 16, 2)]      // eight steps a part
    [InlineData(132, 1, 10, 1)]
    [InlineData(132, 1, 10_000, 16)]
    public void Parts_fill_the_device(int multiprocessors, long blocks, int steps, int expected) =>
        Assert.Equal(expected, ProductPlan.ChooseSplits(multiprocessors, blocks, steps));

    [Theory]
    [InlineData(10, 3, 4, 3)]
    [InlineData(10, 4, 3, 4)]
    [InlineData(9, 4, 3, 3)]   // a fourth part would be empty
    [InlineData(2, 16, 1, 2)]
    [InlineData(7, 1, 7, 1)]
    public void No_part_is_empty(int steps, int splits, int each, int parts) =>
        Assert.Equal((each, parts), ProductPlan.Cut(steps, splits));

    [Fact]
    public void Every_shipped_plan_names_a_family_and_a_tile()
    {
        var families = Families();
        Assert.True(families.Count >= 20, $"{families.Count} families");
        Assert.Equal(families.Count, families.Select(f => f.Name).Distinct().Count());
        Assert.Empty(Unknown(TuningTable.Shipped, families));
    }

    [Fact]
    public void A_table_is_read_and_what_no_kernel_has_is_found()
    {
        string text = $"{TuningTable.Header}\n"
            + "sm_90x132,half patches,Fp16,400,512,4608,1,128x64,4,21.5,30\n"
            + "sm_90x132,half patches,Fp16,401,512,4608,1,256x64,4,21.5,30\n";
        var table = TuningTable.Parse(text);
        var patches = Families().Single(f => f.Name == "half patches");
        var shape = new ProductShape("half patches", Precision.Fp16, 400, 512, 4608, 1);
        Assert.Equal(new ProductPlan(1, 4), table.Find("sm_90x132", patches, shape));
        Assert.Null(table.Find("sm_80x108", patches, shape));
        Assert.Null(table.Find("sm_90x132", patches, shape with { M = 401 }));
        Assert.Null(table.Find("sm_90x132", patches, shape with { Batch = 2 }));
        Assert.Single(Unknown(table, Families()));
        Assert.Throws<FormatException>(() => TuningTable.Parse("device\n"));
        Assert.Throws<FormatException>(() => TuningTable.Parse(text + "sm_90x132,half patches,Fp16,400,512,4608,1,64x64,1,1,1\n"));
        string noParts = "sm_90x132,half patches,Fp16,1,1,1,1,64x64,0,1,1";
        Assert.Throws<FormatException>(() => TuningTable.Parse($"{TuningTable.Header}\n{noParts}\n"));
    }

    private static IEnumerable<string> Unknown(TuningTable table, IReadOnlyList<IProductFamily> families) => table.Entries
        .Where(e => !families.Any(f => f.Name == e.Shape.Family && f.Tiles.Any(t => TuningTable.Tile(t) == e.Tile)))
        .Select(e => $"{e.Shape} {e.Tile}");

    internal static IReadOnlyList<IProductFamily> Families() => [.. typeof(GpuBackend).Assembly.GetTypes()
        .Where(t => t.Name.EndsWith("Kernels", StringComparison.Ordinal) && !t.ContainsGenericParameters)
        .SelectMany(t => t.GetProperties(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Static))
        .Where(p => p.PropertyType.IsAssignableTo(typeof(IProductFamily))).Select(p => (IProductFamily)p.GetValue(null)!)];

    private static float[] Coarse(int length, int seed) =>
        [.. Kernels.Cases.KernelCase.Values(length, seed).Select(v => MathF.Round(v * 32) / 32)];
}
