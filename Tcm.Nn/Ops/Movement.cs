using Tcm.Kernels;
using Tcm.Nn.Autograd;

namespace Tcm.Nn;

public static partial class Functional
{
    /// <summary>Swaps the last two axes of x (B,R,C): (B,C,R).</summary>
    public static Tensor Transpose(Tensor x)
    {
        Rank("Transpose", x, 3, "(B,R,C)");
        var s = x.Shape;
        var y = new Tensor(x.Backend, [s[0], s[2], s[1]]);
        x.Backend.Indexing.Transpose(s[0], s[1], s[2], x.Data, y.Data);
        Tape.Of(x)?.Add("Transpose", y, [x], static dy => [Transpose(dy)]);
        return y;
    }

    /// <summary>Concatenates along axis 1; the other axes are equal.</summary>
    public static Tensor Concat(Tensor a, Tensor b)
    {
        const string op = "Concat";
        SameBackend(op, a, b);
        var (s, t) = (a.Shape, b.Shape);
        bool fits = s.Rank == t.Rank && s.Rank >= 2;
        for (int i = 0; fits && i < s.Rank; i++)
        {
            fits = i == 1 || s[i] == t[i];
        }
        if (!fits)
        {
            throw new ShapeException($"{op}: a {s}, b {t}");
        }
        int[] sizes = s.ToArray();
        sizes[1] += t[1];
        if (IsHalf(a))
        {
            return HalfConcat(a, b, new Shape(sizes));
        }
        HasRows(op, a);
        using var converted = a.Format == b.Format ? null : IsTokens(a) ? ToHalfTokens(b) : ToFloat(b);
        b = converted ?? b;
        var y = new Tensor(a.Backend, new Shape(sizes), a.Format);
        long runA = a.Words / s[0], runB = b.Words / s[0];
        a.Backend.Indexing.CopyRuns(s[0], runA, a.RawData, runA, y.RawData, runA + runB);
        a.Backend.Indexing.CopyRuns(s[0], runB, b.RawData, runB, y.RawData.Part(runA, y.Words - runA), runA + runB);
        if (Tape.Of(a, b) is { } tape)
        {
            bool wantsA = a.RequiresGradient, wantsB = b.RequiresGradient;
            int first = s[1], second = t[1];
            tape.Add(op, y, [a, b], dy =>
                [wantsA ? Narrow(dy, 0, first) : null, wantsB ? Narrow(dy, first, second) : null]);
        }
        return y;
    }

    /// <summary>Entries [start, start + count) of axis 1, copied.</summary>
    public static Tensor Narrow(Tensor x, int start, int count)
    {
        if (x.Shape.Rank < 2 || start < 0 || count < 1 || start > x.Shape[1] - count)
        {
            throw new ShapeException($"Narrow: entries [{start}, {start}+{count}) of axis 1 of {x.Shape}");
        }
        HasRows("Narrow", x);
        int[] sizes = x.Shape.ToArray();
        long image = x.Words / sizes[0], row = image / sizes[1];
        sizes[1] = count;
        var y = new Tensor(x.Backend, new Shape(sizes), x.Format);
        x.Backend.Indexing.CopyRuns(sizes[0], row * count, x.RawData.Part(row * start, x.Words - row * start), image, y.RawData,
            row * count);
        if (Tape.Of(x) is { } tape)
        {
            RecordNarrow(tape, x, y, start);
        }
        return y;
    }

    /// <summary>x repeated over a new first axis: (count, ...).</summary>
    public static Tensor Repeat(Tensor x, int count)
    {
        var y = new Tensor(x.Backend, [count, .. x.Shape.ToArray()], x.Format);
        x.Backend.Indexing.CopyRuns(count, x.Words, x.RawData, 0, y.RawData, x.Words);
        var shape = x.Shape;
        Tape.Of(x)?.Add("Repeat", y, [x], dy => [Sum(dy, 1, count, checked((int)shape.Length), shape)]);
        return y;
    }

    /// <summary>Rows of an embedding table (rows, width): (ids.Length, width).</summary>
    public static Tensor Embedding(Tensor table, ReadOnlySpan<int> ids)
    {
        Rank("Embedding", table, 2, "(rows,width)");
        int rows = table.Shape[0], width = table.Shape[1];
        var y = new Tensor(table.Backend, [ids.Length, width]);
        table.Backend.Indexing.GatherRows(rows, width, table.Data, ids, y.Data);
        if (Tape.Of(table) is { } tape)
        {
            RecordEmbedding(tape, table, ids.ToArray(), y);
        }
        return y;
    }

    private static void RecordNarrow(Tape tape, Tensor x, Tensor y, int start)
    {
        var s = x.Shape;
        tape.Add("Narrow", y, [x], dy =>
        {
            var dx = new Tensor(dy.Backend, s);
            long image = dx.Length / s[0], row = image / s[1], run = dy.Length / s[0];
            dy.Backend.Fill(dx.Data, 0);
            dy.Backend.Indexing.CopyRuns(s[0], run, dy.Data, run, dx.Data.Part(row * start, dx.Length - row * start), image);
            return [dx];
        }, start);
    }

    private static void RecordEmbedding(Tape tape, Tensor table, int[] ids, Tensor y)
    {
        var s = table.Shape;
        tape.Add("Embedding", y, [table], dy =>
        {
            var dtable = new Tensor(dy.Backend, s);
            dy.Backend.Indexing.ScatterAddRows(s[0], s[1], dy.Data, ids, dtable.Data);
            return [dtable];
        }, ids);
    }
}
