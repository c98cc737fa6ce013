using System.Numerics;

namespace Tcm.Detect.Pipeline;

/// <summary>Where reading of a region begins, and the order of vertices that follows from it. Thread-safe.</summary>
internal static class ReadingDirection
{
    // Below it a steep rectangle is rather a letter or a short word than a line that is read downwards.
    private const float Tall = 1.5f;

    /// <summary>The region with polygon and quad beginning where reading does.</summary>
    public static TextRegion Order(TextRegion region)
    {
        var direction = Of(region.Quad);
        var quad = From(region.Quad, direction);
        return region with
        {
            Quad = quad,
            Polygon = ReferenceEquals(region.Polygon, region.Quad) ? quad : From(region.Polygon, direction),
        };
    }

    /// <summary>Unit vector along which the text of a rectangle is read: to the right, or downwards for steep ones.</summary>
    public static Vector2 Of(IReadOnlyList<Vector2> quad)
    {
        var (a, b) = (quad[1] - quad[0], quad[2] - quad[1]);
        float width = a.Length(), height = b.Length();
        if (width == 0)
        {
            // A rectangle without width still has the direction of its other side.
            a = new Vector2(b.Y, -b.X);
        }
        if (Math.Abs(a.X) < Math.Abs(a.Y))
        {
            (a, width, height) = (new Vector2(a.Y, -a.X), height, width);
        }
        if (a == Vector2.Zero)
        {
            return Vector2.UnitX;
        }
        var right = Vector2.Normalize(a.X < 0 ? -a : a);
        return height >= Tall * width ? Below(right) : right;
    }

    private static Vector2 Below(Vector2 direction) => new(-direction.Y, direction.X);

    // The first vertex is the top left one for a reader who looks along the direction: the smallest sum of the two coordinates,
    // and of several of those the upper one.
    private static IReadOnlyList<Vector2> From(IReadOnlyList<Vector2> polygon, Vector2 direction)
    {
        var below = Below(direction);
        int first = 0;
        (float Sum, float Height) best = (float.PositiveInfinity, float.PositiveInfinity);
        for (int i = 0; i < polygon.Count; i++)
        {
            float height = Vector2.Dot(polygon[i], below);
            var at = (Vector2.Dot(polygon[i], direction) + height, height);
            if (at.CompareTo(best) < 0)
            {
                (best, first) = (at, i);
            }
        }
        if (first == 0)
        {
            return polygon;
        }
        var turned = new Vector2[polygon.Count];
        for (int i = 0; i < turned.Length; i++)
        {
            turned[i] = polygon[(first + i) % turned.Length];
        }
        return Array.AsReadOnly(turned);
    }
}
