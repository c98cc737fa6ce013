namespace Tcm.Detect.Geometry;

/// <summary>
/// The region between two straight lines and two heights. Areas of polygons are taken as lists of them, top to bottom and
/// left to right, disjoint, those between the same heights next to each other (<see cref="TrapezoidSweep"/>).
/// </summary>
/// <param name="Top">Smaller y.</param>
/// <param name="Bottom">Greater y, not equal to the smaller one.</param>
/// <param name="LeftTop">x of the left line at the top.</param>
/// <param name="LeftBottom">x of the left line at the bottom.</param>
/// <param name="RightTop">x of the right line at the top.</param>
/// <param name="RightBottom">x of the right line at the bottom.</param>
internal readonly record struct Trapezoid(double Top, double Bottom, double LeftTop, double LeftBottom, double RightTop,
    double RightBottom)
{
    /// <summary>Square pixels of a whole list.</summary>
    public static double Area(ReadOnlySpan<Trapezoid> list)
    {
        double sum = 0;
        foreach (ref readonly var t in list)
        {
            sum += (t.Bottom - t.Top) * (t.RightTop - t.LeftTop + t.RightBottom - t.LeftBottom) / 2;
        }
        return sum;
    }

    /// <summary>Square pixels that both lists cover. Ends early, with what it has found, when that exceeds <paramref name="enough"/>.</summary>
    public static double Intersection(ReadOnlySpan<Trapezoid> a, ReadOnlySpan<Trapezoid> b, double enough)
    {
        double sum = 0;
        int first = 0;
        foreach (ref readonly var t in a)
        {
            while (first < b.Length && b[first].Bottom <= t.Top)
            {
                first++;
            }
            for (int i = first; i < b.Length && b[i].Top < t.Bottom; i++)
            {
                sum += Intersection(t, b[i]);
            }
            if (sum > enough || first == b.Length)
            {
                break;
            }
        }
        return sum;
    }

    private static double Intersection(in Trapezoid a, in Trapezoid b)
    {
        if (Math.Min(a.LeftTop, a.LeftBottom) >= Math.Max(b.RightTop, b.RightBottom)
            || Math.Min(b.LeftTop, b.LeftBottom) >= Math.Max(a.RightTop, a.RightBottom))
        {
            return 0;
        }
        double top = Math.Max(a.Top, b.Top), bottom = Math.Min(a.Bottom, b.Bottom);
        var (a0, a1) = (a.Between(top), a.Between(bottom));
        var (b0, b1) = (b.Between(top), b.Between(bottom));
        // The width of what both cover is a straight function of the height but where left lines, or right lines, cross.
        double first = Crossing(a0.Left - b0.Left, a1.Left - b1.Left), second = Crossing(a0.Right - b0.Right, a1.Right - b1.Right);
        double width0 = Width(0), width1 = Width(1);
        if (first == 1 && second == 1)
        {
            return (bottom - top) * MeanPositive(width0, width1);
        }
        if (first > second)
        {
            (first, second) = (second, first);
        }
        double middle0 = Width(first), middle1 = Width(second);
        return (bottom - top) * ((first * MeanPositive(width0, middle0)) + ((second - first) * MeanPositive(middle0, middle1))
            + ((1 - second) * MeanPositive(middle1, width1)));

        double Width(double share) =>
            Math.Min(Mix(a0.Right, a1.Right, share), Mix(b0.Right, b1.Right, share))
            - Math.Max(Mix(a0.Left, a1.Left, share), Mix(b0.Left, b1.Left, share));
    }

    private (double Left, double Right) Between(double y)
    {
        double share = y == Top ? 0 : y == Bottom ? 1 : (y - Top) / (Bottom - Top);
        return (Mix(LeftTop, LeftBottom, share), Mix(RightTop, RightBottom, share));
    }

    /// <summary>Exact at both ends.</summary>
    private static double Mix(double from, double to, double share) => share == 1 ? to : from + ((to - from) * share);

    /// <summary>Share of the way at which a difference changes its sign; 1 if it does not.</summary>
    private static double Crossing(double from, double to) => from * to < 0 ? from / (from - to) : 1;

    /// <summary>Mean over the way of a straight function, taken as 0 where it is negative.</summary>
    private static double MeanPositive(double from, double to)
    {
        if (from >= 0 && to >= 0)
        {
            return (from + to) / 2;
        }
        double most = Math.Max(from, to), least = Math.Min(from, to);
        return most <= 0 ? 0 : most * most / (2 * (most - least));
    }
}
