using System.Runtime.InteropServices;

namespace Tcm.Kernels.Components;

/// <summary>
/// Labels in plain loops on the host, for every backend without kernels for them, and what those are compared with: union-find over
/// the rows (Rosenfeld and Pfaltz 1966), the smallest index of a component being its root.
/// </summary>
internal sealed class HostComponents(Backend backend) : ConnectedComponents
{
    private protected override void LabelCore(int h, int w, float threshold, Slice map, Slice labels)
    {
        int[] result = Labels(h, w, threshold, Values(h, w, map));
        backend.Upload(MemoryMarshal.Cast<int, float>(result), labels);
    }

    private protected override void ReportCore(ComponentLayout layout, float threshold, Slice map, Slice report)
    {
        int h = layout.Height, w = layout.Width;
        float[] values = Values(h, w, map), result = new float[layout.Length];
        int[] labels = Labels(h, w, threshold, values);
        var words = MemoryMarshal.Cast<float, int>(result.AsSpan());
        var numbers = new Dictionary<int, int>();
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] < 0)
            {
                continue;
            }
            int y = i / w, x = i - y * w;
            words[layout.BitsAt + y * layout.WordsPerRow + x / 32] |= 1 << (x % 32);
            if (!numbers.TryGetValue(labels[i], out int number))
            {
                numbers[labels[i]] = number = numbers.Count;
                if (number < layout.MaxComponents)
                {
                    Row(words, number)[ComponentLayout.MinX] = w;
                    Row(words, number)[ComponentLayout.MinY] = y;
                }
            }
            if (number < layout.MaxComponents)
            {
                var row = Row(words, number);
                row[ComponentLayout.MinX] = Math.Min(row[ComponentLayout.MinX], x);
                row[ComponentLayout.MaxX] = Math.Max(row[ComponentLayout.MaxX], x);
                row[ComponentLayout.MaxY] = Math.Max(row[ComponentLayout.MaxY], y);
                row[ComponentLayout.Pixels]++;
                MemoryMarshal.Cast<int, float>(row)[ComponentLayout.Sum] += values[i];
            }
        }
        words[0] = numbers.Count;
        words[1] = Gather(layout, values, result, Math.Min(numbers.Count, layout.MaxComponents));
        backend.Upload(result, report);
    }

    private static int Gather(ComponentLayout layout, float[] map, float[] report, int count)
    {
        var words = MemoryMarshal.Cast<float, int>(report.AsSpan());
        long total = 0;
        for (int i = 0; i < count; i++)
        {
            var row = Row(words, i);
            int width = row[ComponentLayout.MaxX] - row[ComponentLayout.MinX] + 1;
            long area = (long)width * (row[ComponentLayout.MaxY] - row[ComponentLayout.MinY] + 1);
            row[ComponentLayout.Offset] = (int)Math.Min(total, int.MaxValue);
            if (total + area <= layout.MaxValues)
            {
                for (int y = row[ComponentLayout.MinY], to = (int)total; y <= row[ComponentLayout.MaxY]; y++, to += width)
                {
                    map.AsSpan(y * layout.Width + row[ComponentLayout.MinX], width).CopyTo(report.AsSpan(layout.ValuesAt + to));
                }
            }
            total += area;
        }
        return (int)Math.Min(total, int.MaxValue);
    }

    private static Span<int> Row(Span<int> words, int number) =>
        words.Slice(ComponentLayout.Header + number * ComponentLayout.Fields, ComponentLayout.Fields);

    private float[] Values(int h, int w, Slice map)
    {
        var values = new float[h * w];
        backend.Download(map.Part(0, values.Length), values);
        return values;
    }

    /// <summary>The smallest index of each pixel's component, -1 for background.</summary>
    internal static int[] Labels(int h, int w, float threshold, ReadOnlySpan<float> map)
    {
        var parents = new int[h * w];
        for (int i = 0; i < parents.Length; i++)
        {
            parents[i] = map[i] > threshold && map[i] <= float.MaxValue ? i : -1;
            if (parents[i] < 0)
            {
                continue;
            }
            int y = i / w, x = i - y * w;
            Join(parents, i, x > 0 ? i - 1 : -1);
            Join(parents, i, y > 0 && x > 0 ? i - w - 1 : -1);
            Join(parents, i, y > 0 ? i - w : -1);
            Join(parents, i, y > 0 && x < w - 1 ? i - w + 1 : -1);
        }
        for (int i = 0; i < parents.Length; i++)
        {
            if (parents[i] >= 0)
            {
                parents[i] = Root(parents, i);
            }
        }
        return parents;
    }

    private static void Join(int[] parents, int a, int b)
    {
        if (b >= 0 && parents[b] >= 0)
        {
            (a, b) = (Root(parents, a), Root(parents, b));
            parents[Math.Max(a, b)] = Math.Min(a, b);
        }
    }

    private static int Root(int[] parents, int i)
    {
        while (parents[i] != i)
        {
            i = parents[i];
        }
        return i;
    }
}
