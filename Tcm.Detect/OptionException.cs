using System.Globalization;
using Tcm.Kernels;

namespace Tcm.Detect;

/// <summary>
/// An option whose value makes no sense; thrown before anything is loaded or started. Like any exception made for one thread.
/// </summary>
/// <param name="option">The option, with its type where it has one: <c>TextDetectorOptions.ShortSide</c>.</param>
/// <param name="value">Its value.</param>
/// <param name="message">One line that names both.</param>
public sealed class OptionException(string option, object? value, string message) : TcmException(message)
{
    /// <summary>The option, with its type where it has one: <c>TextDetectorOptions.ShortSide</c>.</summary>
    public string Option { get; } = option;

    /// <summary>The value that it has.</summary>
    public object? Value { get; } = value;

    /// <summary>Throws unless the condition holds.</summary>
    internal static void Require(bool condition, string option, object? value, string reason)
    {
        if (!condition)
        {
            throw new OptionException(option, value,
                string.Create(CultureInfo.InvariantCulture, $"{option} = {value ?? "null"}: {reason}"));
        }
    }
}
