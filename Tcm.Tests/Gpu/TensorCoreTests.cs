using Tcm.Kernels;
using Tcm.Kernels.MatrixProduct;

namespace Tcm.Tests.Gpu;

/// <summary>What the kernels for tensor cores are built on, without running one.</summary>
public sealed class TensorCoreTests
{
    public static TheoryData<Precision> Formats => [Precision.Tf32, Precision.Fp16, Precision.Bf16];

    /// <summary>The 32 banks of 4 bytes are eight chunks wide: eight chunks at once meet no conflict if all differ modulo 8.</summary>
    [Fact]
    public void Eight_rows_of_a_stage_meet_all_banks()
    {
        for (int row = 0; row < 128; row += 8)
        {
            for (int chunk = 0; chunk < 4; chunk++)
            {
                Assert.Equal(8, Enumerable.Range(row, 8).Select(r => TensorGemmKernels.Place(r, chunk) % 8).Distinct().Count());
            }
        }
        // Four threads that store a row each at two rows, as operands along k do.
        for (int row = 0; row < 128; row += 2)
        {
            Assert.Equal(8, (from r in Enumerable.Range(row, 2)
                             from c in Enumerable.Range(0, 4)
                             select TensorGemmKernels.Place(r, c) % 8).Distinct().Count());
        }
        // Every chunk has its own place, and 16 rows are 64 chunks on: the kernels step by that.
        var places = (from r in Enumerable.Range(0, 128) from c in Enumerable.Range(0, 4) select TensorGemmKernels.Place(r, c))
            .ToList();
        Assert.Equal(Enumerable.Range(0, 512), places.Order());
        Assert.All(Enumerable.Range(0, 100), i => Assert.Equal(TensorGemmKernels.Place(i, 3) + 64,
            TensorGemmKernels.Place(i + 16, 3)));
        Assert.All(Enumerable.Range(0, 128), r => Assert.Equal(TensorGemmKernels.Place(r, 1) ^ 2, TensorGemmKernels.Place(r, 3)));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Rounding_is_to_the_nearest(Precision precision)
    {
        int fraction = precision == Precision.Bf16 ? 7 : 10;
        float step = MathF.Pow(2, -fraction);
        Assert.Equal(1, TensorFormats.Round(precision, 1));
        Assert.Equal(-1.5f, TensorFormats.Round(precision, -1.5f));
        Assert.Equal(1 + step, TensorFormats.Round(precision, 1 + 0.75f * step));
        Assert.Equal(1, TensorFormats.Round(precision, 1 + 0.25f * step));
        // A tie: away from zero as cvt.rna.tf32, else to even as cvt.rn.
        Assert.Equal(precision == Precision.Tf32 ? 1 + step : 1, TensorFormats.Round(precision, 1 + 0.5f * step));
        Assert.Equal(1 + 2 * step, TensorFormats.Round(precision, 1 + 1.5f * step));
        Assert.Equal(2, TensorFormats.Round(precision, 2 - 0.25f * step));
        Assert.Equal(float.PositiveInfinity, TensorFormats.Round(precision, float.PositiveInfinity));
        Assert.True(float.IsNaN(TensorFormats.Round(precision, float.NaN)));
        Assert.True(float.IsNaN(TensorFormats.Round(precision, BitConverter.Int32BitsToSingle(0x7FFFFFFF))));
        float large = TensorFormats.Round(precision, 1e38f);
        Assert.True(precision == Precision.Fp16 ? float.IsInfinity(large) : Math.Abs(large / 1e38f - 1) <= step / 2);
        var random = new Random(1);
        for (int i = 0; i < 1000; i++)
        {
            float value = (random.NextSingle() - 0.5f) * 8;
            Assert.True(Math.Abs(TensorFormats.Round(precision, value) - value) <= Math.Abs(value) * step / 2);
        }
    }

    /// <summary>.NET's half precision, over all its values and what lies between them.</summary>
    [Fact]
    public void Half_precision_is_that_of_dotnet()
    {
        for (int bits = 0; bits < 0x7C00; bits++)
        {
            float value = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            float next = bits == 0x7BFF ? 65536 : (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1));
            foreach (float x in new[] { value, value + (next - value) / 2, value + (next - value) * 0.49f, value + (next - value) * 0.51f })
            {
                Assert.Equal((float)(Half)x, TensorFormats.Round(Precision.Fp16, x));
                Assert.Equal((float)(Half)(-x), TensorFormats.Round(Precision.Fp16, -x));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_chunk_holds_its_values_in_order(Precision precision)
    {
        var chunk = TensorFormats.Pack(precision, new(1, -2, 3, -4), new(5, -6, 7, -8));
        uint[] words = [chunk.X, chunk.Y, chunk.Z, chunk.W];
        int each = TensorFormats.ChunkValues(precision) / 4;
        float[] expected = [1, -2, 3, -4, 5, -6, 7, -8];
        Assert.Equal(expected.Take(4 * each),
            Enumerable.Range(0, 4 * each).Select(i => TensorFormats.Value(precision, words[i / each], i % each)));
    }

    [Theory]
    [InlineData(132, 64, 160 * 160, 1, 1)] // few channels, many pixels
    [InlineData(132, 256, 160 * 160, 1, 0)]
    [InlineData(132, 2048, 20 * 20, 1, 2)] // 64 blocks of the largest tile leave half the device idle
    [InlineData(132, 1, 1, 1, 2)]
    [InlineData(132, 129, 129, 132, 2)] // nearly three quarters of larger tiles would be padding
    [InlineData(132, 1024, 1024, 3, 0)]
    public void The_tile_fits_the_shape(int multiprocessors, int m, int n, int batch, int tile) =>
        Assert.Equal(tile, TensorTiles.Choose(TensorTiles.Sizes, multiprocessors, m, n, batch));

    [Fact]
    public void Tiles_fit_shared_memory()
    {
        foreach (var (m, n) in TensorTiles.Sizes)
        {
            int stages = TensorGemmKernels.Stages * 64 * (m + n);
            Assert.True(stages <= Tcm.Kernels.Gpu.PtxLint.SharedLimit);
            Assert.True(64 * (n + 8) * sizeof(float) <= stages);
        }
        Assert.Equal([(Tile128x128.M, Tile128x128.N), (Tile64x128.M, Tile64x128.N), (Tile64x64.M, Tile64x64.N)], TensorTiles.Sizes);
    }
}
