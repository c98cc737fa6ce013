using System.Text;

namespace Tcm.Cli.Synthesis;

/// <summary>Scripts that scenes may show.</summary>
internal enum Script
{
    Latin, Chinese, Japanese, Hangul, Arabic, Hebrew, Devanagari, Thai, Cyrillic, Greek,
}

/// <summary>How the letters of a sign are capitalised.</summary>
internal enum Capitalisation
{
    Upper, Title, Lower,
}

/// <summary>A word to draw.</summary>
/// <param name="Text">What it says, in reading order.</param>
/// <param name="Visual">The characters to draw from left to right.</param>
internal readonly record struct Word(string Text, string Visual);

/// <summary>Words, numbers and random letters for signs.</summary>
internal static partial class Lexicon
{
    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const string Consonants = "bcdfghjklmnprstvwz";
    private const string Vowels = "aeiou";
    private static readonly string[] Currencies = ["$", "$", "$", "€", "£", "S$", "¥", "Rs."];

    /// <summary>Characters that a font must have to be used for a script.</summary>
    public static string Sample(Script script) => Samples[(int)script];

    /// <summary>A word; digits, codes and prices are asked for by <see cref="Number"/>.</summary>
    public static Word Pick(Script script, Capitalisation capitalisation, SceneRandom random)
    {
        switch (script)
        {
            case Script.Latin:
                return Plain(Latin(capitalisation, random));
            case Script.Chinese or Script.Japanese:
                return Plain(Ideographs(script, random));
            case Script.Arabic or Script.Hebrew:
                string word = random.Pick(Foreign[(int)script]);
                return new Word(word, ArabicShaper.Visual(word));
            case Script.Cyrillic or Script.Greek:
                return Plain(Capitalise(random.Pick(Foreign[(int)script]), capitalisation));
            default:
                return Plain(random.Pick(Foreign[(int)script]));
        }
    }

    /// <summary>A number, a price, a time, a code.</summary>
    public static Word Number(SceneRandom random) => Plain(random.Below(14) switch
    {
        0 => $"{random.Pick(Currencies)}{random.Whole(1, 99)}.{random.Pick(["00", "50", "90", "99", "95", "20"])}",
        1 => $"{random.Pick(Currencies)}{random.Whole(1, 2999)}",
        2 => $"{random.Whole(1, 19) * 5}%",
        3 => $"{random.Whole(0, 23):D2}:{random.Whole(0, 11) * 5:D2}",
        4 => $"{random.Whole(1, 12)}{random.Pick(["am", "pm", "AM", "PM"])}",
        5 => $"{Letters[random.Below(26)]}{random.Whole(1, 99)}",
        6 => $"#{random.Whole(1, 6):D2}-{random.Whole(1, 180):D2}",
        7 => $"{Random(Letters, random.Whole(2, 3), random)}{random.Whole(10, 9999)}",
        8 => $"{random.Whole(1980, 2026)}",
        9 => $"{random.Whole(6000, 9999)}{(random.Chance(0.5f) ? " " : "-")}{random.Whole(1000, 9999)}".Replace(' ', '-'),
        10 => $"{random.Whole(1, 31):D2}/{random.Whole(1, 12):D2}/{random.Whole(10, 26)}",
        11 => $"{random.Whole(1, 9)},{random.Whole(0, 999):D3}",
        12 => $"{random.Whole(100, 99999)}",
        _ => $"{random.Whole(0, 99)}",
    });

    private static Word Plain(string text) => new(text, text);

    private static string Latin(Capitalisation capitalisation, SceneRandom random)
    {
        float kind = random.Unit();
        if (kind < 0.05f)
        {
            return Random(Letters, random.Whole(2, 4), random);
        }
        if (kind < 0.12f)
        {
            return Capitalise(Syllables(random), capitalisation);
        }
        if (kind < 0.125f)
        {
            return $"www.{random.Pick(Words)}.{random.Pick(["com", "net", "org", "sg", "de"])}";
        }
        string word = Capitalise(random.Pick(kind < 0.16f ? Accented : Words), capitalisation);
        return random.Unit() switch
        {
            < 0.03f => word + ",",
            < 0.045f => word + ".",
            < 0.06f => word + "!",
            < 0.075f => word + ":",
            < 0.085f => word + "'s",
            _ => word,
        };
    }

    private static string Capitalise(string word, Capitalisation capitalisation) => capitalisation switch
    {
        Capitalisation.Upper => word.ToUpperInvariant(),
        Capitalisation.Lower => word,
        _ => char.ToUpperInvariant(word[0]) + word[1..],
    };

    private static string Syllables(SceneRandom random)
    {
        var word = new StringBuilder();
        for (int i = random.Whole(1, 4); i > 0; i--)
        {
            word.Append(Consonants[random.Below(Consonants.Length)]).Append(Vowels[random.Below(Vowels.Length)]);
            if (random.Chance(0.35f))
            {
                word.Append(Consonants[random.Below(Consonants.Length)]);
            }
        }
        return word.ToString();
    }

    private static string Ideographs(Script script, SceneRandom random)
    {
        if (random.Chance(0.75f))
        {
            return random.Pick(Foreign[(int)script]);
        }
        return Random(Sample(script), random.Whole(2, 6), random);
    }

    private static string Random(string alphabet, int length, SceneRandom random)
    {
        var text = new StringBuilder();
        for (int i = 0; i < length; i++)
        {
            text.Append(alphabet[random.Below(alphabet.Length)]);
        }
        return text.ToString();
    }
}
