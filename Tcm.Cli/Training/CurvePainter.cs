using System.Globalization;
using SkiaSharp;
using Tcm.Cli.Images;

namespace Tcm.Cli.Training;

/// <summary>Draws a run's losses and F-measures over its steps as one PNG, from the files that the run keeps.</summary>
internal static class CurvePainter
{
    private const int Width = 1000, PanelHeight = 320, Margin = 56;
    private static readonly SKColor[] Colors = [new(31, 119, 180), new(255, 127, 14), new(44, 160, 44), new(214, 39, 40), new(60, 60, 60)];

    /// <summary>Draws <c>curves.png</c>.</summary>
    /// <param name="log">The run's <c>log.csv</c>.</param>
    /// <param name="validation">Steps and F-measures.</param>
    /// <param name="path">The picture.</param>
    public static void Paint(string log, IReadOnlyList<(int Step, double Hmean)> validation, string path)
    {
        string[][] rows = [.. File.ReadLines(log).Select(l => l.Split(','))];
        if (rows.Length < 3)
        {
            return;
        }
        using var bitmap = new SKBitmap(new SKImageInfo(Width, validation.Count > 0 ? 2 * PanelHeight : PanelHeight));
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(SKColors.White);
            double last = Number(rows[^1][0]);
            int terms = Array.IndexOf(rows[0], "total") + 1;
            var losses = Enumerable.Range(1, terms - 1).Select(c => (Name: rows[0][c], Points: Smooth(rows, c))).ToList();
            Panel(canvas, 0, "losses (moving average)", last, losses.Max(l => l.Points.Max(p => p.Y)), losses);
            if (validation.Count > 0)
            {
                Panel(canvas, PanelHeight, "F-measure on the validation sets (mean)", last, 1,
                    [("hmean", [.. validation.Select(v => ((double)v.Step, v.Hmean))])]);
            }
        }
        Bitmaps.Save(bitmap, path, SKEncodedImageFormat.Png);
    }

    private static List<(double X, double Y)> Smooth(string[][] rows, int column)
    {
        var points = new List<(double, double)>();
        double average = Number(rows[1][column]);
        int every = Math.Max(1, rows.Length / Width);
        for (int i = 1; i < rows.Length; i++)
        {
            average += 0.03 * (Number(rows[i][column]) - average);
            if (i % every == 0)
            {
                points.Add((Number(rows[i][0]), average));
            }
        }
        return points;
    }

    private static void Panel(SKCanvas canvas, float top, string title, double lastStep, double most,
        List<(string Name, List<(double X, double Y)> Points)> lines)
    {
        float left = Margin, right = Width - Margin, bottom = top + PanelHeight - Margin, upper = top + Margin;
        using var font = new SKFont { Size = 14 };
        using var ink = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        using var grid = new SKPaint { Color = new SKColor(225, 225, 225), StrokeWidth = 1 };
        canvas.DrawText(title, left, top + 24, SKTextAlign.Left, font, ink);
        for (int i = 0; i <= 4; i++)
        {
            float y = bottom - ((bottom - upper) * i / 4), x = left + ((right - left) * i / 4);
            canvas.DrawLine(left, y, right, y, grid);
            canvas.DrawText((most * i / 4).ToString("G3", CultureInfo.InvariantCulture), 8, y + 5, SKTextAlign.Left, font, ink);
            canvas.DrawText((lastStep * i / 4).ToString("F0", CultureInfo.InvariantCulture), x - 12, bottom + 20, SKTextAlign.Left, font, ink);
        }
        for (int i = 0; i < lines.Count; i++)
        {
            using var pen = new SKPaint
            {
                Color = Colors[i % Colors.Length],
                StrokeWidth = 2,
                Style = SKPaintStyle.Stroke,
                IsAntialias = true,
            };
            using var builder = new SKPathBuilder();
            for (int p = 0; p < lines[i].Points.Count; p++)
            {
                float x = left + (float)((right - left) * lines[i].Points[p].X / lastStep);
                float y = bottom - (float)((bottom - upper) * lines[i].Points[p].Y / most);
                if (p == 0)
                {
                    builder.MoveTo(x, y);
                }
                else
                {
                    builder.LineTo(x, y);
                }
            }
            using var path = builder.Detach();
            canvas.DrawPath(path, pen);
            using var label = new SKPaint { Color = pen.Color, IsAntialias = true };
            canvas.DrawText(lines[i].Name, left + 260 + (150 * i), top + 24, SKTextAlign.Left, font, label);
        }
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
