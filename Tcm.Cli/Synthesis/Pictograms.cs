using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Arrows, stars, crosses, figures: the letterless signs that stand beside text in streets.</summary>
internal static class Pictograms
{
    /// <summary>Draws a row of pictograms, mostly on a plate.</summary>
    public static void Draw(SKCanvas canvas, SKRect box, SceneRandom random)
    {
        var (ground, ink) = Palette.Sign(random);
        using var paint = new SKPaint { IsAntialias = true, Color = ground };
        int count = random.Whole(1, 4);
        float cell = Math.Min(box.Height, box.Width / count);
        if (random.Chance(0.7f))
        {
            var plate = SKRect.Create(0, 0, cell * count, cell);
            float corner = random.Chance(0.5f) ? cell * random.Between(0.02f, 0.5f) : 0;
            canvas.DrawRoundRect(plate, corner, corner, paint);
        }
        paint.Color = ink;
        for (int i = 0; i < count; i++)
        {
            canvas.Save();
            canvas.Translate((i + 0.5f) * cell, cell / 2);
            canvas.Scale(cell * random.Between(0.28f, 0.42f));
            canvas.RotateDegrees(random.Chance(0.6f) ? 90 * random.Below(4) : random.Between(0, 360));
            using var path = Shape(random);
            paint.IsStroke = random.Chance(0.3f);
            paint.StrokeWidth = random.Between(0.08f, 0.25f);
            canvas.DrawPath(path, paint);
            canvas.Restore();
        }
    }

    /// <summary>A shape within the unit circle.</summary>
    private static SKPath Shape(SceneRandom random)
    {
        using var b = new SKPathBuilder { FillType = SKPathFillType.EvenOdd };
        switch (random.Below(9))
        {
            case 0:
                b.AddPoly([new(-1, -0.25f), new(0, -0.25f), new(0, -0.7f), new(1, 0), new(0, 0.7f), new(0, 0.25f), new(-1, 0.25f)],
                    true);
                break;
            case 1:
                b.AddPoly(Star(random.Whole(3, 8), random.Between(0.35f, 1)), true);
                break;
            case 2:
                b.AddPoly([new(-0.25f, -1), new(0.25f, -1), new(0.25f, -0.25f), new(1, -0.25f), new(1, 0.25f), new(0.25f, 0.25f),
                    new(0.25f, 1), new(-0.25f, 1), new(-0.25f, 0.25f), new(-1, 0.25f), new(-1, -0.25f), new(-0.25f, -0.25f)], true);
                break;
            case 3:
                b.AddCircle(0, 0, 1);
                b.AddCircle(0, 0, random.Between(0.4f, 0.85f));
                break;
            case 4:
                b.AddCircle(0, 0, 1);
                b.AddRect(new SKRect(-0.7f, -0.18f, 0.7f, 0.18f));
                break;
            case 5:
                b.AddCircle(0, -0.72f, 0.26f);
                b.AddRoundRect(new SKRect(-0.42f, -0.4f, 0.42f, 0.35f), 0.15f, 0.15f);
                b.AddRect(new SKRect(-0.28f, 0.36f, -0.03f, 1));
                b.AddRect(new SKRect(0.03f, 0.36f, 0.28f, 1));
                break;
            case 6:
                b.MoveTo(0, 0.9f);
                b.CubicTo(-1.6f, -0.3f, -0.6f, -1.3f, 0, -0.5f);
                b.CubicTo(0.6f, -1.3f, 1.6f, -0.3f, 0, 0.9f);
                b.Close();
                break;
            case 7:
                b.AddPoly([new(-0.1f, -1), new(0.5f, -1), new(0.15f, -0.2f), new(0.6f, -0.2f), new(-0.35f, 1), new(-0.05f, 0.1f),
                    new(-0.5f, 0.1f)], true);
                break;
            default:
                for (int i = 0; i < 3; i++)
                {
                    b.MoveTo(-0.9f, 0.6f * (i - 1));
                    b.CubicTo(-0.3f, 0.6f * (i - 1) - 0.5f, 0.3f, 0.6f * (i - 1) + 0.5f, 0.9f, 0.6f * (i - 1));
                    b.LineTo(0.9f, 0.6f * (i - 1) + 0.25f);
                    b.CubicTo(0.3f, 0.6f * (i - 1) + 0.75f, -0.3f, 0.6f * (i - 1) - 0.25f, -0.9f, 0.6f * (i - 1) + 0.25f);
                    b.Close();
                }
                break;
        }
        return b.Detach();
    }

    private static SKPoint[] Star(int tips, float inner)
    {
        var points = new SKPoint[2 * tips];
        for (int i = 0; i < points.Length; i++)
        {
            var (sin, cos) = MathF.SinCos(MathF.PI * i / tips);
            points[i] = new SKPoint(sin * (i % 2 == 0 ? 1 : inner), -cos * (i % 2 == 0 ? 1 : inner));
        }
        return points;
    }
}
