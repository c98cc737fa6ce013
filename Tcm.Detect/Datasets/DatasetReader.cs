using System.Globalization;
using System.Text.RegularExpressions;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>
/// Reads the labels of a dataset from a folder or a zip, in the natural order of names (img_2 before img_10). Thread-safe.
/// </summary>
public static partial class DatasetReader
{
    /// <summary>Selects every picture.</summary>
    public const string All = "all";

    /// <summary>Names of the datasets.</summary>
    public static IReadOnlyCollection<string> Names => DatasetFormats.Names;

    /// <summary>Reads a dataset.</summary>
    /// <param name="dataset">One of <see cref="Names"/>.</param>
    /// <param name="labels">Folder or zip of label files, or one such file.</param>
    /// <param name="images">Folder of pictures; null to read labels only.</param>
    /// <param name="select"><c>all</c>, <c>first:N</c>, <c>last:N</c>, or <c>-last:N</c> for all but the last N.</param>
    /// <exception cref="TcmException">Something is missing or makes no sense; the message names the file, and the line of a
    /// bad label.</exception>
    public static IReadOnlyList<AnnotatedImage> Read(string dataset, string labels, string? images = null, string select = All)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(select);
        var forms = DatasetFormats.Find(dataset);
        if (images is not null && !Directory.Exists(images))
        {
            throw new TcmException($"{images}: no such folder");
        }
        var pictures = new List<AnnotatedImage>();
        var labelled = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in LabelFiles.Read(labels, name => forms.Any(f => f.Reads(name))))
        {
            foreach (var (picture, texts) in Read(file, forms.First(f => f.Reads(file.Name))))
            {
                if (!labelled.TryAdd(picture, file.Path))
                {
                    throw new TcmException($"{file.Path}: picture {picture} has labels already, in {labelled[picture]}");
                }
                string? image = images is null ? null : PictureName.Locate(images, picture)
                    ?? throw new TcmException($"{file.Path}: no picture {picture} (.jpg, .png, ...) in {images}");
                pictures.Add(new AnnotatedImage(Path.GetFileName(image ?? picture), image, texts));
            }
        }
        if (pictures.Count == 0)
        {
            throw new TcmException($"{labels}: no {dataset} labels");
        }
        pictures.Sort((a, b) => NaturalOrder(a.Name, b.Name));
        return Select(pictures, select);
    }

    private static IEnumerable<PictureLabels> Read(LabelFile file, LabelFormat form)
    {
        using var pictures = form.Read(file).GetEnumerator();
        while (file.Guard(pictures.MoveNext))
        {
            yield return pictures.Current;
        }
    }

    private static IReadOnlyList<AnnotatedImage> Select(List<AnnotatedImage> pictures, string select)
    {
        if (select == All)
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
