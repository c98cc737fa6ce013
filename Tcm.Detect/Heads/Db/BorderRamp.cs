using System.Numerics;

namespace Tcm.Detect.Heads.Db;

/// <summary>
/// The ramp of the threshold map (heads.md section 2.4): <c>high</c> on a polygon's edges, falling to <c>low</c> at a
/// distance of <c>reach</c> on both sides.
/// </summary>
/// <param name="Left">First column that may be drawn to.</param>
/// <param name="Top">First row.</param>
/// <param name="Right">Last column, inside the map.</param>
/// <param name="Bottom">Last row, inside the map.</param>
/// <param name="Reach">Distance at which the ramp ends, pixels.</param>
/// <param name="Low">Value there.</param>
/// <param name="High">Value on the edge.</param>
internal readonly record struct BorderRamp(int Left, int Top, int Right, int Bottom, double Reach, float Low, float High)
{
    /// <summary>Raises the values of a map of <paramref name="width"/> columns to the ramps around all edges.</summary>
    public void Draw(ReadOnlySpan<Vector2> polygon, Span<float> map, int width)
    {
        var from = polygon[^1];
        foreach (var to in polygon)
        {
            DrawEdge(from, to, map, width);
            from = to;
        }
    }

    // The maximum over edges is the ramp of the nearest one. No measure of distance below is smaller than the ordinary one,
    // so that pixels further than the reach from the edge's box need no look.
    private void DrawEdge(Vector2 from, Vector2 to, Span<float> map, int width)
    {
        int left = Math.Max(Left, (int)Math.Ceiling(Math.Min(from.X, to.X) - Reach));
        int right = Math.Min(Right, (int)Math.Floor(Math.Max(from.X, to.X) + Reach));
        int top = Math.Max(Top, (int)Math.Ceiling(Math.Min(from.Y, to.Y) - Reach));
        int bottom = Math.Min(Bottom, (int)Math.Floor(Math.Max(from.Y, to.Y) + Reach));
        if (left > right)
        {
            return;
        }
        double dx = (double)to.X - from.X, dy = (double)to.Y - from.Y;
        // The reference adds float's epsilon to the squared length, which also spares a division by 0.
        double length = Math.Sqrt((dx * dx) + (dy * dy) + 1.1920929e-7);
        var edge = new Edge(from, to, dx / length, dy / length, (float)((High - Low) / Reach), High);
        for (int y = top; y <= bottom; y++)
        {
            var row = map.Slice((y * width) + left, right - left + 1);
            int i = 0;
            for (; i <= row.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector.Max(new Vector<float>(row[i..]), edge.Values(left + i, y)).CopyTo(row[i..]);
            }
            if (i < row.Length)
            {
                var values = edge.Values(left + i, y);
                for (int lane = 0; i < row.Length; i++, lane++)
                {
                    row[i] = Math.Max(row[i], values[lane]);
                }
            }
        }
    }

    private readonly struct Edge(Vector2 from, Vector2 to, double unitX, double unitY, float slope, float high)
    {
        /// <summary>
        /// The ramp at x, x + 1, ...; may be less than its low end. As in the reference, a pixel outside the circle that has
        /// the edge as diameter takes the distance to the nearer end, also where the perpendicular would be shorter.
        /// </summary>
        public Vector<float> Values(int x, int y)
        {
            Vector<float> ax = Vector<float>.Indices + new Vector<float>(x - from.X), bx = Vector<float>.Indices + new Vector<float>(x - to.X);
            float ay = y - from.Y, by = y - to.Y;
            // Law of cosines: a^2 + b^2 - c^2 is twice this product.
            var outside = Vector.GreaterThan((ax * bx) + new Vector<float>(ay * by), Vector<float>.Zero);
            var toEnd = Vector.SquareRoot(Vector.Min((ax * ax) + new Vector<float>(ay * ay), (bx * bx) + new Vector<float>(by * by)));
            // Far along the edge two large products nearly cancel: that difference is taken in double.
            double cross = ((x - (double)from.X) * unitY) - ((y - (double)from.Y) * unitX);
            var perpendicular = Vector.Abs(new Vector<float>((float)cross) + (Vector<float>.Indices * (float)unitY));
            return new Vector<float>(high) - (Vector.ConditionalSelect(outside, toEnd, perpendicular) * slope);
        }
    }
}
