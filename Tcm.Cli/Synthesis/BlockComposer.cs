namespace Tcm.Cli.Synthesis;

/// <summary>A block before it has a place: its text, and how it is to be seen.</summary>
/// <param name="Text">Laid out.</param>
/// <param name="Style">Typography.</param>
/// <param name="Height">Wanted height of a capital letter in the scene, in pixels.</param>
/// <param name="OnPlate">On a sign rather than on the picture itself.</param>
internal sealed record ComposedBlock(TextBlock Text, TextStyle Style, float Height, bool OnPlate);

/// <summary>
/// Invents blocks of text: signs, single words, notices of many small lines, prices, lettering along curves, columns of
/// upright characters. Sizes follow ICDAR2015 (median height of a word 23 pixels, four fifths between 14 and 52).
/// </summary>
internal sealed class BlockComposer(FontLibrary fonts, TextLevel level)
{
    private enum Kind
    {
        Sign, Bare, Notice, Number, Curve, Column,
    }

    private readonly Script[] _foreign = [.. fonts.Scripts.Where(script => script != Script.Latin).Order()];

    /// <summary>A block, or null where the font that was drawn lacks a letter.</summary>
    public ComposedBlock? Compose(SceneRandom random)
    {
        bool lines = level == TextLevel.Line;
        var kind = (Kind)random.Weighted(lines ? [48, 30, 5, 5, 6, 6] : [42, 24, 11, 10, 8, 3]);
        var script = ChooseScript(kind, random);
        var face = fonts.Pick(script, random);
        var capitalisation = (Capitalisation)random.Weighted([45, 35, 20]);
        bool stroked = random.Chance(0.1f);
        var style = new TextStyle(face)
        {
            Flow = kind switch
            {
                Kind.Curve => random.Chance(0.75f) ? TextFlow.Arc : TextFlow.Wave,
                Kind.Column => TextFlow.Stacked,
                _ => TextFlow.Straight,
            },
            Stretch = random.Chance(0.25f) ? random.Between(0.75f, 1.3f) : 1,
            Slant = kind != Kind.Curve && kind != Kind.Column && random.Chance(0.1f) ? random.Between(-0.1f, 0.35f) : 0,
            Tracking = Joins(script) ? 0 : random.Chance(0.2f) ? random.Between(-0.5f, 14) : 0,
            LineGap = TextLayout.CapHeight * (random.Chance(0.8f) ? random.Between(0.2f, 0.7f) : random.Between(0.7f, 1.8f)),
            Alignment = 0.5f * random.Weighted([45, 45, 10]),
            Outline = stroked ? random.Between(1.2f, 4) : 0,
        };
        var text = Lines(kind, script, face, capitalisation, random);
        if (style.Flow is TextFlow.Arc or TextFlow.Wave)
        {
            style = style with { Bend = Bend(style.Flow, text[0], random) };
        }
        if (text.Any(line => line.Words.Any(word => !face.Covers(word.Visual)))
            || TextLayout.Build(text, style, level) is not { } block)
        {
            return null;
        }
        bool plate = kind is Kind.Sign or Kind.Notice || random.Chance(kind is Kind.Bare or Kind.Curve ? 0 : 0.4f);
        return new ComposedBlock(block, style, Height(kind, random), plate);
    }

    private static bool Joins(Script script) => script is Script.Arabic or Script.Devanagari or Script.Thai;

    private static bool IsRightToLeft(Script script) => script is Script.Arabic or Script.Hebrew;

    private float Height(Kind kind, SceneRandom random)
    {
        float median = (level == TextLevel.Line ? 1.7f : 1) * kind switch
        {
            Kind.Notice => 11,
            Kind.Curve => 24,
            Kind.Column => 26,
            _ => 20,
        };
        return Math.Clamp(median * MathF.Exp(random.Normal() * (kind == Kind.Notice ? 0.3f : 0.6f)), 6.5f, 260);
    }

    private Script ChooseScript(Kind kind, SceneRandom random)
    {
        bool lines = level == TextLevel.Line;
        float foreign = lines ? 0.45f : 0.16f;
        if (kind is Kind.Number || _foreign.Length == 0 || !random.Chance(foreign))
        {
            return Script.Latin;
        }
        // TD500 was photographed in China.
        if (_foreign.Contains(Script.Chinese) && random.Chance(lines ? 0.75f : 0.3f))
        {
            return Script.Chinese;
        }
        return random.Pick(_foreign);
    }

    private static List<TextLine> Lines(Kind kind, Script script, FontFace face, Capitalisation capitalisation,
        SceneRandom random)
    {
        bool dense = script is Script.Chinese or Script.Japanese;
        int count = kind switch
        {
            Kind.Sign => 1 + random.Weighted([40, 32, 18, 10]),
            Kind.Bare => 1 + random.Weighted([62, 28, 10]),
            Kind.Notice => random.Whole(3, 8),
            Kind.Column => dense ? random.Whole(1, 2) : 1,
            _ => 1,
        };
        var lines = new List<TextLine>();
        float scale = 1;
        for (int i = 0; i < count; i++)
        {
            // A second line is often smaller, and below foreign ones often its translation.
            scale = i > 0 && kind != Kind.Notice && random.Chance(0.4f) ? scale * random.Between(0.5f, 1) : scale;
            bool translated = i > 0 && script != Script.Latin && random.Chance(0.35f) && face.Covers(Lexicon.Sample(Script.Latin));
            var of = translated ? Script.Latin : script;
            int words = kind switch
            {
                Kind.Sign or Kind.Bare => 1 + random.Weighted(dense && !translated ? [85, 15] : [48, 34, 13, 5]),
                Kind.Notice => dense ? random.Whole(1, 3) : random.Whole(2, 5),
                Kind.Number => 1 + random.Weighted([75, 25]),
                Kind.Curve => dense ? 1 : random.Whole(1, 3),
                _ => 1,
            };
            if (random.Chance(0.25f))
            {
                capitalisation = (Capitalisation)random.Weighted([40, 40, 20]);
            }
            var line = new List<Word>();
            for (int word = 0; word < words; word++)
            {
                bool number = kind == Kind.Number || (of == Script.Latin && kind != Kind.Column && random.Chance(0.07f));
                line.Add(number ? Lexicon.Number(random) : Lexicon.Pick(of, capitalisation, random));
            }
            lines.Add(new TextLine(line, scale, IsRightToLeft(of)));
        }
        return lines;
    }

    /// <summary>Enough to be seen, little enough that letters do not run into each other.</summary>
    private static float Bend(TextFlow flow, TextLine line, SceneRandom random)
    {
        int letters = line.Words.Sum(word => word.Text.Length + 1);
        return flow == TextFlow.Arc
            ? (random.Chance(0.8f) ? 1 : -1) * random.Between(0.4f, Math.Min(3.6f, 0.17f * letters + 0.45f))
            : random.Sign() * TextLayout.CapHeight * random.Between(0.25f, Math.Min(0.9f, 0.07f * letters));
    }
}
