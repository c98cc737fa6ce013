namespace Tcm.Detect.Geometry;

/// <summary>A pixel position, x to the right and y down.</summary>
internal readonly record struct PixelPoint(int X, int Y);
