using System.Text;
using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>How the lines of a block run.</summary>
internal enum TextFlow
{
    /// <summary>Straight lines, one under the other.</summary>
    Straight,

    /// <summary>One line along an arc of a circle.</summary>
    Arc,

    /// <summary>One line along a wave.</summary>
    Wave,

    /// <summary>Upright characters one below the other.</summary>
    Stacked,
}

/// <summary>Typography of a block; lengths in block units, of which a capital letter has <see cref="TextLayout.CapHeight"/>.</summary>
internal sealed record TextStyle(FontFace Face)
{
    /// <summary>How the lines run.</summary>
    public TextFlow Flow { get; init; }

    /// <summary>Horizontal stretch of the letters.</summary>
    public float Stretch { get; init; } = 1;

    /// <summary>Shear of a synthetic italic; straight flow only.</summary>
    public float Slant { get; init; }

    /// <summary>Added between letters.</summary>
    public float Tracking { get; init; }

    /// <summary>Between the ink of two lines.</summary>
    public float LineGap { get; init; } = 12;

    /// <summary>0 left, 0.5 centred, 1 right.</summary>
    public float Alignment { get; init; }

    /// <summary>How far an outline reaches beyond the letters.</summary>
    public float Outline { get; init; }

    /// <summary>Of an arc, the whole angle in radians (positive: the middle is highest); of a wave, its height.</summary>
    public float Bend { get; init; }
}

/// <summary>A line of words, with its size relative to the block's.</summary>
internal sealed record TextLine(IReadOnlyList<Word> Words, float Scale, bool RightToLeft = false);

/// <summary>A labelled piece of a block: its outline in block units, clockwise from the upper left corner.</summary>
internal sealed record PlacedText(string Text, SKPoint[] Polygon);

/// <summary>Laid-out text in block units.</summary>
/// <param name="Path">All letters.</param>
/// <param name="Texts">One a word or one a line.</param>
/// <param name="Bounds">Around letters and polygons.</param>
internal sealed record TextBlock(SKPath Path, IReadOnlyList<PlacedText> Texts, SKRect Bounds);

/// <summary>
/// Turns words into outlines and the polygons around them. A polygon is tight around the ink: from the top of the highest
/// letter to the bottom of the lowest, the outline stroke included; along a curve it has n points above and n below.
/// </summary>
internal static class TextLayout
{
    /// <summary>Height of a capital letter at scale 1, in block units.</summary>
    public const float CapHeight = 32;

    // Smallest share of the capital height between the ink of two words, whatever a font says of its space.
    private const float LeastSpace = 0.28f;

    /// <summary>Lays out a block; null where the font lacks a letter or nothing has ink.</summary>
    public static TextBlock? Build(IReadOnlyList<TextLine> lines, TextStyle style, TextLevel level)
    {
        var set = new List<SetLine>();
        foreach (var line in lines)
        {
            if (Set(line, style) is not { } done)
            {
                return null;
            }
            set.Add(done);
        }
        using var builder = new SKPathBuilder();
        var texts = new List<PlacedText>();
        if (style.Flow is TextFlow.Arc or TextFlow.Wave)
        {
            CurvedLine(set[0], style, level, builder, texts);
        }
        else
        {
            StraightLines(set, style, level, builder, texts);
        }
        var path = builder.Detach();
        var bounds = path.TightBounds;
        foreach (var point in texts.SelectMany(text => text.Polygon))
        {
            bounds.Union(new SKRect(point.X, point.Y, point.X, point.Y));
        }
        return new TextBlock(path, texts, bounds);
    }

    /// <summary>Puts the glyphs of a line side by side (or below each other), from x = 0 on the baseline y = 0.</summary>
    private static SetLine? Set(TextLine line, TextStyle style)
    {
        float size = Size(style.Face, line) * line.Scale;
        if (size == 0)
        {
            return null;
        }
        float space = Math.Max((style.Face.Find(new Rune(' '))?.Advance ?? 0) * size * style.Stretch,
            LeastSpace * CapHeight * line.Scale) + 2 * style.Outline;
        var words = new List<SetWord>();
        float pen = 0;
        foreach (var word in line.RightToLeft ? line.Words.Reverse() : line.Words)
        {
            var glyphs = new List<SetGlyph>();
            var ink = SKRect.Empty;
            float start = pen;
            foreach (var rune in word.Visual.EnumerateRunes())
            {
                if (style.Face.Find(rune) is not { } glyph)
                {
                    return null;
                }
                bool stacked = style.Flow == TextFlow.Stacked;
                float x = stacked ? -glyph.Bounds.MidX * size : pen;
                float y = stacked ? pen - glyph.Bounds.Top * size : 0;
                var matrix = new SKMatrix(size * style.Stretch, -style.Slant * size, x, 0, size, y, 0, 0, 1);
                var box = Ink(glyph, matrix, style.Slant != 0);
                if (!box.IsEmpty)
                {
                    ink = ink.IsEmpty ? box : SKRect.Union(ink, box);
                }
                pen += stacked ? glyph.Bounds.Height * size + 0.22f * CapHeight + style.Tracking
                    : glyph.Advance * size * style.Stretch + style.Tracking;
                glyphs.Add(new SetGlyph(glyph, matrix, glyph.Advance * size * style.Stretch));
            }
            if (ink.IsEmpty)
            {
                return null;
            }
            words.Add(new SetWord(word.Text, glyphs, ink));
            // Letters that reach beyond their advance must not touch the next word.
            pen = Math.Max(pen + space, (style.Flow == TextFlow.Stacked ? ink.Bottom : ink.Right) + space);
        }
        if (line.RightToLeft)
        {
            words.Reverse();
        }
        return new SetLine(words, words.Select(word => word.Ink).Aggregate(SKRect.Union));
    }

    private static void StraightLines(List<SetLine> lines, TextStyle style, TextLevel level, SKPathBuilder builder,
        List<PlacedText> texts)
    {
        bool columns = style.Flow == TextFlow.Stacked;
        float widest = lines.Max(line => line.Ink.Width);
        float at = 0;
        foreach (var line in lines)
        {
            float dx = columns ? at - line.Ink.Left : style.Alignment * (widest - line.Ink.Width) - line.Ink.Left;
            float dy = columns ? 0 : at - line.Ink.Top;
            foreach (var word in line.Words)
            {
                foreach (var glyph in word.Glyphs)
                {
                    var matrix = glyph.Matrix.PostConcat(SKMatrix.CreateTranslation(dx, dy));
                    builder.AddPath(glyph.Outline.Path, in matrix);
                }
                if (level == TextLevel.Word)
                {
                    texts.Add(new PlacedText(word.Text, Box(word.Ink, dx, dy, style.Outline)));
                }
            }
            if (level == TextLevel.Line)
            {
                texts.Add(new PlacedText(line.Text, Box(line.Ink, dx, dy, style.Outline)));
            }
            at += (columns ? line.Ink.Width : line.Ink.Height) + style.LineGap + 2 * style.Outline;
        }
    }

    private static void CurvedLine(SetLine line, TextStyle style, TextLevel level, SKPathBuilder builder, List<PlacedText> texts)
    {
        var curve = new Baseline(style.Flow, line.Ink, line.Words.Max(word => word.WidestGlyph), style.Bend);
        foreach (var word in line.Words)
        {
            foreach (var glyph in word.Glyphs)
            {
                float middle = glyph.Matrix.TransX + glyph.Advance / 2;
                var (point, angle) = curve.At(middle);
                var matrix = SKMatrix.CreateTranslation(point.X, point.Y)
                    .PreConcat(SKMatrix.CreateRotation(angle))
                    .PreConcat(SKMatrix.CreateTranslation(-middle, 0))
                    .PreConcat(glyph.Matrix);
                builder.AddPath(glyph.Outline.Path, in matrix);
            }
            if (level == TextLevel.Word)
            {
                texts.Add(new PlacedText(word.Text, curve.Band(word.Ink, word.WidestGlyph, style.Outline)));
            }
        }
        if (level == TextLevel.Line)
        {
            texts.Add(new PlacedText(line.Text,
                curve.Band(line.Ink, line.Words.Max(word => word.WidestGlyph), style.Outline)));
        }
    }

    private static SKPoint[] Box(SKRect ink, float dx, float dy, float grow)
    {
        ink.Offset(dx, dy);
        ink.Inflate(grow, grow);
        return Homography.Corners(ink);
    }

    private static SKRect Ink(GlyphOutline glyph, SKMatrix matrix, bool slanted)
    {
        if (glyph.Bounds.IsEmpty)
        {
            return SKRect.Empty;
        }
        if (!slanted)
        {
            return matrix.MapRect(glyph.Bounds);
        }
        using var builder = new SKPathBuilder();
        builder.AddPath(glyph.Path, in matrix);
        using var path = builder.Detach();
        return path.TightBounds;
    }

    /// <summary>Block units for a unit of the font, so that a capital has the right height; scripts without go by their ink.</summary>
    private static float Size(FontFace face, TextLine line)
    {
        float tallest = 0;
        foreach (var rune in line.Words[0].Visual.EnumerateRunes())
        {
            tallest = Math.Max(tallest, face.Find(rune)?.Bounds.Height ?? 0);
        }
        float capital = face.Find(new Rune('H'))?.Bounds.Height ?? 0;
        bool latin = line.Words[0].Visual.Any(c => c < 0x530);
        return latin && capital > 0 ? CapHeight / capital : tallest > 0 ? CapHeight / tallest : 0;
    }

    private sealed record SetGlyph(GlyphOutline Outline, SKMatrix Matrix, float Advance);

    private sealed record SetWord(string Text, List<SetGlyph> Glyphs, SKRect Ink)
    {
        public float WidestGlyph => Glyphs.Max(glyph => glyph.Advance);
    }

    private sealed record SetLine(List<SetWord> Words, SKRect Ink)
    {
        public string Text => string.Join(' ', Words.Select(word => word.Text));
    }

    /// <summary>A curved baseline: where the letters of a line at x stand, and how they are turned.</summary>
    private sealed class Baseline(TextFlow flow, SKRect line, float widestGlyph, float bend)
    {
        // Above this product of curvature and height, the inner edge of a band would shrink to nothing and cross itself.
        private const float SharpestTurn = 0.5f;

        private readonly float _sharpest = SharpestTurn
            / (Math.Max(Math.Abs(line.Top), Math.Abs(line.Bottom)) + widestGlyph / 4);

        // Of a circle, positive where its centre is below the text.
        private float Radius => MathF.CopySign(Math.Max(line.Width / Math.Abs(bend), 1 / _sharpest), bend);

        private float Amplitude => MathF.CopySign(
            Math.Min(Math.Abs(bend), _sharpest * MathF.Pow(line.Width / MathF.Tau, 2)), bend);

        public (SKPoint Point, float Angle) At(float x)
        {
            float along = x - line.MidX;
            if (flow == TextFlow.Arc)
            {
                float angle = along / Radius;
                var (sin, cos) = MathF.SinCos(angle);
                return (new SKPoint(Radius * sin, Radius * (1 - cos)), angle);
            }
            float phase = MathF.Tau * along / line.Width;
            float slope = Amplitude * MathF.Tau / line.Width * MathF.Cos(phase);
            return (new SKPoint(along, Amplitude * MathF.Sin(phase)), MathF.Atan(slope));
        }

        /// <summary>The band from the ink's top to its bottom: n points along the top, then n back along the bottom.</summary>
        public SKPoint[] Band(SKRect ink, float widest, float grow)
        {
            float curvature = flow == TextFlow.Arc ? 1 / Math.Abs(Radius)
                : Math.Abs(Amplitude) * MathF.Pow(MathF.Tau / line.Width, 2);
            // Letters are rigid: their corners leave the curve by the sagitta of their width.
            float sagitta = widest * widest * curvature / 8;
            float turn = ink.Width * curvature;
            int points = Math.Clamp(2 + (int)MathF.Ceiling(turn / 0.25f), 4, 14);
            float top = ink.Top - grow - sagitta, bottom = ink.Bottom + grow + sagitta;
            var band = new SKPoint[2 * points];
            for (int i = 0; i < points; i++)
            {
                float x = ink.Left - grow + (ink.Width + 2 * grow) * i / (points - 1);
                var (point, angle) = At(x);
                var (sin, cos) = MathF.SinCos(angle);
                band[i] = new SKPoint(point.X - sin * top, point.Y + cos * top);
                band[^(i + 1)] = new SKPoint(point.X - sin * bottom, point.Y + cos * bottom);
            }
            return band;
        }
    }
}
