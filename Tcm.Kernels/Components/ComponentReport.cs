using System.Runtime.InteropServices;

namespace Tcm.Kernels.Components;

/// <summary>One component: its box (inclusive), number of pixels, and mean value.</summary>
public readonly record struct ComponentBox(int MinX, int MinY, int MaxX, int MaxY, int Pixels, float Mean);

/// <summary>A report of <see cref="ConnectedComponents.Report"/> on the host. For one thread.</summary>
public readonly ref struct ComponentReport
{
    private readonly ComponentLayout _layout;
    private readonly ReadOnlySpan<float> _values;
    private readonly ReadOnlySpan<int> _words;

    /// <param name="layout">What the report was made with.</param>
    /// <param name="report">Its words.</param>
    public ComponentReport(ComponentLayout layout, ReadOnlySpan<float> report)
    {
        Check.That(report.Length >= layout.Length, $"ComponentReport: {report.Length} words, expected {layout.Length}");
        _layout = layout;
        _values = report;
        _words = MemoryMarshal.Cast<float, int>(report);
    }

    /// <summary>Components of the map, also when there is no room for all.</summary>
    public int Count => _words[0];

    /// <summary>Whether every component and every value is in the report. If not, only <see cref="Row"/> may be used.</summary>
    public bool IsComplete => Count <= _layout.MaxComponents && _words[1] >= 0 && _words[1] <= _layout.MaxValues;

    /// <summary>A component; their order is not defined.</summary>
    public ComponentBox this[int index]
    {
        get
        {
            int at = At(index);
            return new(_words[at + ComponentLayout.MinX], _words[at + ComponentLayout.MinY], _words[at + ComponentLayout.MaxX],
                _words[at + ComponentLayout.MaxY], _words[at + ComponentLayout.Pixels],
                _values[at + ComponentLayout.Sum] / Math.Max(1, _words[at + ComponentLayout.Pixels]));
        }
    }

    /// <summary>Writes 1 for foreground and 0 for background.</summary>
    public void Row(int y, Span<sbyte> mask)
    {
        var words = _words.Slice(_layout.BitsAt + y * _layout.WordsPerRow, _layout.WordsPerRow);
        for (int i = 0; i < words.Length; i++)
        {
            uint word = (uint)words[i];
            var part = mask.Slice(32 * i, Math.Min(32, mask.Length - 32 * i));
            if (word == 0)
            {
                part.Clear();
                continue;
            }
            for (int b = 0; b < part.Length; b++)
            {
                part[b] = (sbyte)((word >> b) & 1);
            }
        }
    }

    /// <summary>Writes the values inside the boxes to their places in a map; the others stay as they are.</summary>
    public void Scatter(Span<float> map)
    {
        Check.That(IsComplete, $"ComponentReport: {Count} components are not all in the report");
        for (int i = 0; i < Count; i++)
        {
            var box = this[i];
            int width = box.MaxX - box.MinX + 1, from = _layout.ValuesAt + _words[At(i) + ComponentLayout.Offset];
            for (int y = box.MinY; y <= box.MaxY; y++, from += width)
            {
                _values.Slice(from, width).CopyTo(map[(y * _layout.Width + box.MinX)..]);
            }
        }
    }

    private static int At(int index) => ComponentLayout.Header + index * ComponentLayout.Fields;
}
