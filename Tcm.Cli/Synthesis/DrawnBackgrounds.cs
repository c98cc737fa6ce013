using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Backgrounds where there are no pictures: plain and stained walls, bricks, tiles, boards, streets, interiors.</summary>
internal static class DrawnBackgrounds
{
    /// <summary>Fills the canvas.</summary>
    public static void Draw(SKCanvas canvas, int width, int height, SceneRandom random)
    {
        var area = new SKRect(0, 0, width, height);
        switch (random.Weighted([2, 1, 2, 1.5f, 3, 5]))
        {
            case 0:
                Gradient(canvas, area, Palette.Dull(random), Palette.Any(random), random);
                break;
            case 1:
                Gradient(canvas, area, Palette.Any(random), Palette.Any(random), random);
                ValueNoise.Draw(canvas, area, random.Between(60, 300), 4, random.Between(0.3f, 0.9f), random, true);
                return;
            case 2:
                canvas.Clear(Palette.Dull(random));
                Clutter.Bricks(canvas, area, random);
                break;
            case 3:
                Boards(canvas, area, random);
                break;
            case 4:
                Street(canvas, area, random);
                break;
            default:
                Interiors.Draw(canvas, area, random);
                break;
        }
        ValueNoise.Draw(canvas, area, random.Between(40, 250), 4, random.Between(0.15f, 0.6f), random);
    }

    /// <summary>A change of colour over an area.</summary>
    public static void Gradient(SKCanvas canvas, SKRect area, SKColor from, SKColor to, SceneRandom random)
    {
        var (sin, cos) = MathF.SinCos(random.Between(0, MathF.Tau));
        var reach = new SKPoint(cos * area.Width / 2, sin * area.Height / 2);
        var middle = new SKPoint(area.MidX, area.MidY);
        using var shader = SKShader.CreateLinearGradient(middle - reach, middle + reach, [from, to], SKShaderTileMode.Clamp);
        using var paint = new SKPaint { Shader = shader };
        canvas.DrawRect(area, paint);
    }

    private static void Boards(SKCanvas canvas, SKRect area, SceneRandom random)
    {
        var colour = Palette.Dull(random);
        bool upright = random.Chance(0.5f);
        float step = random.Between(20, 120);
        canvas.Clear(Palette.Shade(colour, 0.5f));
        using var paint = new SKPaint();
        for (float at = 0; at < (upright ? area.Width : area.Height); at += step)
        {
            paint.Color = Palette.Vary(Palette.Shade(colour, random.Between(0.85f, 1.1f)), 8, random);
            canvas.DrawRect(upright ? SKRect.Create(at, 0, step - random.Between(0.5f, 3), area.Height)
                : SKRect.Create(0, at, area.Width, step - random.Between(0.5f, 3)), paint);
        }
    }

    private static void Street(SKCanvas canvas, SKRect area, SceneRandom random)
    {
        float ground = area.Height * random.Between(0.65f, 0.95f);
        bool night = random.Chance(0.2f);
        var sky = night ? SKColor.FromHsv(220, 60, random.Between(4, 25))
            : SKColor.FromHsv(random.Between(195, 230), random.Between(5, 60), random.Between(65, 100));
        Gradient(canvas, area, sky, Palette.Shade(sky, random.Between(0.8f, 1.3f)), random);
        using var paint = new SKPaint { IsAntialias = true };
        for (float x = -random.Between(0, 100); x < area.Width;)
        {
            float width = area.Width * random.Between(0.15f, 0.5f);
            var facade = new SKRect(x, ground * random.Between(-0.2f, 0.6f), x + width, ground);
            paint.Color = Palette.Shade(Palette.Dull(random), night ? 0.4f : 1);
            canvas.DrawRect(facade, paint);
            if (random.Chance(0.85f))
            {
                Clutter.Windows(canvas, facade, random);
            }
            else
            {
                canvas.Save();
                canvas.ClipRect(facade);
                Clutter.Bricks(canvas, facade, random);
                canvas.Restore();
            }
            x += width;
        }
        paint.Color = Palette.Shade(SKColor.FromHsv(random.Between(0, 60), random.Between(0, 15), random.Between(25, 65)),
            night ? 0.5f : 1);
        canvas.DrawRect(new SKRect(0, ground, area.Width, area.Height), paint);
        paint.Color = SKColors.White.WithAlpha(160);
        float stripe = random.Between(10, 50), y = (ground + area.Height) / 2;
        for (float x = 0; x < area.Width && random.Chance(0.98f); x += 2.5f * stripe)
        {
            canvas.DrawRect(SKRect.Create(x, y, stripe, stripe / 8), paint);
        }
    }
}
