using System.Numerics;
using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Cli.Output;
using Tcm.Detect.Datasets;
using Tcm.Detect.Evaluation;

namespace Tcm.Cli.Evaluation;

/// <summary>Draws what an evaluation found over the pictures: hits green, false positives red, misses orange, ignored grey.</summary>
internal sealed class MistakePainter
{
    public static readonly SKColor Hit = new(0, 220, 60), FalsePositive = new(240, 20, 20), Missed = new(255, 150, 0),
        Ignored = new(160, 160, 160);

    private readonly string _folder;

    /// <summary>Creates the folder if it is not there.</summary>
    /// <exception cref="OutputException">It cannot be created.</exception>
    public MistakePainter(string folder)
    {
        _folder = folder;
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OutputException($"{folder}: the folder cannot be created", e);
        }
    }

    /// <summary>One PNG for each picture; its name begins with the F-measure, so that the worst come first in a listing.</summary>
    public void Paint(IReadOnlyList<AnnotatedImage> pictures, EvaluationResult result)
    {
        foreach (var (picture, judged) in pictures.Zip(result.Images))
        {
            using var bitmap = Bitmaps.From(ImageFile.Read(picture.ImagePath!));
            using (var canvas = new SKCanvas(bitmap))
            {
                foreach (var text in picture.Texts.Where(t => t.Ignored))
                {
                    Outline(canvas, text.Polygon, Ignored);
                }
                foreach (var missed in judged.Missed)
                {
                    Outline(canvas, missed, Missed);
                }
                foreach (var (detection, verdict) in judged.Detections)
                {
                    Outline(canvas, detection.Polygon, verdict switch
                    {
                        Verdict.Hit => Hit,
                        Verdict.FalsePositive => FalsePositive,
                        _ => Ignored,
                    });
                }
            }
            string name = $"{(int)(1000 * judged.Hmean):D4}-{Path.GetFileNameWithoutExtension(picture.Name)}.png";
            Bitmaps.Save(bitmap, Path.Combine(_folder, name), SKEncodedImageFormat.Png);
        }
    }

    /// <summary>Draws an outline whose coordinates are of the centres of pixels.</summary>
    public static void Outline(SKCanvas canvas, IReadOnlyList<Vector2> polygon, SKColor color)
    {
        using var paint = new SKPaint { Color = color, Style = SKPaintStyle.Stroke, StrokeWidth = 2, IsAntialias = true };
        using var builder = new SKPathBuilder();
        builder.MoveTo(polygon[0].X + 0.5f, polygon[0].Y + 0.5f);
        foreach (var point in polygon.Skip(1))
        {
            builder.LineTo(point.X + 0.5f, point.Y + 0.5f);
        }
        builder.Close();
        using var path = builder.Detach();
        canvas.DrawPath(path, paint);
    }
}
