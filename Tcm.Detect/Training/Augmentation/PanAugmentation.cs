using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Kernels.Images;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// The PAN pipelines (training-and-eval.md section 5.2): colour jitter, a resize that is relative to the canvas, aspect jitter,
/// mirror, rotation on the same canvas, and a window of the canvas's size that mostly shows text. Thread-safe.
/// </summary>
/// <remarks>
/// As in <see cref="DbAugmentation"/> the picture is interpolated once, where the reference takes nearest pixels after a rotation;
/// labels are moved as polygons and drawn afterwards, where the reference rotates and cuts the drawn maps.
/// </remarks>
internal static class PanAugmentation
{
    /// <summary>Share of windows that look for text.</summary>
    private const double TextShare = 5.0 / 8;

    /// <inheritdoc cref="DbAugmentation.Apply"/>
    public static IReadOnlyList<TextAnnotation> Apply(Sample sample, AugmentationSection options,
        ChannelNormalization normalization, SeededRandom random, Span<float> canvas)
    {
        if (!options.Enabled)
        {
            return DbAugmentation.Apply(sample, options, normalization, random, canvas);
        }
        int side = options.Side;
        var color = ColorJitter.Draw(options, ref random);
        double scale = random.Range(options.Scale[0], options.Scale[1]) * side / Math.Min(sample.Image.Width, sample.Image.Height);
        double aspect = Math.Exp(random.Range(-Math.Log(options.Aspect), Math.Log(options.Aspect)) / 2);
        double width = Math.Max(1, sample.Image.Width * scale / aspect), height = Math.Max(1, sample.Image.Height * scale * aspect);
        float scaleX = (float)(width / sample.Image.Width), scaleY = (float)(height / sample.Image.Height);
        // The first pixel's outer edge stays where it is; centres of pixels lie on whole numbers.
        var resized = new Matrix3x2(scaleX, 0, 0, scaleY, (scaleX - 1) / 2, (scaleY - 1) / 2);
        var center = new Vector2((float)(width - 1) / 2, (float)(height - 1) / 2);
        if (random.NextDouble() < options.Flip)
        {
            resized *= Matrix3x2.CreateScale(-1, 1, center);
        }
        resized *= Matrix3x2.CreateRotation((float)(random.Range(-options.Rotation, options.Rotation) * Math.PI / 180), center);
        var care = sample.Texts.Where(t => !t.Ignored).SelectMany(t => t.Polygon).Select(p => Vector2.Transform(p, resized)).ToList();
        bool atText = random.NextDouble() < TextShare && care.Count > 0;
        double left = Start(care.Select(p => p.X), atText, width - side, side, ref random);
        double top = Start(care.Select(p => p.Y), atText, height - side, side, ref random);
        var toCanvas = resized * Matrix3x2.CreateTranslation((float)-left, (float)-top);
        int usedWidth = (int)Math.Min(side, width), usedHeight = (int)Math.Min(side, height);
        AffineSampler.Sample(sample.Image, toCanvas, color, normalization, usedWidth, usedHeight, side, canvas);
        var texts = new List<TextAnnotation>(sample.Texts.Count);
        foreach (var text in sample.Texts)
        {
            Vector2[] polygon = [.. text.Polygon.Select(p => Vector2.Transform(p, toCanvas))];
            if (polygon.Max(p => p.X) > 0 && polygon.Min(p => p.X) < usedWidth && polygon.Max(p => p.Y) > 0
                && polygon.Min(p => p.Y) < usedHeight)
            {
                texts.Add(text with { Polygon = polygon });
            }
        }
        return texts;
    }

    /// <summary>Where the window begins along one axis: it reaches over the first text's begin, and not past the last one's end.</summary>
    private static double Start(IEnumerable<float> places, bool atText, double room, int side, ref SeededRandom random)
    {
        room = Math.Max(0, room);
        double least = 0, most = room;
        if (atText)
        {
            least = Math.Clamp(places.Min() - side, 0, room);
            most = Math.Clamp(places.Max() - side, least, room);
        }
        return random.Range(least, most);
    }
}
