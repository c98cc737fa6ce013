using System.Numerics;

namespace Tcm.Detect.Geometry;

/// <summary>Area, perimeter and order of vertices of polygons given by their vertices, without the first one repeated.</summary>
internal static class PolygonMeasures
{
    /// <summary>Twice the shoelace area: positive if the vertices run clockwise on the screen (y down).</summary>
    public static long TwiceSignedArea(ReadOnlySpan<PixelPoint> polygon)
    {
        if (polygon.Length == 0)
        {
            return 0;
        }
        long sum = 0;
        var from = polygon[^1];
        foreach (var to in polygon)
        {
            sum += (long)from.X * to.Y - (long)to.X * from.Y;
            from = to;
        }
        return sum;
    }

    /// <summary>Shoelace area: positive if the vertices run clockwise on the screen (y down).</summary>
    public static double SignedArea(ReadOnlySpan<Vector2> polygon)
    {
        if (polygon.Length == 0)
        {
            return 0;
        }
        double sum = 0;
        var from = polygon[^1];
        foreach (var to in polygon)
        {
            sum += (double)from.X * to.Y - (double)to.X * from.Y;
            from = to;
        }
        return sum / 2;
    }

    /// <summary>Length of the closed outline.</summary>
    public static double Perimeter(ReadOnlySpan<PixelPoint> polygon)
    {
        if (polygon.Length == 0)
        {
            return 0;
        }
        double sum = 0;
        var from = polygon[^1];
        foreach (var to in polygon)
        {
            double dx = to.X - from.X;
            double dy = to.Y - from.Y;
            sum += Math.Sqrt(dx * dx + dy * dy);
            from = to;
        }
        return sum;
    }

    /// <summary>
    /// Orders the vertices clockwise on the screen, beginning with the top-left-most one: the smallest x + y, and of
    /// several of those the upper one.
    /// </summary>
    public static void OrderForScreen(Span<Vector2> polygon)
    {
        if (SignedArea(polygon) < 0)
        {
            polygon.Reverse();
        }
        int first = 0;
        for (int i = 1; i < polygon.Length; i++)
        {
            float difference = polygon[i].X + polygon[i].Y - (polygon[first].X + polygon[first].Y);
            if (difference < 0 || (difference == 0 && polygon[i].Y < polygon[first].Y))
            {
                first = i;
            }
        }
        // Rotation by three reversals, in place.
        polygon[..first].Reverse();
        polygon[first..].Reverse();
        polygon.Reverse();
    }
}
