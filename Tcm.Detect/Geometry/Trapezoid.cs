using System.Runtime.CompilerServices;

namespace Tcm.Detect.Geometry;

/// <summary>
/// The region between two straight lines and two heights. Areas of polygons are taken as lists of them, top to bottom and
/// left to right, disjoint, those between the same heights next to each other (<see cref="TrapezoidSweep"/>).
/// </summary>
/// <param name="Top">Smaller y.</param>
/// <param name="Bottom">Greater y, not equal to the smaller one.</param>
/// <param name="Left">x of the left line at the top.</param>
/// <param name="LeftSlope">What a step down adds to it.</param>
/// <param name="Right">x of the right line at the top.</param>
/// <param name="RightSlope">What a step down adds to it.</param>
internal readonly record struct Trapezoid(double Top, double Bottom, double Left, double LeftSlope, double Right, double RightSlope)
{
    /// <summary>Square pixels of a whole list.</summary>
    public static double Area(ReadOnlySpan<Trapezoid> list)
    {
        double sum = 0;
        foreach (ref readonly var t in list)
        {
            double height = t.Bottom - t.Top;
            sum += height * (t.Right - t.Left + ((t.RightSlope - t.LeftSlope) * height / 2));
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
        double top = Math.Max(a.Top, b.Top), height = Math.Min(a.Bottom, b.Bottom) - top, downA = top - a.Top, downB = top - b.Top;
        double leftA = a.Left + (a.LeftSlope * downA), rightA = a.Right + (a.RightSlope * downA);
        double leftB = b.Left + (b.LeftSlope * downB), rightB = b.Right + (b.RightSlope * downB);
        // Differences of left lines and of right lines, above and below.
        double left0 = leftA - leftB, left1 = left0 + ((a.LeftSlope - b.LeftSlope) * height);
        double right0 = rightA - rightB, right1 = right0 + ((a.RightSlope - b.RightSlope) * height);
        double width0 = Math.Min(rightA, rightB) - Math.Max(leftA, leftB);
        if (left0 * left1 >= 0 && right0 * right1 >= 0)
        {
            double leftSlope = left0 + left1 > 0 ? a.LeftSlope : b.LeftSlope;
            double rightSlope = right0 + right1 < 0 ? a.RightSlope : b.RightSlope;
            return height * MeanPositive(width0, width0 + ((rightSlope - leftSlope) * height));
        }
        // The width of what both cover is a straight function of the height but where left lines, or right lines, cross.
        double first = Crossing(left0, left1), second = Crossing(right0, right1);
        if (first > second)
        {
            (first, second) = (second, first);
        }
        double width1 = Width(a, b, first), width2 = Width(a, b, second);
        return height * ((first * MeanPositive(width0, width1)) + ((second - first) * MeanPositive(width1, width2))
            + ((1 - second) * MeanPositive(width2, Width(a, b, 1))));

        double Width(in Trapezoid a, in Trapezoid b, double share)
        {
            double down = share * height;
            return Math.Min(rightA + (a.RightSlope * down), rightB + (b.RightSlope * down))
                - Math.Max(leftA + (a.LeftSlope * down), leftB + (b.LeftSlope * down));
        }
    }

    /// <summary>Share of the way at which a difference changes its sign; 1 if it does not.</summary>
    private static double Crossing(double from, double to) => from * to < 0 ? from / (from - to) : 1;

    /// <summary>Mean over the way of a straight function, taken as 0 where it is negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
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
