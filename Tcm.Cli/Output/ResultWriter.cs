using System.Buffers;
using System.Numerics;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tcm.Detect;

namespace Tcm.Cli.Output;

/// <summary>
/// Writes results as one JSON array, one object per input, as they come; nothing is kept in memory. A file gets its name when
/// the array is closed.
/// </summary>
internal sealed class ResultWriter : IDisposable
{
    // Paths with accents stay readable; the output is a file or a pipe, never part of a web page.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly AtomicFile? _file;
    private readonly Stream _standardOutput;
    // One object at a time is complete here before it goes out, so that a full disk never fails inside the JSON writer.
    private readonly ArrayBufferWriter<byte> _object = new();
    private readonly Utf8JsonWriter _json;
    private bool _first = true;

    /// <summary>Opens the output.</summary>
    /// <param name="target">A file, or <c>-</c> for <paramref name="standardOutput"/>.</param>
    /// <param name="standardOutput">The stream of <c>-</c>.</param>
    /// <exception cref="OutputException">The file cannot be created.</exception>
    public ResultWriter(string target, Stream standardOutput)
    {
        _file = target == "-" ? null : new AtomicFile(target);
        _standardOutput = standardOutput;
        _json = new Utf8JsonWriter(_object, Options);
    }

    /// <summary>Writes an input that has its result.</summary>
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

    /// <summary>Writes an input that failed.</summary>
    public void WriteError(string image, string error)
    {
        Begin(image);
        _json.WriteString("error", error);
        End();
    }

    /// <summary>Closes the array and gives a file its name.</summary>
    public void Complete()
    {
        Send(_first ? "[]\n"u8 : "]\n"u8);
        _file?.Commit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        _file?.Dispose();
    }

    /// <summary>JSON has no infinities; a number that is none becomes 0 rather than an exception after hours of work.</summary>
    private static decimal Round(double value, int digits) =>
        double.IsFinite(value) && Math.Abs(value) < 1e15 ? Math.Round((decimal)value, digits) : 0;

    private void Begin(string image)
    {
        // The bracket waits for the first result: a run that fails before it leaves standard output empty.
        _object.Write(_first ? "["u8 : ",\n "u8);
        _first = false;
        _json.WriteStartObject();
        _json.WriteString("image", image);
    }

    private void End()
    {
        _json.WriteEndObject();
        _json.Flush();
        // A fresh document for the next object: the array around them is written by hand, so that it may stay open for hours.
        _json.Reset();
        Send(_object.WrittenSpan);
        _object.ResetWrittenCount();
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        if (_file is not null)
        {
            _file.Write(bytes);
            return;
        }
        try
        {
            _standardOutput.Write(bytes);
            _standardOutput.Flush();
        }
        catch (IOException e)
        {
            throw new OutputException($"standard output: {CommandLineApp.OneLine(e.Message)}", e);
        }
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
