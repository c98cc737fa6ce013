using System.Numerics;
using SkiaSharp;
using Tcm.Cli.Output;
using Tcm.Detect;

namespace Tcm.Cli.Images;

/// <summary>Draws regions over their picture, and chooses the names of the drawn pictures.</summary>
internal sealed class RegionPainter
{
    private static readonly SKColor Fill = new(0, 200, 90, 70);
    private static readonly SKColor Outline = new(0, 230, 60);

    private readonly string _folder;
    private readonly HashSet<string> _taken;

    /// <summary>Creates the folder if it is not there.</summary>
    /// <param name="folder">Where the drawn pictures go.</param>
    /// <param name="inputs">Paths that must not be overwritten: drawing into the folder of the inputs is allowed.</param>
    /// <exception cref="OutputException">The folder cannot be created.</exception>
    public RegionPainter(string folder, IEnumerable<string> inputs)
    {
        _folder = folder;
        // Case is ignored so that the names are unique on every file system that the folder may be copied to.
        _taken = new HashSet<string>(inputs.Select(Path.GetFullPath), StringComparer.OrdinalIgnoreCase);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OutputException($"{folder}: the folder cannot be created", e);
        }
    }

    /// <summary>Reserves a name: that of the input, with a number where it is taken.</summary>
    public string NameFor(string input)
    {
        string stem = Path.GetFileNameWithoutExtension(input);
        string extension = IsJpeg(input) ? ".jpg" : ".png";
        for (int number = 1; ; number++)
        {
            string path = Path.Combine(_folder, (number == 1 ? stem : $"{stem}-{number}") + extension);
            if (_taken.Add(Path.GetFullPath(path)))
            {
                return path;
            }
        }
    }

    /// <summary>Draws the regions over the picture and saves it, as JPEG if the input was one, else as PNG.</summary>
    /// <exception cref="OutputException">The picture cannot be written.</exception>
    public string Paint(string input, ImageBuffer image, IReadOnlyList<TextRegion> regions)
    {
        string path = NameFor(input);
        using var bitmap = Bitmaps.From(image);
        using (var canvas = new SKCanvas(bitmap))
        {
            // 2 px on small pictures; on large ones 3 or more, so that it survives being scaled down to a screen.
            float width = Math.Max(2, (int)MathF.Round(Math.Max(image.Width, image.Height) / 640f));
            using var fill = new SKPaint { Color = Fill, Style = SKPaintStyle.Fill, IsAntialias = true };
            using var line = new SKPaint
            {
                Color = Outline,
                Style = SKPaintStyle.Stroke,
                StrokeWidth = width,
                StrokeJoin = SKStrokeJoin.Round,
                IsAntialias = true,
            };
            foreach (var region in regions)
            {
                if (region.Polygon.Count > 0)
                {
                    using var outline = Trace(region.Polygon);
                    canvas.DrawPath(outline, fill);
                    canvas.DrawPath(outline, line);
                }
            }
        }
        Bitmaps.Save(bitmap, path, IsJpeg(path) ? SKEncodedImageFormat.Jpeg : SKEncodedImageFormat.Png);
        return path;
    }

    private static bool IsJpeg(string path) => Path.GetExtension(path).ToLowerInvariant() is ".jpg" or ".jpeg";

    private static SKPath Trace(IReadOnlyList<Vector2> polygon)
    {
        // Regions put (0,0) at the centre of the first pixel, the canvas at its corner.
        using var builder = new SKPathBuilder();
        builder.MoveTo(polygon[0].X + 0.5f, polygon[0].Y + 0.5f);
        foreach (var point in polygon.Skip(1))
        {
            builder.LineTo(point.X + 0.5f, point.Y + 0.5f);
        }
        builder.Close();
        return builder.Detach();
    }
}
