using System.Buffers;
using System.Numerics;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tcm.Detect;

namespace Tcm.Cli.Output;

/// <summary>Turns one result into one JSON object on one line; the bytes go into a buffer of the caller.</summary>
internal sealed class ResultJson : IDisposable
{
    // Paths with accents stay readable; the output is a file or a pipe, never part of a web page.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Utf8JsonWriter _json;

    /// <summary>Creates a writer into a buffer.</summary>
    public ResultJson(IBufferWriter<byte> buffer) => _json = new Utf8JsonWriter(buffer, Options);

    /// <summary>An input that has its result.</summary>
    public void Write(string image, DetectionResult result, double decode)
    {
        Begin(image);
        _json.WriteNumber("width", result.Width);
        _json.WriteNumber("height", result.Height);
        _json.WriteStartArray("regions");
        foreach (var region in result.Regions)
        {
            _json.WriteStartObject();
            Points("polygon", region.Polygon);
            Points("quad", region.Quad);
            _json.WriteNumber("score", Round(region.Score, 4));
            _json.WriteEndObject();
        }
        _json.WriteEndArray();
        _json.WriteStartObject("milliseconds");
        _json.WriteNumber("decode", Round(decode, 2));
        _json.WriteNumber("preprocess", Round(result.Timings.Preprocess, 2));
        _json.WriteNumber("network", Round(result.Timings.Network, 2));
        _json.WriteNumber("postprocess", Round(result.Timings.Postprocess, 2));
        _json.WriteNumber("total", Round(decode + result.Timings.Total, 2));
        _json.WriteEndObject();
        End();
    }

    /// <summary>An input that failed.</summary>
    public void WriteError(string image, string error)
    {
        Begin(image);
        _json.WriteString("error", error);
        End();
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    /// <summary>JSON has no infinities; a number that is none becomes 0 rather than an exception after hours of work.</summary>
    private static decimal Round(double value, int digits) =>
        double.IsFinite(value) && Math.Abs(value) < 1e15 ? Math.Round((decimal)value, digits) : 0;

    private void Begin(string image)
    {
        _json.WriteStartObject();
        _json.WriteString("image", image);
    }

    private void End()
    {
        _json.WriteEndObject();
        _json.Flush();
        // A fresh document for the next object: what stands between objects is written by hand, over hours if need be.
        _json.Reset();
    }

    private void Points(string name, IReadOnlyList<Vector2> points)
    {
        _json.WriteStartArray(name);
        foreach (var point in points)
        {
            _json.WriteStartArray();
            _json.WriteNumberValue(Round(point.X, 2));
            _json.WriteNumberValue(Round(point.Y, 2));
            _json.WriteEndArray();
        }
        _json.WriteEndArray();
    }
}
