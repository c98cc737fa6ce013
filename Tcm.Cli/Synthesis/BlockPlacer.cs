using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>
/// Finds places for the blocks of one scene: within it, clear of each other, and for text without a plate where the picture is
/// calm. Blocks share a viewing direction, as the signs of a street do, with some exceptions.
/// </summary>
internal sealed class BlockPlacer
{
    // Pixels between two blocks: more than shadows and antialiasing reach.
    private const float Margin = 5;
    private const float Border = 2;

    private readonly SKBitmap _scene;
    private readonly List<SKPoint[]> _taken = [];
    private readonly (float Yaw, float Pitch, float Roll) _view;

    /// <summary>Starts with an empty scene, whose background is drawn already.</summary>
    public BlockPlacer(SKBitmap scene, SceneRandom random)
    {
        _scene = scene;
        _view = (Math.Clamp(0.35f * random.Normal(), -0.95f, 0.95f), Math.Clamp(0.12f * random.Normal(), -0.35f, 0.35f),
            0.06f * random.Normal());
    }

    /// <summary>The map from block units to the scene, or null when there is no room. The place is taken by it.</summary>
    /// <param name="block">The block.</param>
    /// <param name="plate">What must be clear of other blocks, in block units; its text must be within the scene.</param>
    /// <param name="tries">Places looked at.</param>
    /// <param name="compared">Free places of which the calmest is taken.</param>
    /// <param name="level">Lines are turned more often than words.</param>
    /// <param name="random">Of the block.</param>
    public SKMatrix? Find(ComposedBlock block, SKRect plate, int tries, int compared, TextLevel level, SceneRandom random)
    {
        var text = block.Text.Bounds;
        var (yaw, pitch, roll) = Direction(level, random);
        float scale = block.Height / TextLayout.CapHeight;
        scale = Math.Min(scale, 0.8f * _scene.Width / text.Width);
        scale = Math.Min(scale, 0.7f * _scene.Height / text.Height);
        (SKMatrix View, SKPoint[] Quad, float Unrest)? best = null;
        for (int i = 0, found = 0; i < tries && found < compared; i++)
        {
            // Where there is little room, smaller text still finds some.
            scale *= i >= tries / 2 && found == 0 ? 0.85f : 1;
            var centre = new SKPoint(random.Between(0, _scene.Width), random.Between(0, _scene.Height));
            var view = Homography.View(text, centre, scale, yaw, pitch, roll);
            var quad = view.MapPoints(Homography.Corners(text));
            var outer = view.MapPoints(Homography.Corners(SKRect.Inflate(plate, Margin / scale, Margin / scale)));
            if (!quad.All(IsInside) || _taken.Any(other => Homography.Overlap(other, outer)))
            {
                continue;
            }
            found++;
            float unrest = compared > 1 ? Summarise(Sample(quad)).Deviation : 0;
            if (best is null || unrest < best.Value.Unrest)
            {
                best = (view, outer, unrest);
            }
        }
        if (best is not { } place)
        {
            return null;
        }
        _taken.Add(place.Quad);
        return place.View;
    }

    /// <summary>
    /// Colours at points spread over a polygon whose second half runs back below its first. Only points inside are looked at,
    /// so that what is outside does not matter.
    /// </summary>
    public SKColor[] Sample(ReadOnlySpan<SKPoint> polygon)
    {
        const int columns = 16, rows = 5;
        var samples = new SKColor[columns * rows];
        var pixels = _scene.GetPixelSpan();
        int half = polygon.Length / 2;
        for (int column = 0, i = 0; column < columns; column++)
        {
            float along = (column + 0.5f) / columns * (half - 1);
            int piece = (int)along;
            var top = Between(polygon[piece], polygon[piece + 1], along - piece);
            var bottom = Between(polygon[^(piece + 1)], polygon[^(piece + 2)], along - piece);
            for (int row = 0; row < rows; row++, i++)
            {
                var at = Between(top, bottom, (row + 0.5f) / rows);
                int x = Math.Clamp((int)at.X, 0, _scene.Width - 1), y = Math.Clamp((int)at.Y, 0, _scene.Height - 1);
                var pixel = pixels.Slice(4 * (y * _scene.Width + x), 3);
                samples[i] = new SKColor(pixel[0], pixel[1], pixel[2]);
            }
        }
        return samples;
    }

    /// <summary>Mean colour of samples, and the deviation of their lightness.</summary>
    public static (SKColor Mean, float Deviation) Summarise(ReadOnlySpan<SKColor> samples)
    {
        float red = 0, green = 0, blue = 0, sum = 0, squares = 0;
        foreach (var colour in samples)
        {
            float luma = Palette.Luma(colour);
            red += colour.Red;
            green += colour.Green;
            blue += colour.Blue;
            sum += luma;
            squares += luma * luma;
        }
        int count = samples.Length;
        float mean = sum / count;
        return (new SKColor((byte)(red / count), (byte)(green / count), (byte)(blue / count)),
            MathF.Sqrt(Math.Max(0, squares / count - mean * mean)));
    }

    private (float Yaw, float Pitch, float Roll) Direction(TextLevel level, SceneRandom random)
    {
        float turned = level == TextLevel.Line ? 0.35f : 0.1f;
        float yaw = 0.35f * random.Normal(), pitch = Math.Clamp(0.2f * random.Normal(), -0.5f, 0.5f);
        float roll = random.Unit() switch
        {
            < 0.15f => random.Sign() * MathF.PI / 2,
            < 0.2f => random.Between(-MathF.PI, MathF.PI),
            _ => random.Between(-0.9f, 0.9f),
        };
        float near = random.Normal(), tilt = random.Normal(), lean = random.Normal();
        return random.Chance(turned) ? (Math.Clamp(yaw, -0.9f, 0.9f), pitch, roll)
            : (Math.Clamp(_view.Yaw + 0.12f * near, -1.05f, 1.05f), _view.Pitch + 0.06f * tilt, _view.Roll + 0.035f * lean);
    }

    private bool IsInside(SKPoint point) => point.X >= Border && point.Y >= Border && point.X <= _scene.Width - Border
        && point.Y <= _scene.Height - Border;

    private static SKPoint Between(SKPoint a, SKPoint b, float t) => new(a.X + (b.X - a.X) * t, a.Y + (b.Y - a.Y) * t);
}
