using System.Collections.Concurrent;
using System.Text;
using SkiaSharp;

namespace Tcm.Cli.Synthesis;

/// <summary>A glyph in units of 1/256 em, y down from the baseline.</summary>
/// <param name="Path">Outline; shared between threads, so it is only read.</param>
/// <param name="Bounds">Tight around the ink; empty for a space.</param>
/// <param name="Advance">Distance to the next glyph's origin.</param>
internal sealed record GlyphOutline(SKPath Path, SKRect Bounds, float Advance);

/// <summary>
/// A typeface whose outlines are kept: FreeType holds one lock for all threads, and the same letters come again and again.
/// Glyphs are mapped one by one; there is no shaping beyond <see cref="ArabicShaper"/>. Thread-safe.
/// </summary>
internal sealed class FontFace
{
    /// <summary>Units per em of the outlines.</summary>
    public const float Em = 256;

    private readonly ConcurrentDictionary<int, GlyphOutline?> _glyphs = new();
    private readonly SKTypeface _typeface;
    private readonly SKFont _font;

    /// <summary>Takes over a typeface.</summary>
    public FontFace(SKTypeface typeface)
    {
        _typeface = typeface;
        _font = new SKFont(typeface, Em) { Hinting = SKFontHinting.None, Subpixel = true };
    }

    /// <summary>Family name, for grouping.</summary>
    public string Family => _typeface.FamilyName;

    /// <summary>The outline of a code point, or null where the font lacks it or has a bitmap.</summary>
    public GlyphOutline? Find(Rune rune) => _glyphs.GetOrAdd(rune.Value, Load);

    /// <summary>Whether every code point of the text can be drawn.</summary>
    public bool Covers(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (Find(rune) is not { } glyph || (glyph.Bounds.IsEmpty && !Rune.IsWhiteSpace(rune)))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Whether the character map knows every code point; cheaper than <see cref="Covers"/>.</summary>
    public bool Maps(string text)
    {
        lock (_font)
        {
            return _font.ContainsGlyphs(text);
        }
    }

    private GlyphOutline? Load(int code)
    {
        lock (_font)
        {
            ushort glyph = _font.GetGlyph(code);
            if (glyph == 0 || _font.GetGlyphPath(glyph) is not { } path)
            {
                return null;
            }
            return new GlyphOutline(path, path.IsEmpty ? SKRect.Empty : path.TightBounds, _font.GetGlyphWidths([glyph])[0]);
        }
    }
}
