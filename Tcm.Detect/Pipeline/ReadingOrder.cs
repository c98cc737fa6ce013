using System.Numerics;

namespace Tcm.Detect.Pipeline;

/// <summary>
/// Sorts regions as a page is read, along the page's own direction, which is that of most text. From left to right, each region joins
/// the row whose last region lies beside it (the centre of each at a height that the other covers); rows go from top to bottom.
/// Thread-safe.
/// </summary>
internal static class ReadingOrder
{
    /// <summary>The regions, row by row; the result depends on where they are, not on the order in which they come.</summary>
    public static IReadOnlyList<TextRegion> Sort(IReadOnlyList<TextRegion> regions)
    {
        var direction = Direction(regions);
        var boxes = regions.Select(r => Box.Of(r, direction)).OrderBy(b => b.Center.X).ThenBy(b => b.Center.Y)
            .ThenByDescending(b => b.Region.Score);
        var rows = new List<List<Box>>();
        foreach (var box in boxes)
        {
            var row = rows.Where(r => r[^1].IsBeside(box)).MinBy(r => Math.Abs(r[^1].Center.Y - box.Center.Y));
            if (row is null)
            {
                rows.Add(row = []);
            }
            row.Add(box);
        }
        return [.. rows.OrderBy(r => r.Average(b => b.Center.Y)).ThenBy(r => r[0].Center.X).SelectMany(r => r).Select(b => b.Region)];
    }

    // The mean of the text that is read to the right, long text counting more. Sums of doubles differ in their last bits with the
    // order of the regions, so they are rounded to less than a thousandth of a degree.
    private static Vector2 Direction(IReadOnlyList<TextRegion> regions)
    {
        double x = 0, y = 0;
        foreach (var region in regions)
        {
            var direction = ReadingDirection.Of(region.Quad);
            if (direction.X > Math.Abs(direction.Y))
            {
                var (least, most) = Extent(region.Quad, direction);
                x += direction.X * (double)(most - least);
                y += direction.Y * (double)(most - least);
            }
        }
        double angle = Math.Round(Math.Atan2(y, x), 5);
        return new Vector2((float)Math.Cos(angle), (float)Math.Sin(angle));
    }

    private static (float Least, float Most) Extent(IReadOnlyList<Vector2> points, Vector2 direction) =>
        (points.Min(p => Vector2.Dot(p, direction)), points.Max(p => Vector2.Dot(p, direction)));

    /// <summary>A region with the middle and the height of its bounding box along the page's direction.</summary>
    private readonly record struct Box(TextRegion Region, Vector2 Center, float Height)
    {
        public static Box Of(TextRegion region, Vector2 direction)
        {
            var (left, right) = Extent(region.Quad, direction);
            var (top, bottom) = Extent(region.Quad, new Vector2(-direction.Y, direction.X));
            return new Box(region, new Vector2(left + right, top + bottom) / 2, bottom - top);
        }

        public bool IsBeside(Box other) => Math.Abs(Center.Y - other.Center.Y) < Math.Min(Height, other.Height) / 2;
    }
}
