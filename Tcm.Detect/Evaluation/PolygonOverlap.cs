using System.Numerics;
using NetTopologySuite.Geometries;
using NtsGeometry = NetTopologySuite.Geometries.Geometry;

namespace Tcm.Detect.Evaluation;

/// <summary>
/// A polygon whose areas with others are asked for, by the overlay algorithms of the reference evaluator (GEOS, here its
/// relative NetTopologySuite). Invalid polygons are repaired by a buffer of width 0 first.
/// </summary>
internal sealed class PolygonOverlap
{
    private static readonly GeometryFactory Factory = new();
    private readonly NtsGeometry _geometry;

    public PolygonOverlap(IReadOnlyList<Vector2> polygon) : this([.. polygon.Select(p => new Coordinate(p.X, p.Y))]) { }

    internal PolygonOverlap(IReadOnlyList<Coordinate> corners)
    {
        NtsGeometry polygon = Factory.CreatePolygon([.. corners, corners[0].Copy()]);
        _geometry = polygon.IsValid ? polygon : polygon.Buffer(0);
        Area = _geometry.Area;
    }

    /// <summary>Square pixels.</summary>
    public double Area { get; }

    /// <summary>Area of what both cover.</summary>
    public double Intersection(PolygonOverlap other) =>
        _geometry.EnvelopeInternal.Intersects(other._geometry.EnvelopeInternal)
            ? _geometry.Intersection(other._geometry).Area : 0;

    /// <summary>Intersection over union; 0 where the union is empty.</summary>
    public double IntersectionOverUnion(PolygonOverlap other)
    {
        double both = Intersection(other), either = Area + other.Area - both;
        return either > 0 ? both / either : 0;
    }
}
