namespace Tcm.Detect.Heads.Db;

/// <summary>Settings of DBNet's post-processing (heads.md section 2.3; the defaults are those of TCM's ICDAR2015 model).</summary>
public sealed record DbPostProcessingOptions
{
    /// <summary>A pixel is text where its probability is greater than this.</summary>
    public float BinaryThreshold { get; init; } = 0.28f;

    /// <summary>Regions whose mean probability is lower are dropped.</summary>
    public float BoxThreshold { get; init; } = 0.2f;

    /// <summary>Quads whose shorter side, in network pixels, is not greater than this are dropped.</summary>
    public float MinSide { get; init; } = 2;

    /// <summary>How far the shrunk kernel is grown back: distance = area * ratio / perimeter.</summary>
    public float UnclipRatio { get; init; } = 1.6f;

    /// <summary>Contours beyond this number (in the order in which they are found) are not looked at.</summary>
    public int MaxCandidates { get; init; } = 3000;

    /// <summary>Whether contours are simplified (Douglas-Peucker) before they are scored and grown.</summary>
    public bool Simplify { get; init; } = true;

    /// <summary>Tolerance of the simplification as a share of the contour's length.</summary>
    public float SimplifyRatio { get; init; } = 0.001f;

    /// <summary>Polygons that follow the text instead of quads.</summary>
    public bool Polygons { get; init; }

    /// <summary>With <see cref="Polygons"/>: also drop polygons whose smallest rectangle is narrower than
    /// <see cref="MinSide"/>.</summary>
    public bool FilterSmallPolygons { get; init; }
}
