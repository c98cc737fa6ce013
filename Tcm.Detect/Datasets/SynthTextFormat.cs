using System.Numerics;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>
/// SynthText: <c>gt.mat</c> with cells for each picture: <c>imnames</c>, <c>charBB</c> (2 x 4 x characters: the corners of their
/// boxes, clockwise from the upper left) and <c>txt</c> (rows of words that blanks and line ends separate). A word's outline
/// follows the upper edges of its characters and returns along the lower ones. Nothing is don't care.
/// </summary>
/// <remarks>Outlines have whole coordinates, cut off as the reference does. All 858,750 pictures take some gigabytes.</remarks>
internal sealed class SynthTextFormat : LabelFormat
{
    private const int BoxValues = 8;

    /// <inheritdoc/>
    public override bool Reads(string labelFile) => HasExtension(labelFile, ".mat");

    /// <inheritdoc/>
    public override IEnumerable<PictureLabels> Read(LabelFile file)
    {
        var mat = new MatFile(file.Path, file.Open);
        foreach (var (name, boxes, text) in mat.Cells("imnames").Zip(mat.Cells("charBB"), mat.Cells("txt")))
        {
            string picture = name.Text ?? throw new TcmException($"{file.Path}: imnames holds something that is no name");
            string[] words = [.. text.TextRows().SelectMany(r => r.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))];
            if (boxes.Numbers is not { } values || values.Length != BoxValues * words.Sum(w => w.Length))
            {
                throw new TcmException($"{file.Path}: {picture} has {words.Sum(w => w.Length)} characters in txt, "
                    + $"{(boxes.Numbers?.Length ?? 0) / BoxValues} in charBB");
            }
            if (!values.All(IsCoordinate))
            {
                throw new TcmException($"{file.Path}: {picture} has characters outside of any picture");
            }
            yield return new PictureLabels(picture, Outlines(words, values));
        }
    }

    private static List<TextAnnotation> Outlines(string[] words, double[] boxes)
    {
        var texts = new List<TextAnnotation>(words.Length);
        int first = 0;
        foreach (string word in words)
        {
            int count = word.Length;
            var outline = new Vector2[4 * count];
            for (int i = 0; i < count; i++)
            {
                var box = boxes.AsSpan(BoxValues * (first + i), BoxValues);
                outline[2 * i] = Corner(box, 0);
                outline[(2 * i) + 1] = Corner(box, 1);
                outline[^((2 * i) + 2)] = Corner(box, 2);
                outline[^((2 * i) + 1)] = Corner(box, 3);
            }
            texts.Add(new TextAnnotation(outline, Ignored: false, word));
            first += count;
        }
        return texts;
    }

    private static Vector2 Corner(ReadOnlySpan<double> box, int corner) =>
        new((float)Math.Truncate(box[2 * corner]), (float)Math.Truncate(box[(2 * corner) + 1]));
}
