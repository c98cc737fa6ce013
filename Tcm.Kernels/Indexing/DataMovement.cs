namespace Tcm.Kernels.Indexing;

/// <summary>Operations that move values without arithmetic. Thread-safe as far as its backend is.</summary>
public abstract partial class DataMovement
{
    // Only Tcm derives from it, so that members can be added.
    private protected DataMovement() { }

    /// <summary>y[b,c,r] = x[b,r,c]: transposes each matrix of a batch; x and y do not overlap.</summary>
    public void Transpose(int batch, int rows, int columns, Slice x, Slice y)
    {
        const string op = "Transpose";
        Check.That(batch > 0 && rows > 0 && columns > 0, $"{op}: impossible shape ({batch},{rows},{columns})");
        Check.Length(op, "x", x, (long)batch * rows * columns);
        Check.Length(op, "y", y, (long)batch * rows * columns);
        TransposeCore(batch, rows, columns, x, y);
    }

    /// <summary>
    /// Copies <paramref name="count"/> runs of <paramref name="run"/> floats between different strides; the building block
    /// of concatenation and of slicing.
    /// </summary>
    public void CopyRuns(int count, long run, Slice x, long xStride, Slice y, long yStride)
    {
        const string op = "Copy";
        Check.That(count > 0 && run > 0 && xStride >= 0 && (count == 1 || yStride >= run),
            $"{op}: {count} runs of {run}, strides {xStride} and {yStride}");
        Check.Length(op, "x", x, (count - 1) * xStride + run);
        Check.Length(op, "y", y, (count - 1) * yStride + run);
        CopyRunsCore(count, run, x, xStride, y, yStride);
    }

    /// <summary>y[i] = table[ids[i]]: rows of an embedding table (rows, width).</summary>
    public void GatherRows(int rows, int width, Slice table, ReadOnlySpan<int> ids, Slice y)
    {
        const string op = "Embedding";
        Check.Length(op, "table", table, (long)rows * width);
        Check.Length(op, "y", y, (long)ids.Length * width);
        foreach (int id in ids)
        {
            Check.That((uint)id < (uint)rows, $"{op}: row {id} of a table of {rows} rows");
        }
        GatherRowsCore(width, table, ids, y);
    }

    private protected abstract void TransposeCore(int batch, int rows, int columns, Slice x, Slice y);

    private protected abstract void CopyRunsCore(int count, long run, Slice x, long xStride, Slice y, long yStride);

    private protected abstract void GatherRowsCore(int width, Slice table, ReadOnlySpan<int> ids, Slice y);
}
