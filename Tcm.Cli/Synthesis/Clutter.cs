using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Things that detectors take for text: bars, grids, windows, bricks, leaves, pictograms. Never labelled.</summary>
internal static class Clutter
{
    /// <summary>Draws one thing somewhere on the scene, seen at a random angle.</summary>
    public static void Draw(SKCanvas canvas, int width, int height, SceneRandom random)
    {
        float side = Math.Max(width, height);
        var box = SKRect.Create(0, 0, side * random.Between(0.05f, 0.45f), side * random.Between(0.04f, 0.35f));
        var view = Homography.View(box, new SKPoint(random.Between(0, width), random.Between(0, height)), 1,
            0.4f * random.Normal(), 0.2f * random.Normal(), random.Chance(0.7f) ? 0.05f * random.Normal() : random.Between(-3, 3));
        canvas.Save();
        canvas.Concat(in view);
        switch (random.Weighted([2, 2, 1, 2, 3, 2, 1.2f, 1, 1, 1.5f]))
        {
            case 0:
                Bars(canvas, box, random);
                break;
            case 1:
                Grid(canvas, box, random);
                break;
            case 2:
                canvas.Save();
                canvas.ClipRect(box);
                Bricks(canvas, box, random);
                canvas.Restore();
                break;
            case 3:
                Windows(canvas, box, random);
                break;
            case 4:
                Pictograms.Draw(canvas, box, random);
                break;
            case 5:
                Leaves(canvas, box, random);
                break;
            case 6:
                Barcode(canvas, box, random);
                break;
            case 7:
                Checks(canvas, box, random);
                break;
            case 8:
                Dots(canvas, box, random);
                break;
            default:
                Wires(canvas, box, random);
                break;
        }
        canvas.Restore();
    }

    /// <summary>A wall of bricks or tiles over the box; the caller clips.</summary>
    public static void Bricks(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        float height = random.Between(8, 40), width = height * random.Between(1, 3.5f), joint = random.Between(1, 3);
        float shift = random.Chance(0.7f) ? width / 2 : 0;
        var colour = Palette.Dull(random);
        using var builder = new SKPathBuilder();
        using var odd = new SKPathBuilder();
        bool second = false;
        for (float y = box.Top; y < box.Bottom; y += height, second = !second)
        {
            for (float x = box.Left - (second ? shift : 0); x < box.Right; x += width)
            {
                (random.Chance(0.25f) ? odd : builder).AddRect(SKRect.Create(x, y, width - joint, height - joint));
            }
        }
        Fill(canvas, builder, colour);
        Fill(canvas, odd, Palette.Shade(colour, random.Between(0.8f, 1.15f)));
    }

    /// <summary>Rows of windows.</summary>
    public static void Windows(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        float w = Math.Max(4, box.Width / random.Whole(2, 9)), h = Math.Max(4, w * random.Between(0.6f, 1.6f));
        float gap = random.Between(0.1f, 0.5f);
        bool frames = random.Chance(0.5f);
        using var dark = new SKPathBuilder();
        using var lit = new SKPathBuilder();
        using var bars = new SKPathBuilder();
        for (float y = box.Top + gap * h / 2; y + h * (1 - gap) < box.Bottom; y += h)
        {
            for (float x = box.Left + gap * w / 2; x + w * (1 - gap) < box.Right; x += w)
            {
                var pane = SKRect.Create(x, y, w * (1 - gap), h * (1 - gap));
                (random.Chance(0.8f) ? dark : lit).AddRect(pane);
                if (frames)
                {
                    bars.AddRect(SKRect.Create(pane.MidX - 0.02f * w, pane.Top, 0.04f * w, pane.Height));
                    bars.AddRect(SKRect.Create(pane.Left, pane.MidY - 0.02f * w, pane.Width, 0.04f * w));
                }
            }
        }
        Fill(canvas, dark, SKColor.FromHsv(210, random.Between(0, 40), random.Between(10, 60)));
        Fill(canvas, lit, SKColor.FromHsv(random.Between(35, 60), random.Between(0, 50), random.Between(70, 100)));
        Fill(canvas, bars, Palette.Dull(random));
    }

    private static void Bars(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        using var builder = new SKPathBuilder();
        float step = random.Between(4, 30), width = step * random.Between(0.15f, 0.7f);
        for (float x = 0; x < box.Width; x += step)
        {
            builder.AddRect(SKRect.Create(x, 0, width, box.Height));
        }
        if (random.Chance(0.6f))
        {
            builder.AddRect(SKRect.Create(0, box.Height * 0.1f, box.Width, width));
            builder.AddRect(SKRect.Create(0, box.Height * 0.85f, box.Width, width));
        }
        Fill(canvas, builder, Palette.Any(random));
    }

    private static void Grid(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        using var builder = new SKPathBuilder();
        float dx = random.Between(6, 50), dy = random.Between(6, 50), line = random.Between(1, 5);
        for (float x = 0; x <= box.Width; x += dx)
        {
            builder.AddRect(SKRect.Create(x, 0, line, box.Height));
        }
        for (float y = 0; y <= box.Height; y += dy)
        {
            builder.AddRect(SKRect.Create(0, y, box.Width, line));
        }
        Fill(canvas, builder, Palette.Any(random).WithAlpha((byte)random.Whole(120, 255)));
    }

    private static void Leaves(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        float hue = random.Between(60, 140), size = random.Between(2, 14);
        for (int tone = 0; tone < 3; tone++)
        {
            using var builder = new SKPathBuilder();
            int leaves = random.Whole(40, 160);
            for (int i = 0; i < leaves; i++)
            {
                float x = box.MidX + box.Width * 0.25f * random.Normal(), y = box.MidY + box.Height * 0.25f * random.Normal();
                float angle = random.Between(0, MathF.PI), length = size * random.Between(0.6f, 1.8f);
                var (sin, cos) = MathF.SinCos(angle);
                builder.MoveTo(x - cos * length, y - sin * length);
                builder.QuadTo(x - sin * length, y + cos * length, x + cos * length, y + sin * length);
                builder.QuadTo(x + sin * length * 0.4f, y - cos * length * 0.4f, x - cos * length, y - sin * length);
                builder.Close();
            }
            Fill(canvas, builder, SKColor.FromHsv(hue + random.Between(-15, 15), random.Between(30, 90),
                random.Between(15, 40) + 18 * tone));
        }
    }

    private static void Barcode(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        using var ground = new SKPaint { Color = SKColors.White, IsAntialias = true };
        canvas.DrawRect(box, ground);
        using var builder = new SKPathBuilder();
        bool matrix = random.Chance(0.4f);
        float cell = matrix ? box.Height / random.Whole(15, 30) : box.Width / random.Whole(60, 120);
        for (float x = 3 * cell; x < (matrix ? box.Height : box.Width) - 3 * cell; x += cell)
        {
            for (float y = 3 * cell; y < (matrix ? box.Height - 3 * cell : 4 * cell); y += cell)
            {
                if (random.Chance(0.5f))
                {
                    builder.AddRect(SKRect.Create(x, y, cell, matrix ? cell : box.Height - 6 * cell));
                }
            }
        }
        Fill(canvas, builder, SKColors.Black);
    }

    private static void Checks(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        using var builder = new SKPathBuilder();
        float cell = random.Between(5, 35);
        for (int row = 0; row * cell < box.Height; row++)
        {
            for (int column = row % 2; column * cell < box.Width; column += 2)
            {
                builder.AddRect(SKRect.Create(column * cell, row * cell, cell, cell));
            }
        }
        Fill(canvas, builder, Palette.Any(random));
    }

    private static void Dots(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        using var builder = new SKPathBuilder();
        float step = random.Between(5, 40), radius = step * random.Between(0.15f, 0.45f);
        for (float y = 0; y < Math.Min(box.Height, 6 * step); y += step)
        {
            for (float x = 0; x < box.Width; x += step)
            {
                builder.AddCircle(x, y, radius);
            }
        }
        Fill(canvas, builder, Palette.Any(random));
    }

    private static void Wires(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        using var builder = new SKPathBuilder();
        for (int i = random.Whole(1, 7); i > 0; i--)
        {
            float y = random.Between(0, box.Height);
            builder.MoveTo(-box.Width, y);
            builder.QuadTo(0, y + random.Between(-40, 80), 2 * box.Width, random.Between(0, box.Height));
        }
        using var path = builder.Detach();
        using var paint = new SKPaint
        {
            IsAntialias = true,
            IsStroke = true,
            StrokeWidth = random.Between(1, 6),
            Color = Palette.Any(random),
        };
        canvas.DrawPath(path, paint);
    }

    private static void Fill(SKCanvas canvas, SKPathBuilder builder, SKColor colour)
    {
        using var path = builder.Detach();
        using var paint = new SKPaint { IsAntialias = true, Color = colour };
        canvas.DrawPath(path, paint);
    }
}
