namespace Tcm.Detect.Geometry;

/// <summary>Something that happens at a height of the screen.</summary>
internal interface IAtHeight
{
    /// <summary>Row.</summary>
    int Y { get; }
}

/// <summary>
/// Sorts from the bottom of the screen upwards. Clipper leaves the order of what happens in the same row to its sort, and the
/// rings depend on it, so this is the usual introspective sort (Musser 1997) as GCC's library has it: partitions around the
/// median of the second, the middle and the last element down to 16 elements, then one insertion sort. Not stable.
/// </summary>
internal static class HeightSort
{
    private const int Threshold = 16;

    public static void Sort<T>(Span<T> items) where T : struct, IAtHeight
    {
        Partition(items);
        for (int i = 1; i < items.Length; i++)
        {
            var item = items[i];
            int at = i;
            for (; at > 0 && item.Y > items[at - 1].Y; at--)
            {
                items[at] = items[at - 1];
            }
            items[at] = item;
        }
    }

    private static void Partition<T>(Span<T> items) where T : struct, IAtHeight
    {
        while (items.Length > Threshold)
        {
            int median = Median(items, 1, items.Length / 2, items.Length - 1);
            (items[0], items[median]) = (items[median], items[0]);
            int pivot = items[0].Y, low = 1, high = items.Length;
            while (true)
            {
                while (items[low].Y > pivot)
                {
                    low++;
                }
                do
                {
                    high--;
                }
                while (pivot > items[high].Y);
                if (low >= high)
                {
                    break;
                }
                (items[low], items[high]) = (items[high], items[low]);
                low++;
            }
            Partition(items[low..]);
            items = items[..low];
        }
    }

    // Which of three places holds the median; of equal ones the place that the order of the comparisons leads to.
    private static int Median<T>(ReadOnlySpan<T> items, int a, int b, int c) where T : struct, IAtHeight
    {
        int ya = items[a].Y, yb = items[b].Y, yc = items[c].Y;
        if (ya > yb)
        {
            return yb > yc ? b : ya > yc ? c : a;
        }
        return ya > yc ? a : yb > yc ? c : b;
    }
}
