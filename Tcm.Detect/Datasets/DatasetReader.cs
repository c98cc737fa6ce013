using System.Globalization;
using System.Text.RegularExpressions;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>Reads the labels of a dataset from a folder or a zip, in the natural order of names (img_2 before img_10).</summary>
public static partial class DatasetReader
{
    private static readonly Dictionary<string, LabelFormat[]> Formats = new(StringComparer.OrdinalIgnoreCase)
    {
        ["icdar2013"] = [new Icdar2013Format()],
        ["icdar2015"] = [new Icdar2015Format()],
        ["mlt2017"] = [new Mlt2017Format()],
        ["td500"] = [new Td500Format(), new PolygonFlagFormat()],
        ["tr400"] = [new PolygonFlagFormat()],
        ["ctw1500"] = [new Ctw1500XmlFormat(), new Ctw1500TextFormat()],
        ["totaltext"] = [new TotalTextMatFormat(), new TotalTextFormat()],
        ["synthtext"] = [new SynthTextFormat()],
        ["curvedsyntext"] = [new CurvedSynTextFormat()],
        ["jsonl"] = [new JsonLinesFormat()],
    };

    private static readonly string[] Extensions = [".jpg", ".JPG", ".jpeg", ".png", ".PNG", ".gif", ".bmp", ".webp"];

    /// <summary>Names of the label formats.</summary>
    public static IReadOnlyCollection<string> Names => Formats.Keys;

    /// <summary>Reads a dataset.</summary>
    /// <param name="format">One of <see cref="Names"/>.</param>
    /// <param name="labels">Folder or zip of label files, or one such file.</param>
    /// <param name="images">Folder of pictures; null to read labels only.</param>
    /// <param name="select"><c>all</c>, <c>first:N</c>, <c>last:N</c>, or <c>-last:N</c> for all but the last N.</param>
    /// <exception cref="TcmException">Something is missing or makes no sense; the message names the file, and the line of a
    /// bad label.</exception>
    public static IReadOnlyList<AnnotatedImage> Read(string format, string labels, string? images = null, string select = "all")
    {
        if (!Formats.TryGetValue(format, out var forms))
        {
            throw new TcmException($"unknown dataset format '{format}'; known: {string.Join(", ", Names)}");
        }
        if (images is not null && !Directory.Exists(images))
        {
            throw new TcmException($"{images}: no such folder");
        }
        var pictures = new List<AnnotatedImage>();
        var labelled = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in LabelFiles.Read(labels, name => forms.Any(f => f.Reads(name))))
        {
            foreach (var (picture, texts) in forms.First(f => f.Reads(file.Name)).Read(file))
            {
                if (!labelled.TryAdd(picture, file.Path))
                {
                    throw new TcmException($"{file.Path}: picture {picture} has labels already, in {labelled[picture]}");
                }
                string? image = images is null ? null : Locate(images, picture)
                    ?? throw new TcmException($"{file.Path}: no picture {picture} (.jpg, .png, ...) in {images}");
                pictures.Add(new AnnotatedImage(Path.GetFileName(image ?? picture), image, texts));
            }
        }
        if (pictures.Count == 0)
        {
            throw new TcmException($"{labels}: no {format} labels");
        }
        pictures.Sort((a, b) => NaturalOrder(a.Name, b.Name));
        return Select(pictures, select);
    }

    /// <summary>Labels tell the whole name of a picture, or leave out its extension.</summary>
    private static string? Locate(string images, string picture)
    {
        string path = Path.Combine(images, picture);
        return File.Exists(path) ? path : Extensions.Select(e => path + e).FirstOrDefault(File.Exists);
    }

    private static IReadOnlyList<AnnotatedImage> Select(List<AnnotatedImage> pictures, string select)
    {
        if (select == "all")
        {
            return pictures;
        }
        var match = Selection().Match(select);
        if (!match.Success || !int.TryParse(match.Groups[2].Value, CultureInfo.InvariantCulture, out int count))
        {
            throw new TcmException($"select '{select}': expected all, first:N, last:N or -last:N");
        }
        count = Math.Min(count, pictures.Count);
        return match.Groups[1].Value switch
        {
            "first" => pictures.GetRange(0, count),
            "last" => pictures.GetRange(pictures.Count - count, count),
            _ => pictures.GetRange(0, pictures.Count - count),
        };
    }

    /// <summary>Compares runs of digits as numbers.</summary>
    private static int NaturalOrder(string a, string b)
    {
        string[] x = Digits().Split(a), y = Digits().Split(b);
        for (int i = 0; i < Math.Min(x.Length, y.Length); i++)
        {
            bool numbers = long.TryParse(x[i], CultureInfo.InvariantCulture, out long m)
                & long.TryParse(y[i], CultureInfo.InvariantCulture, out long n);
            int order = numbers ? m.CompareTo(n) : string.CompareOrdinal(x[i], y[i]);
            if (order != 0)
            {
                return order;
            }
        }
        return x.Length != y.Length ? x.Length.CompareTo(y.Length) : string.CompareOrdinal(a, b);
    }

    [GeneratedRegex(@"^(first|last|-last):(\d+)$")]
    private static partial Regex Selection();

    [GeneratedRegex(@"(\d+)")]
    private static partial Regex Digits();
}
