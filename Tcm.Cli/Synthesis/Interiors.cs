using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Corridors of shopping centres: walls of shop windows that run to a vanishing point, lamps, tiled floors.</summary>
internal static class Interiors
{
    private const int Depths = 7;

    /// <summary>Fills the area.</summary>
    public static void Draw(SKCanvas canvas, SKRect area, SceneRandom random)
    {
        var vanishing = new SKPoint(area.Width * random.Between(0.2f, 0.8f), area.Height * random.Between(0.3f, 0.6f));
        float top = area.Height * random.Between(-0.4f, 0.15f), bottom = area.Height * random.Between(0.85f, 1.5f);
        SKPoint[] corners = [new(0, top), new(area.Width, top), new(area.Width, bottom), new(0, bottom)];
        var ceiling = Palette.Dull(random);
        var floor = Palette.Dull(random);
        DrawnBackgrounds.Gradient(canvas, new SKRect(0, 0, area.Width, vanishing.Y), ceiling, Palette.Shade(ceiling, 0.7f), random);
        DrawnBackgrounds.Gradient(canvas, new SKRect(0, vanishing.Y, area.Width, area.Height), floor, Palette.Shade(floor, 0.6f),
            random);
        Floor(canvas, area, vanishing, floor, random);
        Lamps(canvas, corners, vanishing, random);
        float fall = random.Between(0.5f, 0.75f);
        foreach (bool left in (bool[])[true, false])
        {
            var (upper, lower) = left ? (corners[0], corners[3]) : (corners[1], corners[2]);
            for (int depth = 0; depth < Depths; depth++)
            {
                float near = 1 - MathF.Pow(fall, depth), far = 1 - MathF.Pow(fall, depth + 1);
                Front(canvas, [Lerp(upper, vanishing, near), Lerp(upper, vanishing, far), Lerp(lower, vanishing, far),
                    Lerp(lower, vanishing, near)], random);
            }
        }
        float end = 1 - MathF.Pow(fall, Depths);
        Front(canvas, [.. corners.Select(corner => Lerp(corner, vanishing, end))], random);
    }

    /// <summary>A wall panel, mostly with a window full of goods.</summary>
    private static void Front(SKCanvas canvas, SKPoint[] quad, SceneRandom random)
    {
        var wall = Palette.Dull(random);
        Quad(canvas, quad, 0, 0, 1, 1, wall);
        if (random.Chance(0.2f))
        {
            return;
        }
        float left = random.Between(0.02f, 0.15f), top = random.Between(0.1f, 0.35f), bottom = random.Between(0.7f, 0.97f);
        var inside = random.Chance(0.6f) ? Palette.Shade(Palette.Any(random), 1.2f) : SKColor.FromHsv(45, 15, 95);
        Quad(canvas, quad, left, top, 1 - left, bottom, inside);
        for (int i = random.Whole(0, 35); i > 0; i--)
        {
            float x = random.Between(left, 0.95f - left), y = random.Between(top, bottom - 0.05f);
            Quad(canvas, quad, x, y, Math.Min(1 - left, x + random.Between(0.01f, 0.15f)),
                Math.Min(bottom, y + random.Between(0.01f, 0.2f)), Palette.Any(random));
        }
        if (random.Chance(0.5f))
        {
            // The board above the window, where the name would be.
            Quad(canvas, quad, left, top - random.Between(0.05f, 0.09f), 1 - left, top, Palette.Any(random));
        }
        for (float x = left; x < 1 - left && random.Chance(0.8f); x += 0.2f)
        {
            Quad(canvas, quad, x, top, x + 0.012f, bottom, wall);
        }
    }

    private static void Floor(SKCanvas canvas, SKRect area, SKPoint vanishing, SKColor floor, SceneRandom random)
    {
        using var paint = new SKPaint
        {
            IsAntialias = true,
            IsStroke = true,
            StrokeWidth = random.Between(0.6f, 2),
            Color = Palette.Shade(floor, random.Chance(0.5f) ? 0.7f : 1.25f),
        };
        float step = random.Between(30, 160);
        for (float x = -area.Width; x < 2 * area.Width; x += step)
        {
            canvas.DrawLine(vanishing.X, vanishing.Y, vanishing.X + 2 * (x - vanishing.X), area.Height * 2 - vanishing.Y, paint);
        }
        for (float depth = 1; depth > 0.05f; depth *= 0.8f)
        {
            float y = vanishing.Y + (area.Height - vanishing.Y) * depth;
            canvas.DrawLine(0, y, area.Width, y, paint);
        }
    }

    private static void Lamps(SKCanvas canvas, SKPoint[] corners, SKPoint vanishing, SceneRandom random)
    {
        using var paint = new SKPaint { IsAntialias = true, Color = SKColor.FromHsv(random.Between(30, 220), 8, 100) };
        for (int row = random.Whole(1, 3); row > 0; row--)
        {
            var start = Lerp(corners[0], corners[1], random.Between(0.15f, 0.85f));
            float size = random.Between(8, 40);
            for (float depth = 0.1f; depth < 0.9f; depth += 0.16f)
            {
                var at = Lerp(start, vanishing, depth);
                canvas.DrawOval(at.X, at.Y, size * (1 - depth), size * (1 - depth) * 0.4f, paint);
            }
        }
    }

    private static void Quad(SKCanvas canvas, SKPoint[] quad, float left, float top, float right, float bottom, SKColor colour)
    {
        SKPoint At(float x, float y) => Lerp(Lerp(quad[0], quad[1], x), Lerp(quad[3], quad[2], x), y);
        using var builder = new SKPathBuilder();
        builder.AddPoly([At(left, top), At(right, top), At(right, bottom), At(left, bottom)], true);
        using var path = builder.Detach();
        using var paint = new SKPaint { IsAntialias = true, Color = colour };
        canvas.DrawPath(path, paint);
    }

    private static SKPoint Lerp(SKPoint a, SKPoint b, float t) => new(a.X + (b.X - a.X) * t, a.Y + (b.Y - a.Y) * t);
}
