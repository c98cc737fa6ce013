using Tcm.Detect;
using Tcm.Detect.Heads;
using Tcm.Detect.Heads.Pan;
using Tcm.Kernels;

namespace Tcm.Tests.Heads;

/// <summary>PAN's post-processing on made maps.</summary>
public sealed class PanPostProcessorTests
{
    private const int Columns = 40, Rows = 30, Plane = Columns * Rows;

    /// <summary>The specification's toy (heads.md section 3.3): who gets which pixel, and what is too far away.</summary>
    [Fact]
    public void Kernels_grow_at_the_same_speed_over_near_embeddings()
    {
        string[] text = ["011110", "011111", "001100"];
        float[] maps = new float[6 * 18];
        for (int i = 0; i < 18; i++)
        {
            maps[i] = text[i / 6][i % 6] == '1' ? 5 : -5;
            maps[18 + i] = -5;
            maps[36 + i] = i % 6 < 3 ? 0 : 2;
        }
        (maps[18 + 7], maps[18 + 10]) = (5, 5);
        (maps[36 + 2], maps[36 + 8]) = (0.5f, 0.9f);
        var aggregation = new PixelAggregation();
        aggregation.Run(maps, 6, 3, new PanPostProcessingOptions());
        Assert.Equal("011220 010222 000200", string.Join(' ', Enumerable.Range(0, 3)
            .Select(y => string.Concat(aggregation.Row(y).ToArray().Select(l => Math.Max(l, 0))))));
        Assert.Equal([3, 6], aggregation.Regions.Select(r => r.Count));
    }

    [Fact]
    public void Two_touching_texts_are_told_apart_by_their_embeddings()
    {
        var canvas = new Canvas();
        canvas.Text(4, 5, 24, 4, embedding: 0);
        canvas.Text(4, 9, 24, 4, embedding: 3);
        canvas.Kernel(6, 6, 20, 2);
        canvas.Kernel(6, 10, 20, 2);
        var found = new PanPostProcessor(new PanPostProcessingOptions { Polygons = true })
            .Detect(canvas.Maps, Columns * 4, Rows * 4, 2, 0.5);
        Assert.Equal(2, found.Count);
        // Corners are pixels of the map: 4 network pixels each, half as many source pixels across, twice as many down.
        Assert.Equal([new(8, 40), new(54, 40), new(54, 64), new(8, 64)], found[0].Polygon);
        Assert.Equal([new(8, 72), new(54, 72), new(54, 96), new(8, 96)], found[1].Polygon);
        Assert.Equal(found[0].Polygon, found[0].Quad);
        Assert.All(found, r => Assert.Equal(1 / (1 + Math.Exp(-5)), r.Score, 1e-6));
    }

    [Fact]
    public void Small_and_doubtful_regions_are_dropped()
    {
        var canvas = new Canvas();
        canvas.Text(2, 2, 5, 3, embedding: 0);
        canvas.Kernel(3, 3, 2, 1);
        Assert.Empty(Detect(canvas, new PanPostProcessingOptions()));
        Assert.Single(Detect(canvas, new PanPostProcessingOptions { MinArea = 15 }));
        Assert.Empty(Detect(canvas, new PanPostProcessingOptions { MinArea = 15, BoxThreshold = 0.995f }));
        Assert.Empty(Detect(canvas, new PanPostProcessingOptions { MinArea = 15, TextThreshold = 1 }));
        // Text without kernels, kernels without text.
        var without = new Canvas();
        without.Text(2, 2, 20, 10, embedding: 0);
        Assert.Empty(Detect(without, new PanPostProcessingOptions()));
        var alone = new Canvas();
        alone.Kernel(2, 2, 20, 10);
        Assert.Empty(Detect(alone, new PanPostProcessingOptions()));
    }

    [Fact]
    public void A_line_of_one_pixel_has_a_quad_but_no_polygon()
    {
        var canvas = new Canvas();
        canvas.Text(5, 5, 20, 1, embedding: 0);
        canvas.Kernel(8, 5, 10, 1);
        Assert.Single(Detect(canvas, new PanPostProcessingOptions()));
        Assert.Empty(Detect(canvas, new PanPostProcessingOptions { Polygons = true }));
    }

    [Fact]
    public void Everything_and_nothing()
    {
        var canvas = new Canvas();
        Assert.Empty(Detect(canvas, new PanPostProcessingOptions()));
        canvas.Text(0, 0, Columns, Rows, embedding: 0);
        canvas.Kernel(0, 0, Columns, Rows);
        var all = Assert.Single(Detect(canvas, new PanPostProcessingOptions { Polygons = true }));
        Assert.Equal([new(0, 0), new((Columns - 1) * 4, 0), new((Columns - 1) * 4, (Rows - 1) * 4), new(0, (Rows - 1) * 4)], all.Polygon);
        // A kernel in each second pixel: as many regions as there are, from the same workspace as before.
        for (int i = 0; i < Plane; i++)
        {
            canvas.Maps[Plane + i] = (i / Columns + i % Columns) % 2 == 0 ? 5 : -5;
        }
        var options = new PanPostProcessingOptions { MinArea = 0 };
        Assert.Equal(Plane / 2, Detect(canvas, options).Count);
    }

    [Fact]
    public void Hostile_values_and_sizes_are_no_crash()
    {
        var processor = new PanPostProcessor(new PanPostProcessingOptions { MinArea = 0, Polygons = true });
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, 3e38f })
        {
            float[] maps = [.. Enumerable.Repeat(bad, 6 * Plane)];
            processor.Detect(maps, Columns * 4, Rows * 4, 1, 1);
            var random = new Random(1);
            maps = [.. Enumerable.Range(0, 6 * Plane).Select(_ => random.Next(4) == 0 ? bad : random.NextSingle() * 4 - 2)];
            processor.Detect(maps, Columns * 4, Rows * 4, 1, 1);
        }
        Assert.Empty(processor.Detect([.. Enumerable.Repeat(float.NaN, 6 * Plane)], Columns * 4, Rows * 4, 1, 1));
        Assert.Throws<ShapeException>(() => processor.Detect(new float[6 * Plane], Columns * 4, Rows * 4 + 4, 1, 1));
        Assert.Throws<TcmException>(() => processor.Detect(new float[6 * Plane], Columns * 4, Rows * 4, 1, 0));
        Assert.Throws<OptionException>(() => new PanPostProcessor(new PanPostProcessingOptions { TextThreshold = 2 }));
        Assert.Throws<OptionException>(() => new PanPostProcessor(new PanPostProcessingOptions { Distance = float.NaN }));
    }

    [Fact]
    public void Settings_have_names()
    {
        PostProcessingOptions options = new PanPostProcessingOptions();
        var changed = (PanPostProcessingOptions)options.With(new Dictionary<string, double>
        {
            ["threshold"] = 0.4,
            ["kernel-threshold"] = 0.6,
            ["distance"] = 6,
            ["box-threshold"] = 0.7,
            ["min-area"] = 9,
            ["polygons"] = 1,
        }, "pan");
        Assert.Equal(new PanPostProcessingOptions
        {
            TextThreshold = 0.4f,
            KernelThreshold = 0.6f,
            Distance = 6,
            BoxThreshold = 0.7f,
            MinArea = 9,
            Polygons = true,
        }, changed);
        Assert.Contains("'unclip' is no setting", Assert.Throws<OptionException>(
            () => options.With(new Dictionary<string, double> { ["unclip"] = 1 }, "pan")).Message);
    }

    private static IReadOnlyList<Detect.TextRegion> Detect(Canvas canvas, PanPostProcessingOptions options) =>
        new PanPostProcessor(options).Detect(canvas.Maps, Columns * 4, Rows * 4, 1, 1);

    /// <summary>Maps without text, to draw on; sizes in pixels of the map.</summary>
    private sealed class Canvas
    {
        public Canvas() => Array.Fill(Maps, -5, 0, 2 * Plane);

        public float[] Maps { get; } = new float[6 * Plane];

        public void Text(int x, int y, int width, int height, float embedding)
        {
            Box(0, x, y, width, height, 5);
            Box(2, x, y, width, height, embedding);
        }

        public void Kernel(int x, int y, int width, int height) => Box(1, x, y, width, height, 5);

        private void Box(int channel, int x, int y, int width, int height, float value)
        {
            for (int row = y; row < y + height; row++)
            {
                Array.Fill(Maps, value, (channel * Plane) + (row * Columns) + x, width);
            }
        }
    }
}
