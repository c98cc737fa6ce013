namespace Tcm.Detect.Heads.Pan;

/// <summary>What <see cref="PixelAggregation"/> knows of a label, in pixels of the map.</summary>
internal record struct AggregatedRegion
{
    /// <summary>Its pixels.</summary>
    public int Count;

    /// <summary>Sum of their text probabilities.</summary>
    public double Sum;

    /// <summary>First and last column and row that it reaches.</summary>
    public int Left, Top, Right, Bottom;

    /// <summary>Mean text probability.</summary>
    public readonly double Score => Sum / Count;
}
