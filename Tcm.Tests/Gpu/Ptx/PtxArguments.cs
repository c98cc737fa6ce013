using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>
/// A kernel's argument as the driver gets it: ILGPU passes a view as address and length, structs with natural alignment.
/// </summary>
internal sealed class PtxArguments
{
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> fieldsOf = new();
    private readonly List<byte> _bytes = [];

    private PtxArguments()
    {
    }

    /// <summary>What the views name.</summary>
    public PtxGlobalMemory Memory { get; } = new();

    public byte[] Bytes => [.. _bytes];

    public static PtxArguments Of<TArgs>(TArgs args) where TArgs : struct
    {
        var result = new PtxArguments();
        result.Add(args);
        result.Align(Alignment(typeof(TArgs)));
        return result;
    }

    private void Add(object value)
    {
        var type = value.GetType();
        if (IsView(type))
        {
            view.MakeGenericMethod(type.GetGenericArguments()).Invoke(this, [value]);
            return;
        }
        if (Size(type) is { } size)
        {
            ulong bits = value switch
            {
                float f => BitConverter.SingleToUInt32Bits(f),
                double d => BitConverter.DoubleToUInt64Bits(d),
                byte b => b,
                ushort s => s,
                uint u => u,
                ulong l => l,
                _ => (ulong)Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture),
            };
            Add(bits, size);
            return;
        }
        Align(Alignment(type));
        var fields = Fields(type);
        foreach (var field in fields)
        {
            Add(field.GetValue(value)!);
        }
        if (fields.Length == 0)
        {
            // An empty struct takes a byte, as in C#.
            Add(0, 1);
        }
        Align(Alignment(type));
    }

    private static readonly MethodInfo view = typeof(PtxArguments).GetMethod(nameof(AddView), BindingFlags.NonPublic | BindingFlags.Instance)!;

    private void AddView<T>(ArrayView<T> value) where T : unmanaged
    {
        ulong address = value.IsValid ? (ulong)value.LoadEffectiveAddressAsPtr() : 0;
        Add(address, 8);
        Add((ulong)value.Length, 8);
        Memory.Add(address, value.Length * Unsafe.SizeOf<T>());
    }

    private void Add(ulong bits, int size)
    {
        Align(size);
        for (int i = 0; i < size; i++)
        {
            _bytes.Add((byte)(bits >> 8 * i));
        }
    }

    private void Align(int alignment)
    {
        while (_bytes.Count % alignment != 0)
        {
            _bytes.Add(0);
        }
    }

    private static bool IsView(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView<>);

    private static int? Size(Type type) => type.IsEnum ? Size(Enum.GetUnderlyingType(type))
        : type == typeof(float) || type == typeof(int) || type == typeof(uint) ? 4
        : type == typeof(double) || type == typeof(long) || type == typeof(ulong) ? 8
        : type == typeof(short) || type == typeof(ushort) ? 2
        : type == typeof(byte) || type == typeof(sbyte) ? 1
        : !type.IsValueType || type.IsPrimitive ? throw new PtxException($"an argument of {type}") : null;

    private static int Alignment(Type type) => IsView(type) ? 8
        : Size(type) ?? Fields(type).Select(f => Alignment(f.FieldType)).DefaultIfEmpty(1).Max();

    private static FieldInfo[] Fields(Type type) => fieldsOf.GetOrAdd(type, t =>
        [.. t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(f => f.MetadataToken)]);
}
