namespace Tcm.Kernels.Gpu;

/// <summary>Something that a pass must not do while it is captured; <see cref="Backend.Record"/> then makes no graph.</summary>
internal sealed class CaptureException(string message) : TcmException(message);
