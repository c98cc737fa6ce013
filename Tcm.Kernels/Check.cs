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

    public static void That([DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition)
        {
            throw new ShapeException(message);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ThrowLength(string op, string name, long actual, long expected) =>
        throw new ShapeException($"{op}: {name} has {actual} floats, expected {expected}");
}
