namespace Tcm.Kernels.Components;

/// <summary>
/// Where the parts of a report of <see cref="ConnectedComponents"/> lie, in 32-bit words: the number of components and of box values;
/// a row of <see cref="Fields"/> for each component; one bit a pixel, rows in whole words, lowest bit first; the values of the boxes.
/// </summary>
/// <param name="Height">Rows of the map.</param>
/// <param name="Width">Columns of the map.</param>
public readonly record struct ComponentLayout(int Height, int Width)
{
    internal const int Header = 4, Fields = 8;

    // Columns of a component's row.
    internal const int MinX = 0, MinY = 1, MaxX = 2, MaxY = 3, Pixels = 4, Sum = 5, Offset = 6;

    // Their product, the most that a sum of places can come to, is below 2^31.
    private const int MostComponents = 2048, MostValues = 1_000_000;

    /// <summary>Components that there is room for; a map with more is copied whole.</summary>
    public int MaxComponents => (int)Math.Clamp((long)Height * Width / 256, 16, MostComponents);

    /// <summary>Values of boxes that there is room for: a quarter of the map. Where text covers more, the map is copied whole.</summary>
    public int MaxValues => (int)Math.Clamp((long)Height * Width / 4, 64, MostValues);

    /// <summary>Words of one row of bits.</summary>
    public int WordsPerRow => (Width + 31) / 32;

    /// <summary>All of the report, in words.</summary>
    public int Length => checked(ValuesAt + MaxValues);

    internal int BitsAt => Header + MaxComponents * Fields;

    internal int ValuesAt => checked(BitsAt + WordsPerRow * Height);
}
