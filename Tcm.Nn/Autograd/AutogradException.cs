using Tcm.Kernels;

namespace Tcm.Nn.Autograd;

/// <summary>A misuse of the tape: a second backward pass, a loss that is not one number, a result that was not recorded.</summary>
public sealed class AutogradException(string message) : TcmException(message);
