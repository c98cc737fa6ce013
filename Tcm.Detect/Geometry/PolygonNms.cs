namespace Tcm.Detect.Geometry;

/// <summary>Non-maximum suppression of polygons.</summary>
internal static class PolygonNms
{
    private const int LargestBlock = 1024, ParallelBlock = 64;

    /// <summary>
    /// Takes the best polygon and drops those whose intersection over union with it is greater than
    /// <paramref name="overlap"/>, until none is left. Of equally good ones the last counts as the best. Uses all cores.
    /// </summary>
    /// <returns>Those that were taken, best first.</returns>
    public static List<ScoredPolygon> Suppress(IReadOnlyList<ScoredPolygon> polygons, double overlap)
    {
        ScoredPolygon[] ranked = [.. polygons.OrderBy(p => p.Score).Reverse()];
        var kept = new List<ScoredPolygon>();
        if (ranked.Length == 0)
        {
            return kept;
        }
        // A polygon is dropped by any better one that stays: a block is compared with what stays so far, in parallel, and what
        // is left of it, which is little, with each other. Blocks grow, since at first there is nothing to compare with.
        var grid = new PolygonGrid(ranked, overlap);
        var isDropped = new bool[Math.Min(LargestBlock, ranked.Length)];
        for (int start = 0, size; start < ranked.Length; start += size)
        {
            size = Math.Min(Math.Clamp(start, 1, LargestBlock), ranked.Length - start);
            int first = start;
            if (size < ParallelBlock)
            {
                Array.Clear(isDropped);
            }
            else
            {
                Parallel.For(0, size, i =>
                {
                    isDropped[i] = grid.Suppresses(ranked[first + i]);
                    if (!isDropped[i])
                    {
                        ranked[first + i].Keep();
                    }
                });
            }
            for (int i = 0; i < size; i++)
            {
                var polygon = ranked[start + i];
                if (!isDropped[i] && !grid.Suppresses(polygon))
                {
                    grid.Add(polygon);
                    kept.Add(polygon);
                }
            }
        }
        return kept;
    }
}
