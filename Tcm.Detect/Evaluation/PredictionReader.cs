using System.Globalization;
using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Detect.Evaluation;

/// <summary>
/// Reads detections of others: a folder or zip of <c>res_NAME.txt</c> with lines <c>x1,y1,...,xn,yn[,score]</c>. An odd number
/// of values means that the last one is a score from 0 to 1; all detections have one, or none has. Thread-safe.
/// </summary>
public static class PredictionReader
{
    private const string Prefix = "res_";

    /// <summary>The detections of each picture; none where there is no file for it, as in the official protocol.</summary>
    /// <param name="path">Folder or zip.</param>
    /// <param name="images">The pictures that are judged.</param>
    /// <param name="partial">Whether these are a part of the dataset, so that files of others are to be passed over.</param>
    /// <exception cref="TcmException">Something cannot be read, or belongs to no picture; the message names the file, and the
    /// line of a bad detection.</exception>
    public static IReadOnlyList<IReadOnlyList<Detection>> Read(string path, IReadOnlyList<AnnotatedImage> images, bool partial = false)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(images);
        var found = images.Select(_ => (IReadOnlyList<Detection>)[]).ToArray();
        var files = new string?[images.Count];
        var places = Places(images);
        bool? scored = null;
        bool any = false;
        foreach (var file in LabelFiles.Read(path, name => name.EndsWith(".txt", StringComparison.OrdinalIgnoreCase)))
        {
            any = true;
            string name = Path.GetFileNameWithoutExtension(file.Name);
            name = PictureName.Stem(name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name);
            if (!places.TryGetValue(name, out int place))
            {
                if (!partial)
                {
                    throw new TcmException($"{file.Path}: the labels have no picture '{name}'; the first one they have is "
                        + $"'{PictureName.Stem(images[0].Name)}'");
                }
                continue;
            }
            if (files[place] is { } other)
            {
                throw new TcmException($"{file.Path}: picture '{name}' has detections already, in {other}");
            }
            files[place] = file.Path;
            found[place] = Parse(file.Path, file.ReadText(), ref scored);
        }
        return !any ? throw new TcmException($"{path}: no {Prefix}NAME.txt files")
            : files.All(f => f is null) ? throw new TcmException($"{path}: no file belongs to a picture of the labels, "
                + $"such as '{PictureName.Stem(images[0].Name)}'")
            : found;
    }

    private static Dictionary<string, int> Places(IReadOnlyList<AnnotatedImage> images)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < images.Count; i++)
        {
            string name = PictureName.Stem(images[i].Name);
            if (!places.TryAdd(name, i))
            {
                throw new TcmException($"the labels have several pictures '{name}', so that detections by name do not tell which is meant");
            }
        }
        return places;
    }

    private static List<Detection> Parse(string file, string content, ref bool? scored)
    {
        var found = new List<Detection>();
        int number = 0;
        foreach (string line in content.Split('\n'))
        {
            number++;
            string trimmed = line.Trim('\r', ' ', '\t');
            if (trimmed.Length == 0)
            {
                continue;
            }
            double[] values = [.. trimmed.Split(',').Select(field => Number(file, number, field))];
            if (values.Length < 6)
            {
                throw Bad(file, number, $"{values.Length} values, expected x1,y1,...,xn,yn and perhaps a score");
            }
            double? score = values.Length % 2 == 1 ? values[^1] : null;
            if (score is < 0 or > 1)
            {
                throw Bad(file, number, $"an odd number of values, of which the last one, {score}, is no score from 0 to 1");
            }
            if (scored is { } before && before != score is not null)
            {
                throw Bad(file, number, before ? "no score, which detections before have" : "a score, which detections before have not");
            }
            scored = score is not null;
            var corners = Enumerable.Range(0, values.Length / 2).Select(i => new Vector2((float)values[2 * i], (float)values[(2 * i) + 1]));
            found.Add(new Detection([.. corners], score));
        }
        return found;
    }

    private static double Number(string file, int line, string text) =>
        !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || double.IsNaN(value)
            ? throw Bad(file, line, $"'{text.Trim()}' is not a number")
            : LabelFormat.IsCoordinate(value) ? value : throw Bad(file, line, $"{text.Trim()} is outside of any picture");

    private static TcmException Bad(string file, int line, string reason) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{file}, line {line}: {reason}"));
}
