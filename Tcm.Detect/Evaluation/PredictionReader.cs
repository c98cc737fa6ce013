using System.Globalization;
using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Detect.Evaluation;

/// <summary>
/// Reads detections of others: a folder or zip of <c>res_NAME.txt</c> with lines <c>x1,y1,...,xn,yn[,score]</c>. An odd number
/// of values means that the last one is a score.
/// </summary>
public static class PredictionReader
{
    /// <summary>The detections of each picture; none where there is no file for it.</summary>
    /// <exception cref="TcmException">Something cannot be read; the message names file and line.</exception>
    public static IReadOnlyList<IReadOnlyList<Detection>> Read(string path, IReadOnlyList<AnnotatedImage> images)
    {
        var byName = new Dictionary<string, IReadOnlyList<Detection>>(StringComparer.Ordinal);
        foreach (var file in LabelFiles.Read(path,
            name => name.EndsWith(".txt", StringComparison.OrdinalIgnoreCase)))
        {
            string name = Path.GetFileNameWithoutExtension(file.Name);
            byName[name.StartsWith("res_", StringComparison.Ordinal) ? name[4..] : name] = Parse(file.Path, file.ReadText());
        }
        if (byName.Count == 0)
        {
            throw new TcmException($"{path}: no res_NAME.txt files");
        }
        return [.. images.Select(i => byName.GetValueOrDefault(Path.GetFileNameWithoutExtension(i.Name), []))];
    }

    private static List<Detection> Parse(string file, string content)
    {
        var found = new List<Detection>();
        int number = 0;
        foreach (string line in content.Split('\n'))
        {
            number++;
            string trimmed = line.Trim('\r', ' ', '\uFEFF');
            if (trimmed.Length == 0)
            {
                continue;
            }
            double[] values = [.. trimmed.Split(',').Select(field =>
                double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out double v) && double.IsFinite(v) ? v
                    : throw new TcmException($"{file}, line {number}: '{field.Trim()}' is not a number"))];
            if (values.Length < 6)
            {
                throw new TcmException($"{file}, line {number}: {values.Length} values, expected x1,y1,...,xn,yn and perhaps a score");
            }
            var corners = Enumerable.Range(0, values.Length / 2).Select(i => new Vector2((float)values[2 * i], (float)values[(2 * i) + 1]));
            found.Add(new Detection([.. corners], values.Length % 2 == 1 ? values[^1] : null));
        }
        return found;
    }
}
