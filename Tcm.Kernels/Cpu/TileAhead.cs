using System.Runtime.CompilerServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// Brings the rows that a pointwise convolution packs next into the second-level cache, a few with each tile that is
/// multiplied: they are a plane apart, which the hardware does not foresee, and waiting for them costs as much as multiplying
/// where there are few output channels.
/// </summary>
internal unsafe struct InputAhead
{
    private readonly long _plane;
    private readonly int _length, _rowsPerTile;
    private float* _next;
    private int _rows;

    /// <param name="next">First pixel of the first row.</param>
    /// <param name="plane">Floats from row to row.</param>
    /// <param name="rows">Rows, one for each input channel.</param>
    /// <param name="length">Pixels that follow each other in a row; 0 where nothing follows.</param>
    /// <param name="tiles">Tiles to be multiplied meanwhile.</param>
    public InputAhead(float* next, long plane, int rows, int length, int tiles)
    {
        _next = next;
        _plane = plane;
        _length = length;
        _rows = length > 0 && tiles > 0 ? rows : 0;
        _rowsPerTile = _rows == 0 ? 0 : (rows + tiles - 1) / tiles;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FetchForTile()
    {
        if (_rows > 0)
        {
            Fetch();
        }
    }

    private void Fetch()
    {
        for (int i = 0; i < _rowsPerTile && _rows > 0; i++, _rows--, _next += _plane)
        {
            CacheLines.FetchForLater(_next, _length);
        }
    }
}

/// <summary>
/// What is fetched into the caches while a tile is multiplied: rows of the next input, and those that the next strip reads or writes.
/// They are a plane apart, which the hardware does not foresee. By default nothing: what lies one after the other it does foresee.
/// </summary>
internal unsafe struct TileAhead
{
    public InputAhead Input;

    /// <summary>Floats between the rows of the next strip; 0 where there is none.</summary>
    public nint Plane;

    /// <param name="y">The tile that is multiplied next.</param>
    /// <param name="residual">Its residual, or null.</param>
    /// <param name="columns">Floats of a row of a tile.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeforeTile(float* y, float* residual, int columns)
    {
        if (Plane != 0)
        {
            Fetch(y, columns);
            if (residual != null && residual != y)
            {
                Fetch(residual, columns);
            }
        }
        Input.FetchForTile();
    }

    /// <summary>The 4 rows below a tile of 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Fetch(float* tile, int columns)
    {
        float* next = tile + (4 * Plane);
        for (int row = 0; row < 4; row++, next += Plane)
        {
            // A tile's row may begin anywhere in a line.
            CacheLines.Fetch(next);
            CacheLines.Fetch(next + columns - 1);
        }
    }
}
