using System.IO.Compression;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>
/// A MATLAB file of level 5 (MathWorks, "MAT-File Format", chapter 1), as far as labels need it: numeric, character and cell
/// arrays, little-endian, compressed or not. Cell arrays are read one cell at a time, since SynthText's are larger than memory
/// ought to be.
/// </summary>
internal sealed class MatFile(string path, Func<Stream> open)
{
    private const int HeaderBytes = 128;

    /// <summary>The cells of a variable, in the file's order: the first dimension runs fastest.</summary>
    /// <exception cref="TcmException">There is no such cell array, or the file is damaged or of another kind.</exception>
    public IEnumerable<MatValue> Cells(string variable)
    {
        using var file = open();
        using var array = Find(file, variable);
        if (!array.IsCellArray)
        {
            throw new TcmException($"{path}: '{variable}' is not a cell array");
        }
        // Reading a cell replaces the size by its own.
        long count = array.Length;
        for (long i = 0; i < count; i++)
        {
            yield return array.ReadMatrix(1);
        }
    }

    /// <summary>A whole variable.</summary>
    /// <exception cref="TcmException">There is no such variable, or the file is damaged or of another kind.</exception>
    public MatValue Variable(string variable)
    {
        using var file = open();
        using var array = Find(file, variable);
        return array.ReadBody(0);
    }

    /// <summary>Stands behind the name of a variable, at its values.</summary>
    private MatStream Find(Stream file, string variable)
    {
        var top = new MatStream(path, file);
        byte[] header = top.ReadBytes(HeaderBytes);
        if (header.AsSpan().StartsWith("MATLAB 7.3"u8) || header[126] != (byte)'I' || header[127] != (byte)'M')
        {
            throw new TcmException($"{path}: not a little-endian MATLAB file of level 5 (save it with -v7)");
        }
        while (top.TryReadTag(out var tag))
        {
            MatStream array;
            if (tag.Type == MatStream.Compressed)
            {
                // Only the start is unpacked unless it is the wanted one.
                array = new MatStream(path, new ZLibStream(new SubStream(file, tag.Bytes), CompressionMode.Decompress));
                if (!array.TryReadTag(out var inner) || inner.Type != MatStream.Matrix)
                {
                    throw array.Damaged("a compressed element that is no array");
                }
            }
            else if (tag.Type == MatStream.Matrix)
            {
                array = new MatStream(path, new SubStream(file, tag.Bytes));
            }
            else
            {
                new SubStream(file, tag.Bytes).Dispose();
                continue;
            }
            if (array.ReadName() == variable)
            {
                return array;
            }
            array.Dispose();
        }
        throw new TcmException($"{path}: no variable '{variable}'");
    }
}
