namespace Tcm.Kernels.Indexing;

public abstract partial class DataMovement
{
    /// <summary>dtable = 0, then dtable[ids[i]] += dy[i]: the gradient of <see cref="GatherRows"/>; ids may repeat.</summary>
    public void ScatterAddRows(int rows, int width, Slice dy, ReadOnlySpan<int> ids, Slice dtable)
    {
        const string op = "Embedding gradient";
        Check.Length(op, "dtable", dtable, (long)rows * width);
        Check.Length(op, "dy", dy, (long)ids.Length * width);
        foreach (int id in ids)
        {
            Check.That((uint)id < (uint)rows, $"{op}: row {id} of a table of {rows} rows");
        }
        ScatterAddRowsCore(rows, width, dy, ids, dtable);
    }

    private protected abstract void ScatterAddRowsCore(int rows, int width, Slice dy, ReadOnlySpan<int> ids, Slice dtable);
}
