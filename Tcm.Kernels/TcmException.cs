namespace Tcm.Kernels;

/// <summary>Root of every exception that Tcm throws on purpose. Its message is one line, fit to show to a user.</summary>
public class TcmException : Exception
{
    /// <summary>Creates the exception with a one-line message and, where there is one, its cause.</summary>
    public TcmException(string message, Exception? inner = null) : base(message, inner) { }
}

/// <summary>Operands whose shapes do not fit; the message names the operation and both shapes.</summary>
public sealed class ShapeException(string message) : TcmException(message);

/// <summary>A device that is absent, of no use for the request, out of memory, or failed.</summary>
public sealed class DeviceException(string message, Exception? inner = null) : TcmException(message, inner)
{
    /// <summary>Whether memory ran out, of the device or of the host: whoever asked for it goes on working, with less at a time.</summary>
    public bool IsOutOfMemory { get; init; }
}
