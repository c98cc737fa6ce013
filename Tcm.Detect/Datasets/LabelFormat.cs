using System.Globalization;
using System.Numerics;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>What a label file says about one picture.</summary>
/// <param name="Picture">Its name below the folder of pictures; without extension where the labels do not tell it.</param>
/// <param name="Texts">Its texts, in the order of the file.</param>
internal readonly record struct PictureLabels(string Picture, IReadOnlyList<TextAnnotation> Texts);

/// <summary>One way in which a dataset writes its labels.</summary>
internal abstract class LabelFormat
{
    /// <summary>Far outside any picture, and far from where areas overflow.</summary>
    private const double MaxCoordinate = 1e7;

    /// <summary>Whether a number can be a coordinate in pixels: finite, and not absurd.</summary>
    public static bool IsCoordinate(double value) => Math.Abs(value) <= MaxCoordinate;

    /// <summary>Whether a file of this name holds labels of this form.</summary>
    public abstract bool Reads(string labelFile);

    /// <summary>Reads a file.</summary>
    /// <exception cref="TcmException">It makes no sense; the message names the file, and the line or the picture.</exception>
    public abstract IEnumerable<PictureLabels> Read(LabelFile file);

    /// <summary>Whether a name ends so, in capitals or not.</summary>
    protected static bool HasExtension(string name, string extension) =>
        name.EndsWith(extension, StringComparison.OrdinalIgnoreCase);

    /// <summary>A file name without extension and without the first of the prefixes that it has.</summary>
    protected static string Stem(string labelFile, params ReadOnlySpan<string> prefixes)
    {
        string name = Path.GetFileNameWithoutExtension(labelFile);
        foreach (string prefix in prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                return name[prefix.Length..];
            }
        }
        return name;
    }

    /// <summary>Lines that are not empty, with their numbers from 1.</summary>
    protected static IEnumerable<(int Number, string Text)> Lines(string content) => content.Split('\n')
        .Select((line, i) => (i + 1, line.Trim('\r', ' ', '\t'))).Where(l => l.Item2.Length > 0);

    /// <summary>A number of a label line.</summary>
    protected static float Number(string path, int line, string text) =>
        !float.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out float value) || float.IsNaN(value)
            ? throw Bad(path, line, $"'{text.Trim()}' is not a number")
            : IsCoordinate(value) ? value : throw Bad(path, line, $"{text.Trim()} is outside of any picture");

    /// <summary>x0, y0, x1, y1, ... as corners.</summary>
    protected static Vector2[] Corners(string path, int line, ReadOnlySpan<string> fields)
    {
        var corners = new Vector2[fields.Length / 2];
        for (int i = 0; i < corners.Length; i++)
        {
            corners[i] = new Vector2(Number(path, line, fields[2 * i]), Number(path, line, fields[(2 * i) + 1]));
        }
        return corners;
    }

    /// <summary>The error of a line.</summary>
    protected static TcmException Bad(string path, int line, string reason) => new($"{path}, line {line}: {reason}");
}
