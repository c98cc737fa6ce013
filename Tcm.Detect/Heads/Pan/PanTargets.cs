using Tcm.Detect.Datasets;
using Tcm.Detect.Geometry;

namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// Target maps of PAN (heads.md section 3.4): whole texts and their shrunk kernels, by number, and a mask of what counts.
/// A workspace: one thread at a time.
/// </summary>
internal sealed class PanTargets
{
    /// <summary>Kernels are not shrunk by more pixels than this.</summary>
    private const int MaxShrink = 20;

    [ThreadStatic] private static PanTargets? mine;

    private readonly PolygonOffset _offset = new();
    private readonly PolygonFill _fill = new();

    /// <summary>Draws the maps of one picture, each of height x width values, all overwritten. Thread-safe.</summary>
    /// <param name="texts">Labels in pixels of the canvas; may reach outside.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="regions">Number of the text, from 1, inside its outline, else 0. Of texts that overlap the later one shows.</param>
    /// <param name="kernels">Likewise inside its shrunk outline; texts that vanish have none.</param>
    /// <param name="mask">0 inside ignored texts, else 1.</param>
    /// <param name="shrinkRatio">0.5, or 0.7 as PAN's CTW1500 pipeline has it.</param>
    public static void Draw(IReadOnlyList<TextAnnotation> texts, int height, int width, Span<float> regions, Span<float> kernels,
        Span<float> mask, double shrinkRatio = 0.5)
    {
        regions.Clear();
        kernels.Clear();
        mask.Fill(1);
        var targets = mine ??= new PanTargets();
        int number = 0;
        foreach (var text in texts)
        {
            PixelPoint[] corners = [.. text.Polygon.Select(p => new PixelPoint((int)p.X, (int)p.Y))];
            if (text.Ignored)
            {
                targets._fill.Fill(corners, mask, width, height, 0f);
                continue;
            }
            number++;
            targets.DrawShrunk(corners, 1, number, regions, width, height);
            targets.DrawShrunk(corners, shrinkRatio, number, kernels, width, height);
        }
    }

    private void DrawShrunk(PixelPoint[] corners, double ratio, int number, Span<float> map, int width, int height)
    {
        double area = Math.Abs(PolygonMeasures.TwiceSignedArea(corners)) / 2.0;
        int distance = Math.Min((int)((area * (1 - (ratio * ratio)) / (PolygonMeasures.Perimeter(corners) + 0.001)) + 0.5), MaxShrink);
        if (_offset.Execute(corners, -distance) > 0)
        {
            _fill.Fill(_offset.Ring(0), map, width, height, (float)number);
        }
    }
}
