using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>Colours of the letters of a block.</summary>
internal sealed record Lettering(SKColor Colour)
{
    /// <summary>Of a gradient, at the bottom.</summary>
    public SKColor? Bottom { get; init; }

    /// <summary>Of the outline, whose width the typography has.</summary>
    public SKColor? Outline { get; init; }

    /// <summary>0 to 1.</summary>
    public float Opacity { get; init; } = 1;

    /// <summary>Offset in block units of a shadow or of the side of raised letters; (0, 0) for none.</summary>
    public SKPoint Shadow { get; init; }

    /// <summary>Deviation in block units of the light around glowing letters; 0 for none.</summary>
    public float Glow { get; init; }

    /// <summary>How far these letters stand out from a ground, 0 to 255.</summary>
    public float Contrast(SKColor ground)
    {
        float own = Palette.Contrast(Colour, ground);
        float bottom = Bottom is { } other ? Palette.Contrast(other, ground) : own;
        float outline = Outline is { } edge ? 0.8f * Palette.Contrast(edge, ground) : 0;
        return Opacity * Math.Max((own + bottom) / 2, outline);
    }
}

/// <summary>Draws plates and letters in block units, under the canvas's matrix.</summary>
internal static class BlockPainter
{
    /// <summary>The plate of a block: its text with margins, sometimes with room for more than the text.</summary>
    public static SKRect Plate(SKRect text, SceneRandom random)
    {
        float cap = TextLayout.CapHeight;
        float x = cap * random.Between(0.15f, 1), y = cap * random.Between(0.15f, 0.8f);
        var plate = SKRect.Inflate(text, x, y);
        if (random.Chance(0.15f))
        {
            plate.Left -= random.Between(0, 4) * cap;
        }
        if (random.Chance(0.2f))
        {
            plate.Right += random.Between(0, 4) * cap;
        }
        if (random.Chance(0.2f))
        {
            plate.Bottom += random.Between(0, 3) * cap;
        }
        return plate;
    }

    /// <summary>Draws a plate.</summary>
    public static void DrawPlate(SKCanvas canvas, SKRect plate, SKColor ground, SKColor letters, bool effects, SceneRandom random)
    {
        float cap = TextLayout.CapHeight;
        float corner = random.Chance(0.35f) ? random.Between(0.1f, 0.5f) * Math.Min(plate.Height, 2 * cap) : 0;
        using var paint = new SKPaint { IsAntialias = true };
        float depth = random.Chance(0.4f) ? random.Between(0.05f, 0.25f) * cap : 0;
        if (depth > 0 && effects)
        {
            var below = plate;
            below.Offset(depth, depth);
            paint.Color = SKColors.Black.WithAlpha((byte)random.Whole(40, 130));
            canvas.DrawRoundRect(below, corner, corner, paint);
        }
        paint.Color = ground.WithAlpha((byte)(random.Chance(0.12f) ? random.Whole(150, 240) : 255));
        var to = Palette.Shade(ground, random.Between(0.65f, 1.2f));
        bool graded = random.Chance(0.35f);
        using var shader = graded ? SKShader.CreateLinearGradient(new SKPoint(plate.Left, plate.Top),
            new SKPoint(random.Chance(0.5f) ? plate.Left : plate.Right, plate.Bottom), [ground, to], SKShaderTileMode.Clamp) : null;
        paint.Shader = shader;
        canvas.DrawRoundRect(plate, corner, corner, paint);
        paint.Shader = null;
        if (random.Chance(0.4f))
        {
            float width = cap * random.Between(0.04f, 0.2f), inset = random.Chance(0.5f) ? width / 2 : cap * 0.12f;
            paint.IsStroke = true;
            paint.StrokeWidth = width;
            paint.Color = random.Chance(0.6f) ? letters : Palette.Any(random);
            // The line stays between the edge and the least margin of the text.
            paint.StrokeWidth = Math.Min(width, 0.1f * cap);
            canvas.DrawRoundRect(SKRect.Inflate(plate, -Math.Min(inset, 0.06f * cap), -Math.Min(inset, 0.06f * cap)), corner, corner,
                paint);
        }
    }

    /// <summary>Chooses how letters look on a ground.</summary>
    public static Lettering Choose(SKColor ground, SKColor? given, float outline, bool effects, SceneRandom random)
    {
        var colour = given ?? (random.Chance(0.07f) ? Palette.Near(ground, random) : Palette.Against(ground, random));
        bool graded = random.Chance(0.1f), shadow = random.Chance(0.14f), faint = random.Chance(0.12f);
        var (bottom, edge) = (Palette.Shade(colour, random.Between(0.6f, 1.2f)), Palette.Against(colour, random));
        float opacity = random.Between(0.45f, 0.95f);
        var offset = new SKPoint(random.Between(-0.12f, 0.12f) * TextLayout.CapHeight,
            random.Between(0.03f, 0.14f) * TextLayout.CapHeight);
        bool lit = random.Chance(0.12f);
        float glow = random.Between(0.08f, 0.3f) * TextLayout.CapHeight;
        return new Lettering(colour)
        {
            Bottom = graded ? bottom : null,
            Outline = outline > 0 ? edge : null,
            Opacity = faint ? opacity : 1,
            Shadow = shadow && effects ? offset : SKPoint.Empty,
            Glow = lit && effects && Palette.Luma(colour) > 120 ? glow : 0,
        };
    }

    /// <summary>Draws the letters.</summary>
    public static void DrawText(SKCanvas canvas, TextBlock text, Lettering lettering, float outline)
    {
        using var paint = new SKPaint { IsAntialias = true };
        byte alpha = (byte)(255 * lettering.Opacity);
        if (lettering.Shadow != SKPoint.Empty)
        {
            canvas.Save();
            canvas.Translate(lettering.Shadow.X, lettering.Shadow.Y);
            paint.Color = SKColors.Black.WithAlpha((byte)(0.55f * alpha));
            canvas.DrawPath(text.Path, paint);
            canvas.Restore();
        }
        if (lettering.Glow > 0)
        {
            using var blur = SKMaskFilter.CreateBlur(SKBlurStyle.Normal, lettering.Glow);
            paint.MaskFilter = blur;
            paint.Color = lettering.Colour.WithAlpha((byte)(0.7f * alpha));
            canvas.DrawPath(text.Path, paint);
            paint.MaskFilter = null;
        }
        if (lettering.Outline is { } edge)
        {
            paint.Color = edge.WithAlpha(alpha);
            paint.IsStroke = true;
            paint.StrokeWidth = 2 * outline;
            paint.StrokeJoin = SKStrokeJoin.Round;
            canvas.DrawPath(text.Path, paint);
            paint.IsStroke = false;
        }
        paint.Color = lettering.Colour.WithAlpha(alpha);
        using var shader = lettering.Bottom is { } bottom
            ? SKShader.CreateLinearGradient(new SKPoint(0, text.Bounds.Top), new SKPoint(0, text.Bounds.Bottom),
                [lettering.Colour, bottom], SKShaderTileMode.Clamp)
            : null;
        paint.Shader = shader;
        canvas.DrawPath(text.Path, paint);
    }
}
