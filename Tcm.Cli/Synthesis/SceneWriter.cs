using System.Buffers;
using System.Numerics;
using System.Text.Encodings.Web;
using System.Text.Json;
using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Cli.Output;
using Tcm.Detect.Datasets;

namespace Tcm.Cli.Synthesis;

/// <summary>
/// Writes scenes as picture files and <c>labels.jsonl</c>, a line for each:
/// <c>{"image":"scene-000000.png","texts":[{"polygon":[[x,y],...],"ignore":false,"text":"EXIT"}]}</c>. The labels appear when
/// all is done; pictures of a broken run have none.
/// </summary>
internal sealed class SceneWriter(string folder, SKEncodedImageFormat format, string? drawFolder) : IDisposable
{
    /// <summary>File name of the labels.</summary>
    public const string LabelFile = "labels.jsonl";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly AtomicFile _labels = Open(folder, drawFolder);

    /// <summary>Writes the picture of a scene, and its drawn copy; may be called from many threads.</summary>
    /// <returns>The line of its labels, for <see cref="WriteLabels"/>.</returns>
    public byte[] WritePicture(Sample sample)
    {
        string name = sample.Name + (format == SKEncodedImageFormat.Jpeg ? ".jpg" : ".png");
        using var bitmap = Bitmaps.From(sample.Image);
        Bitmaps.Save(bitmap, Path.Combine(folder, name), format);
        if (drawFolder is not null)
        {
            Draw(bitmap, sample.Texts);
            Bitmaps.Save(bitmap, Path.Combine(drawFolder, name), format);
        }
        return Labels(name, sample.Texts);
    }

    /// <summary>Appends a line; one thread, in the order of the scenes.</summary>
    public void WriteLabels(byte[] line) => _labels.Write(line);

    /// <summary>Gives the labels their name.</summary>
    public void Complete() => _labels.Commit();

    /// <inheritdoc/>
    public void Dispose() => _labels.Dispose();

    private static AtomicFile Open(string folder, string? drawFolder)
    {
        foreach (string path in drawFolder is null ? [folder] : new[] { folder, drawFolder })
        {
            try
            {
                Directory.CreateDirectory(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                throw new OutputException($"{path}: the folder cannot be created", e);
            }
        }
        return new AtomicFile(Path.Combine(folder, LabelFile));
    }

    private static byte[] Labels(string name, IReadOnlyList<TextAnnotation> texts)
    {
        var line = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(line, Options))
        {
            json.WriteStartObject();
            json.WriteString("image", name);
            json.WriteStartArray("texts");
            foreach (var text in texts)
            {
                json.WriteStartObject();
                json.WriteStartArray("polygon");
                foreach (var point in text.Polygon)
                {
                    json.WriteStartArray();
                    json.WriteNumberValue(Math.Round((decimal)point.X, 2));
                    json.WriteNumberValue(Math.Round((decimal)point.Y, 2));
                    json.WriteEndArray();
                }
                json.WriteEndArray();
                json.WriteBoolean("ignore", text.Ignored);
                json.WriteString("text", text.Transcription);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        line.Write("\n"u8);
        return line.WrittenSpan.ToArray();
    }

    private static void Draw(SKBitmap bitmap, IReadOnlyList<TextAnnotation> texts)
    {
        using var canvas = new SKCanvas(bitmap);
        using var paint = new SKPaint { IsAntialias = true, IsStroke = true, StrokeWidth = 1.2f };
        foreach (var text in texts)
        {
            using var builder = new SKPathBuilder();
            builder.AddPoly([.. text.Polygon.Select((Vector2 p) => new SKPoint(p.X, p.Y))], true);
            using var path = builder.Detach();
            paint.Color = text.Ignored ? new SKColor(255, 60, 60) : new SKColor(0, 230, 60);
            canvas.DrawPath(path, paint);
        }
    }
}
