using System.Numerics;

namespace Tcm.Detect;

/// <summary>One piece of text that was found.</summary>
/// <param name="Polygon">Its outline, clockwise on the screen, in pixels of the source picture (x right, y down; the
/// centre of the first pixel is (0,0)). May reach a little outside the picture.</param>
/// <param name="Quad">The corners of the smallest rectangle, at any angle, around the polygon; clockwise.</param>
/// <param name="Score">Text probability, 0 to 1: the mean inside the outline (DB, PAN), or the best pixel's (FCE).</param>
public sealed record TextRegion(IReadOnlyList<Vector2> Polygon, IReadOnlyList<Vector2> Quad, float Score);

/// <summary>Wall-clock milliseconds of the stages of one detection.</summary>
/// <param name="Preprocess">Resize, normalise, pad.</param>
/// <param name="Network">The forward pass, until its result is in host memory.</param>
/// <param name="Postprocess">From the probability map to polygons.</param>
public readonly record struct DetectionTimings(double Preprocess, double Network, double Postprocess)
{
    /// <summary>Sum of the stages.</summary>
    public double Total => Preprocess + Network + Postprocess;
}

/// <summary>What was found in one picture, with the size of the picture.</summary>
public sealed record DetectionResult(int Width, int Height, IReadOnlyList<TextRegion> Regions, DetectionTimings Timings);
