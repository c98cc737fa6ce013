using System.Text;
using SkiaSharp;
using Tcm.Kernels;

namespace Tcm.Cli.Synthesis;

/// <summary>
/// The fonts of a machine, by the script that they cover. Folders are searched rather than Skia's font manager asked, which on
/// Linux without fontconfig knows no font; the order is that of the paths, so that a number means the same font every time.
/// Thread-safe.
/// </summary>
internal sealed class FontLibrary
{
    // Families with several styles are made for reading; single ones are mostly lettering, of which a machine may have hundreds.
    private const float TextFamilyShare = 0.7f;

    // Collections of CJK faces hold the same Latin and the same ideographs for one country after the other.
    private const int MaxFacesOfFile = 5;

    private readonly Dictionary<Script, Families> _families = [];

    /// <summary>Searches folders.</summary>
    /// <param name="folders">Searched with those below; empty means the folders of the system.</param>
    /// <exception cref="TcmException">A folder is missing, or no font covers Latin letters.</exception>
    public FontLibrary(IReadOnlyList<string> folders)
    {
        foreach (string missing in folders.Where(folder => !Directory.Exists(folder)))
        {
            throw new TcmException($"{missing}: there is no such folder of fonts");
        }
        var searched = folders.Count > 0 ? folders : [.. SystemFolders().Where(Directory.Exists)];
        var faces = searched.SelectMany(FontFiles).Distinct().Order(StringComparer.Ordinal).SelectMany(Open).ToList();
        foreach (var script in Enum.GetValues<Script>())
        {
            var covering = faces.Where(face => Covers(face, script)).GroupBy(face => face.Family)
                .Select(family => family.ToArray()).ToList();
            if (covering.Count > 0)
            {
                _families[script] = new Families([.. covering.Where(f => f.Length > 1)], [.. covering.Where(f => f.Length == 1)]);
                FaceCount = Math.Max(FaceCount, covering.Sum(f => f.Length));
            }
        }
        if (!_families.ContainsKey(Script.Latin))
        {
            throw new TcmException($"no font with Latin letters in {(searched.Count == 0 ? "the system's folders"
                : string.Join(", ", searched))}: install some (Debian: fonts-dejavu-core, fonts-liberation2, fonts-noto-core), "
                + "or name a folder of .ttf or .otf files with --fonts");
        }
    }

    /// <summary>The largest number of faces that a script has.</summary>
    public int FaceCount { get; }

    /// <summary>Scripts that some font covers; Latin always.</summary>
    public IReadOnlyCollection<Script> Scripts => _families.Keys;

    /// <summary>A face for a script that is among <see cref="Scripts"/>.</summary>
    public FontFace Pick(Script script, SceneRandom random)
    {
        var (text, lettering) = _families[script];
        bool reading = lettering.Length == 0 || (text.Length > 0 && random.Chance(TextFamilyShare));
        return random.Pick(random.Pick(reading ? text : lettering));
    }

    private static bool Covers(FontFace face, Script script) =>
        face.Maps(Lexicon.Sample(script)) && face.Covers(Lexicon.Sample(script)) && (script != Script.Latin || LooksLatin(face));

    /// <summary>Sorts out pictographs on the keys of letters: they have neither narrow letters nor low ones.</summary>
    private static bool LooksLatin(FontFace face)
    {
        SKRect Ink(char letter) => face.Find(new Rune(letter))!.Bounds;
        var (tall, low) = (Ink('H'), Ink('x'));
        return Ink('i').Width < 0.8f * Ink('m').Width && Ink('I').Width < 0.95f * Ink('W').Width
            && low.Height < 1.15f * tall.Height && low.Height > 0.3f * tall.Height && tall.Height is > 0.3f * FontFace.Em
                and < 1.2f * FontFace.Em
            && Ink('.').Height < 0.6f * tall.Height;
    }

    private static IEnumerable<string> SystemFolders()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return
        [
            "/usr/share/fonts", "/usr/local/share/fonts", Path.Combine(home, ".fonts"), Path.Combine(home, ".local/share/fonts"),
            "/System/Library/Fonts", "/Library/Fonts", Environment.GetFolderPath(Environment.SpecialFolder.Fonts),
        ];
    }

    private static IEnumerable<string> FontFiles(string folder) => Directory.EnumerateFiles(folder, "*",
            new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true })
        .Where(path => Path.GetExtension(path).ToLowerInvariant() is ".ttf" or ".otf" or ".ttc" or ".otc")
        .Select(Path.GetFullPath);

    private static IEnumerable<FontFace> Open(string path)
    {
        int faces = Path.GetExtension(path).ToLowerInvariant() is ".ttc" or ".otc" ? MaxFacesOfFile : 1;
        for (int i = 0; i < faces && SKTypeface.FromFile(path, i) is { } typeface; i++)
        {
            yield return new FontFace(typeface);
        }
    }

    /// <summary>Families with several styles, and those with one.</summary>
    private sealed record Families(FontFace[][] Text, FontFace[][] Lettering);
}
