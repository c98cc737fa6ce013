using System.Buffers;
using Tcm.Detect;

namespace Tcm.Cli.Output;

/// <summary>
/// Writes results as one JSON array, one object per input, as they come; nothing is kept in memory. A file gets its name when
/// the array is closed.
/// </summary>
internal sealed class ResultWriter : IResultWriter
{
    private readonly AtomicFile? _file;
    private readonly Stream _standardOutput;
    // One object at a time is complete here before it goes out, so that a full disk never fails inside the JSON writer.
    private readonly ArrayBufferWriter<byte> _object = new();
    private readonly ResultJson _json;
    private bool _first = true;

    /// <summary>Opens the output.</summary>
    /// <param name="target">A file, or <c>-</c> for <paramref name="standardOutput"/>.</param>
    /// <param name="standardOutput">The stream of <c>-</c>.</param>
    /// <exception cref="OutputException">The file cannot be created.</exception>
    public ResultWriter(string target, Stream standardOutput)
    {
        _file = target == "-" ? null : new AtomicFile(target);
        _standardOutput = standardOutput;
        _json = new ResultJson(_object);
    }

    /// <inheritdoc/>
    public void Write(string image, DetectionResult result, double decode)
    {
        Separate();
        _json.Write(image, result, decode);
        SendObject();
    }

    /// <inheritdoc/>
    public void WriteError(string image, string error)
    {
        Separate();
        _json.WriteError(image, error);
        SendObject();
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

    private void Separate()
    {
        // The bracket waits for the first result: a run that fails before it leaves standard output empty.
        _object.Write(_first ? "["u8 : ",\n "u8);
        _first = false;
    }

    private void SendObject()
    {
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
}
