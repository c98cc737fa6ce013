using System.Globalization;
using System.Numerics;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>One way in which a dataset writes its labels: a text file for each picture.</summary>
internal abstract class LabelFormat
{
    /// <summary>The picture that a label file belongs to, without extension; null when the file holds no labels.</summary>
    public abstract string? PictureOf(string labelFile);

    /// <summary>Reads the texts of one file.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="content">The file's text, without byte order mark.</param>
    /// <exception cref="TcmException">A line makes no sense; the message names file and line.</exception>
    public abstract IReadOnlyList<TextAnnotation> Parse(string path, string content);

    /// <summary>Lines that are not empty, with their numbers from 1.</summary>
    protected static IEnumerable<(int Number, string Text)> Lines(string content) => content.Split('\n')
        .Select((line, i) => (i + 1, line.Trim('\r', ' ', '\t'))).Where(l => l.Item2.Length > 0);

    /// <summary>A number of a label line.</summary>
    protected static float Number(string path, int line, string text) =>
        float.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && float.IsFinite(value)
            ? value : throw Bad(path, line, $"'{text.Trim()}' is not a number");

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
