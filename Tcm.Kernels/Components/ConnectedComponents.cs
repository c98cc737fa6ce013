namespace Tcm.Kernels.Components;

/// <summary>
/// Connected regions of a map's pixels above a threshold, with 8 neighbours. A pixel is foreground when its value is greater than the
/// threshold and finite. Thread-safe as far as its backend is.
/// </summary>
public abstract class ConnectedComponents
{
    // Only Tcm derives from it, so that members can be added.
    private protected ConnectedComponents() { }

    /// <summary>Names each pixel's component.</summary>
    /// <param name="h">Rows.</param>
    /// <param name="w">Columns.</param>
    /// <param name="threshold">Foreground is above it.</param>
    /// <param name="map">(h,w).</param>
    /// <param name="labels">
    /// (h,w) of 32-bit integers in the place of floats: for a foreground pixel the smallest row-major index of its component, else -1.
    /// </param>
    public void Label(int h, int w, float threshold, Slice map, Slice labels)
    {
        const string op = "Label";
        CheckMap(op, h, w, map);
        Check.Length(op, "labels", labels, (long)h * w);
        LabelCore(h, w, threshold, map, labels);
    }

    /// <summary>
    /// Reduces a map to what tracing and scoring of its components read: one bit a pixel, the box, size and sum of every component,
    /// and the values inside the boxes. Read it with <see cref="ComponentReport"/> once it is on the host.
    /// </summary>
    /// <param name="layout">Sizes, and places in <paramref name="report"/>.</param>
    /// <param name="threshold">Foreground is above it.</param>
    /// <param name="map">(h,w).</param>
    /// <param name="report"><see cref="ComponentLayout.Length"/> floats.</param>
    public void Report(ComponentLayout layout, float threshold, Slice map, Slice report)
    {
        const string op = "Report";
        CheckMap(op, layout.Height, layout.Width, map);
        Check.Length(op, "report", report, layout.Length);
        ReportCore(layout, threshold, map, report);
    }

    private protected abstract void LabelCore(int h, int w, float threshold, Slice map, Slice labels);

    private protected abstract void ReportCore(ComponentLayout layout, float threshold, Slice map, Slice report);

    private static void CheckMap(string op, int h, int w, Slice map)
    {
        Check.That(h > 0 && w > 0 && (long)h * w <= 1 << 30, $"{op}: a map of {h}x{w}, expected at most 2^30 pixels");
        Check.Length(op, "map", map, (long)h * w);
    }
}
