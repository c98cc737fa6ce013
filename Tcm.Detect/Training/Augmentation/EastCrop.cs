using System.Numerics;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>
/// The crop of EAST and DB: edges run only through columns and rows that no text touches, and some text is inside. Clean
/// where the reference is not: coordinates outside the picture are clamped, and its last run of free positions is used.
/// </summary>
internal static class EastCrop
{
    private const int Tries = 10;
    private const double LeastShare = 0.1;

    /// <summary>Draws a rectangle; the whole picture where none is found.</summary>
    /// <param name="texts">Outlines of texts that count.</param>
    /// <param name="width">Columns of the picture.</param>
    /// <param name="height">Rows.</param>
    /// <param name="random">Decides.</param>
    public static Crop Draw(IReadOnlyList<Vector2[]> texts, int width, int height, ref SeededRandom random)
    {
        var whole = new Crop(0, 0, width, height);
        if (texts.Count == 0)
        {
            return whole;
        }
        var columns = FreeRuns(texts.Select(t => (t.Min(p => p.X), t.Max(p => p.X))), width);
        var rows = FreeRuns(texts.Select(t => (t.Min(p => p.Y), t.Max(p => p.Y))), height);
        if (columns.Count == 0 || rows.Count == 0)
        {
            return whole;
        }
        for (int i = 0; i < Tries; i++)
        {
            var (left, right) = Range(columns, width, ref random);
            var (top, bottom) = Range(rows, height, ref random);
            if (right - left < LeastShare * width || bottom - top < LeastShare * height)
            {
                continue;
            }
            foreach (var text in texts)
            {
                if (text.Max(p => p.X) > left && text.Min(p => p.X) < right && text.Max(p => p.Y) > top
                    && text.Min(p => p.Y) < bottom)
                {
                    return new Crop(left, top, right - left, bottom - top);
                }
            }
        }
        return whole;
    }

    /// <summary>Runs [from, to) of positions that no text occupies.</summary>
    public static List<(int From, int To)> FreeRuns(IEnumerable<(float Least, float Most)> texts, int length)
    {
        var occupied = new bool[length];
        foreach (var (least, most) in texts)
        {
            int from = Math.Clamp((int)Math.Round(least), 0, length), to = Math.Clamp((int)Math.Round(most), from, length);
            occupied.AsSpan(from, to - from).Fill(true);
        }
        var runs = new List<(int, int)>();
        for (int i = 0; i < length;)
        {
            int end = i;
            while (end < length && occupied[end] == occupied[i])
            {
                end++;
            }
            if (!occupied[i])
            {
                runs.Add((i, end));
            }
            i = end;
        }
        return runs;
    }

    /// <summary>Two free positions, mostly of different runs, in order.</summary>
    public static (int Least, int Most) Range(List<(int From, int To)> runs, int length, ref SeededRandom random)
    {
        int a, b;
        if (runs.Count > 1)
        {
            a = Position(runs[random.Next(runs.Count)], ref random);
            b = Position(runs[random.Next(runs.Count)], ref random);
        }
        else
        {
            a = Position(runs[0], ref random);
            b = Position(runs[0], ref random);
        }
        return (Math.Min(a, b), Math.Min(Math.Max(a, b), length - 1));
    }

    private static int Position((int From, int To) run, ref SeededRandom random) => run.From + random.Next(run.To - run.From);
}
