using System.Numerics;

namespace Tcm.Detect;

/// <summary>
/// One piece of text that was found. Immutable; safe to share between threads. Polygon and quad run clockwise on the screen from
/// the corner where reading begins: the top left one as the reader sees it. Text is taken to be read to the right, or downwards
/// (which makes its first corner the upper right one on the screen) where its smallest rectangle is steep, at least one and a half
/// times as tall as wide.
/// </summary>
/// <param name="Polygon">Its outline in pixels of the source picture (x right, y down; the centre of the first pixel is (0,0)). May
/// reach a little outside the picture.</param>
/// <param name="Quad">The corners of the smallest rectangle, at any angle, around the polygon.</param>
/// <param name="Score">Text probability, 0 to 1: the mean inside the outline (DB, PAN), or the best pixel's (FCE).</param>
public sealed record TextRegion(IReadOnlyList<Vector2> Polygon, IReadOnlyList<Vector2> Quad, float Score);
