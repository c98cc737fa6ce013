namespace Tcm.Detect.Geometry;

/// <summary>
/// An edge of the outline as <see cref="WindingSweep"/> sees it. The sweep climbs the screen, from large y to small, so an
/// edge goes from its bottom to its top, whichever way the outline runs along it.
/// </summary>
internal sealed class SweepEdge
{
    private const double LevelSlope = double.NegativeInfinity;

    /// <summary>The lower end; of a level edge the end at which its bound arrives.</summary>
    public PixelPoint Bottom { get; private set; }

    /// <summary>The other end.</summary>
    public PixelPoint Top { get; private set; }

    /// <summary>Where the edge is at the height of the sweep, in whole pixels.</summary>
    public PixelPoint At { get; set; }

    /// <summary>dx / dy; of edges that start together the greater is further left above. Least for level edges.</summary>
    public double Slope { get; private set; }

    /// <summary>What the winding number grows by from the left side of the edge to its right side: 1 or -1.</summary>
    public int Winding { get; private set; }

    /// <summary>The winding number on the left side.</summary>
    public int WindingLeft { get; set; }

    /// <summary>The next edge of the same bound, upwards; null at a maximum.</summary>
    public SweepEdge? Above { get; set; }

    /// <summary>At a maximum: the edge of the other bound that ends there.</summary>
    public SweepEdge? Partner { get; set; }

    /// <summary>Place in the list of active edges.</summary>
    public int Position { get; set; }

    /// <summary>Place in the order that the crossings of one scanbeam lead to.</summary>
    public int Rank { get; set; }

    /// <summary>The part of a ring that this edge draws; null if it separates no inside from outside.</summary>
    public RingPart? Part { get; set; }

    /// <summary>Whether it draws at the front end of its part.</summary>
    public bool DrawsFront { get; set; }

    public bool IsLevel => Slope == LevelSlope;

    /// <summary>Whether one side has a positive winding number and the other has not.</summary>
    public bool IsBorder => WindingLeft > 0 != WindingLeft + Winding > 0;

    public void Set(PixelPoint bottom, PixelPoint top, int winding)
    {
        (Bottom, Top, At, Winding) = (bottom, top, bottom, winding);
        Slope = top.Y == bottom.Y ? LevelSlope : (double)(top.X - bottom.X) / (top.Y - bottom.Y);
        (Above, Partner, Part) = (null, null, null);
    }

    /// <summary>The column of the edge at height <paramref name="y"/>, rounded as a distance from the bottom.</summary>
    public int XAt(int y) => y == Top.Y ? Top.X : Bottom.X + Round(Slope * (y - Bottom.Y));

    public bool IsMaximum(int y) => Top.Y == y && Above is null;

    public bool IsIntermediate(int y) => Top.Y == y && Above is not null;

    /// <summary>Whether this edge, which starts at the sweep's height, belongs to the left of the active edge <paramref name="other"/>.</summary>
    public bool IsLeftOf(SweepEdge other) =>
        At.X != other.At.X ? At.X < other.At.X
        : Top.Y > other.Top.Y ? Top.X < other.XAt(Top.Y)
        : other.Top.X > XAt(other.Top.Y);

    /// <summary>Whether two segments are parallel.</summary>
    public static bool Parallel(PixelPoint a, PixelPoint b, PixelPoint c, PixelPoint d) =>
        (long)(a.Y - b.Y) * (c.X - d.X) == (long)(a.X - b.X) * (c.Y - d.Y);

    /// <summary>To the nearest whole number, halves away from zero.</summary>
    public static int Round(double value) => value < 0 ? (int)(value - 0.5) : (int)(value + 0.5);
}
