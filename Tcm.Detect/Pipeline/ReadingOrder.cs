using System.Numerics;

namespace Tcm.Detect.Pipeline;

/// <summary>
/// Sorts regions as a page is read. From left to right, each region joins the row whose last region lies beside it (the centre of
/// each at a height that the other covers), so that a row may climb or fall; rows go from top to bottom. Thread-safe.
/// </summary>
internal static class ReadingOrder
{
    /// <summary>The regions, row by row; the result depends on where they are, not on the order in which they come.</summary>
    public static IReadOnlyList<TextRegion> Sort(IReadOnlyList<TextRegion> regions)
    {
        var boxes = regions.Select(Box.Of).OrderBy(b => b.Center.X).ThenBy(b => b.Center.Y).ThenByDescending(b => b.Region.Score);
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

    /// <summary>A region with the middle and the height of its upright bounding box.</summary>
    private readonly record struct Box(TextRegion Region, Vector2 Center, float Height)
    {
        public static Box Of(TextRegion region)
        {
            var least = region.Quad.Aggregate(Vector2.Min);
            var most = region.Quad.Aggregate(Vector2.Max);
            return new Box(region, (least + most) / 2, most.Y - least.Y);
        }

        public bool IsBeside(Box other) => Math.Abs(Center.Y - other.Center.Y) < Math.Min(Height, other.Height) / 2;
    }
}
