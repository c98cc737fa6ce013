using Tcm.Detect;

namespace Tcm.Bench.Reliability;

/// <summary>Results as text, to compare them to the bit.</summary>
internal static class DetectorBits
{
    /// <summary>Everything of a result that shall repeat: all but the timings.</summary>
    public static string Of(DetectionResult result) => string.Join(';', result.Regions.Select(r =>
        $"{BitConverter.SingleToInt32Bits(r.Score)}:{string.Join(',', r.Polygon.Concat(r.Quad)
            .Select(p => $"{BitConverter.SingleToInt32Bits(p.X)} {BitConverter.SingleToInt32Bits(p.Y)}"))}"));
}
