using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Tcm.Kernels;

/// <summary>Argument checks shared by the contracts of all families; each failure names the operation and the lengths.</summary>
internal static class Check
{
    public static void Length(string op, string name, Slice slice, long expected)
    {
        if (slice.Length < expected)
        {
            ThrowLength(op, name, slice.Length, expected);
        }
    }

    public static void Positive(string op, string name, long value)
    {
        if (value <= 0)
        {
            throw new ShapeException($"{op}: {name} is {value}, expected at least 1");
        }
    }

    /// <summary>The message is only formatted, and its string only allocated, when the condition fails.</summary>
    public static void That([DoesNotReturnIf(false)] bool condition,
        [InterpolatedStringHandlerArgument(nameof(condition))] ref CheckMessage message)
    {
        if (!condition)
        {
            throw new ShapeException(message.ToStringAndClear());
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ThrowLength(string op, string name, long actual, long expected) =>
        throw new ShapeException($"{op}: {name} has {actual} floats, expected {expected}");
}

/// <summary>Builds the message of a failed <see cref="Check.That"/>, and nothing for one that holds.</summary>
[InterpolatedStringHandler]
internal ref struct CheckMessage
{
    private DefaultInterpolatedStringHandler _text;

    public CheckMessage(int literalLength, int formattedCount, bool condition, out bool failed)
    {
        failed = !condition;
        _text = failed ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public string ToStringAndClear() => _text.ToStringAndClear();
}
