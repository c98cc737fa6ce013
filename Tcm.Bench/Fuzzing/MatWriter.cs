using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;

namespace Tcm.Bench.Fuzzing;

/// <summary>
/// Writes MATLAB files of level 5 (MathWorks, "MAT-File Format", chapter 1) as MATLAB does: short data packed into its tag, numbers
/// stored in a smaller type than their class where they fit, variables compressed or not.
/// </summary>
internal static class MatWriter
{
    private const int Int8 = 1, Int16 = 3, UInt16 = 4, Int32 = 5, UInt32 = 6, Single = 7, Double = 9, Array = 14, Compressed = 15, Utf8 = 16;
    private const int CellClass = 1, CharClass = 4, DoubleClass = 6, SingleClass = 7;

    /// <summary>A file with these variables.</summary>
    public static byte[] File(bool compressed, params (string Name, byte[] Array)[] variables)
    {
        using var file = new MemoryStream();
        file.Write(Encoding.ASCII.GetBytes("MATLAB 5.0 MAT-file, written by Tcm.Bench".PadRight(124)));
        file.Write([0, 1, (byte)'I', (byte)'M']);
        foreach (var (_, array) in variables)
        {
            if (!compressed)
            {
                file.Write(array);
                continue;
            }
            using var packed = new MemoryStream();
            using (var zip = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            {
                zip.Write(array);
            }
            file.Write([.. Bytes(Compressed), .. Bytes((int)packed.Length), .. packed.ToArray()]);
        }
        return file.ToArray();
    }

    /// <summary>A named cell array.</summary>
    public static (string, byte[]) Cells(string name, int rows, int columns, params byte[][] cells) =>
        (name, Matrix(CellClass, name, [rows, columns], [.. cells.SelectMany(c => c)]));

    /// <summary>Whole numbers of class double, which are stored in two bytes each.</summary>
    public static byte[] Doubles(params short[] values) =>
        Matrix(DoubleClass, "", [1, values.Length], Element(Int16, MemoryMarshal.AsBytes(values.AsSpan())));

    /// <summary>Numbers of class double, stored as such.</summary>
    public static byte[] Doubles(params double[] values) =>
        Matrix(DoubleClass, "", [1, values.Length], Element(Double, MemoryMarshal.AsBytes(values.AsSpan())));

    /// <summary>An array of class single.</summary>
    public static byte[] Singles(int[] dimensions, params float[] values) =>
        Matrix(SingleClass, "", dimensions, Element(Single, MemoryMarshal.AsBytes(values.AsSpan())));

    /// <summary>A row of characters.</summary>
    public static byte[] Text(string text, bool utf8 = false) => Matrix(CharClass, "", [1, text.Length],
        utf8 ? Element(Utf8, Encoding.UTF8.GetBytes(text)) : Element(UInt16, Encoding.Unicode.GetBytes(text)));

    /// <summary>Characters that claim any size.</summary>
    public static byte[] Characters(int rows, int columns, string text) =>
        Matrix(CharClass, "", [rows, columns], Element(Utf8, Encoding.UTF8.GetBytes(text)));

    /// <summary>Rows of characters of equal length.</summary>
    public static byte[] Rows(params string[] rows) => Matrix(CharClass, "", [rows.Length, rows[0].Length], Element(Utf8,
        Encoding.UTF8.GetBytes([.. Enumerable.Range(0, rows[0].Length).SelectMany(column => rows.Select(row => row[column]))])));

    private static byte[] Matrix(int kind, string name, int[] dimensions, byte[] values)
    {
        byte[] body = [.. Element(UInt32, [.. Bytes(kind), .. Bytes(0)]), .. Element(Int32, MemoryMarshal.AsBytes(dimensions.AsSpan())),
            .. Element(Int8, Encoding.ASCII.GetBytes(name)), .. values];
        return [.. Bytes(Array), .. Bytes(body.Length), .. body];
    }

    private static byte[] Element(int type, ReadOnlySpan<byte> data) => data.Length is > 0 and <= 4
        ? [.. Bytes(type | (data.Length << 16)), .. data, .. new byte[4 - data.Length]]
        : [.. Bytes(type), .. Bytes(data.Length), .. data, .. new byte[-data.Length & 7]];

    private static byte[] Bytes(int value) => BitConverter.GetBytes(value);
}
