using Tcm.Kernels;

namespace Tcm.Detect;

/// <summary>
/// A picture that is, or would become, larger than <see cref="DetectorLimits"/> allow; nothing was allocated for it. Like any
/// exception made for one thread.
/// </summary>
public sealed class ImageLimitException(string message) : TcmException(message);
