using System.Numerics;
using Tcm.Detect.Geometry;

namespace Tcm.Detect.Heads.Db;

/// <summary>Why a contour did not become a text region.</summary>
internal enum DbDrop
{
    /// <summary>It did.</summary>
    None,
    /// <summary>It came after the last candidate that is looked at.</summary>
    CandidateCap,
    /// <summary>Fewer than four corners are left.</summary>
    TooFewPoints,
    /// <summary>The mean probability is too low.</summary>
    Score,
    /// <summary>The grown outline is empty, falls apart, or has a hole.</summary>
    Rings,
    /// <summary>The result is too small.</summary>
    Size,
}

/// <summary>What became of one contour on its way to a text region, in network pixels.</summary>
internal sealed class DbCandidate
{
    public PixelPoint[] Contour { get; init; } = [];

    public PixelPoint[] Approximation { get; set; } = [];

    public double ArcLength { get; set; }

    public double Score { get; set; }

    public double Area { get; set; }

    public double Perimeter { get; set; }

    public PixelPoint[][] Rings { get; set; } = [];

    /// <summary>The result, in the order in which the reference gives it; empty if the contour was dropped.</summary>
    public Vector2[] Boundary { get; set; } = [];

    public DbDrop Drop { get; set; }
}
