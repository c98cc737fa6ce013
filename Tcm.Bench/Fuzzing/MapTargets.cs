using Tcm.Detect;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Heads.Fce;
using Tcm.Detect.Heads.Pan;

namespace Tcm.Bench.Fuzzing;

/// <summary>
/// Post-processing of maps that no network would give. An input is four bytes (width, height, a setting, switches) and then the values,
/// a byte each; what is missing repeats.
/// </summary>
internal static class MapTargets
{
    private const int Head = 4;

    /// <summary>Probability maps of up to 64x64.</summary>
    public static FuzzTarget Db { get; } = new("db", "post-processing of DB", Seeds(8), input =>
    {
        var (width, height, setting, switches) = Read(input);
        var processor = new DbPostProcessor(new DbPostProcessingOptions
        {
            Polygons = (switches & 1) != 0,
            FilterSmallPolygons = (switches & 2) != 0,
            Simplify = (switches & 4) != 0,
            SimplifyRatio = (switches & 8) != 0 ? 0.02f : 0.001f,
            UnclipRatio = setting % 16,
            BinaryThreshold = (setting / 16) / 16f,
            MinSide = 1,
        });
        Check(processor.Detect(Values(input, width * height, v => v / 250f), width, height, width, height, 1, 1));
    });

    /// <summary>Six maps for pictures of up to 64x64.</summary>
    public static FuzzTarget Pan { get; } = new("pan", "post-processing of PAN", Seeds(16), input =>
    {
        var (width, height, setting, switches) = Read(input);
        var processor = new PanPostProcessor(new PanPostProcessingOptions
        {
            Polygons = (switches & 1) != 0,
            Distance = setting / 16f,
            MinArea = switches / 16,
            BoxThreshold = 0.1f,
        });
        (width, height) = (4 * width, 4 * height);
        Check(processor.Detect(Values(input, 6 * width * height / 16, v => (v - 125) / 16f), width, height, 1, 1));
    });

    /// <summary>All levels for pictures of up to 64x64.</summary>
    public static FuzzTarget Fce { get; } = new("fce", "post-processing of FCE", Seeds(4), input =>
    {
        var (width, height, setting, switches) = Read(input);
        (width, height) = (32 * (1 + (width % 2)), 32 * (1 + (height % 2)));
        var processor = new FcePostProcessor(new FcePostProcessingOptions
        {
            Polygons = (switches & 1) != 0,
            Threshold = setting / 256f,
        });
        Check(processor.Detect(Values(input, FceLevel.Positions(height, width) * FceLevel.Values, v => (v - 125) / 16f), width, height, 1, 1));
    });

    private static IReadOnlyList<byte[]> Seeds(int side) =>
    [
        [(byte)side, (byte)side, 0x42, 1, .. Enumerable.Range(0, side * side).Select(i => (byte)(i % side > 1 && i / side > 1 ? 240 : 5))],
        [(byte)side, 3, 0x31, 4, .. Enumerable.Range(0, 60).Select(i => (byte)(i * 37))],
        [(byte)side, (byte)side, 0x20, 13, 0, 240],
    ];

    private static (int Width, int Height, int Setting, int Switches) Read(byte[] input) => input.Length < Head ? (1, 1, 0, 0)
        : (1 + (input[0] % 64), 1 + (input[1] % 64), input[2], input[3]);

    private static float[] Values(byte[] input, int count, Func<byte, float> value)
    {
        var values = new float[count];
        for (int i = 0; i < count && input.Length > Head; i++)
        {
            byte b = input[Head + (i % (input.Length - Head))];
            values[i] = b switch
            {
                251 => float.NaN,
                252 => float.PositiveInfinity,
                253 => float.NegativeInfinity,
                254 => 1e30f,
                255 => -1e30f,
                _ => value(b),
            };
        }
        return values;
    }

    private static void Check(IReadOnlyList<TextRegion> regions)
    {
        foreach (var region in regions)
        {
            FuzzTarget.Require(float.IsFinite(region.Score), $"a score of {region.Score}");
            FuzzTarget.Require(region.Quad.Count == 4 && region.Polygon.Count >= 3, $"{region.Polygon.Count} vertices");
            FuzzTarget.Require(region.Polygon.Concat(region.Quad).All(p => float.IsFinite(p.X) && float.IsFinite(p.Y)), "a vertex that is no point");
        }
    }
}
