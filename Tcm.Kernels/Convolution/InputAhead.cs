using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Brings the rows that a pointwise convolution packs next into the second-level cache, a few with each tile that is
/// multiplied: they are a plane apart, which the hardware does not foresee, and waiting for them costs as much as multiplying
/// where there are few output channels.
/// </summary>
internal unsafe struct InputAhead
{
    private const int LineFloats = 16;

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
        _rows = Sse.IsSupported && length > 0 && tiles > 0 ? rows : 0;
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
            for (int j = 0; j < _length; j += LineFloats)
            {
                Sse.Prefetch1(_next + j);
            }
        }
    }
}

/// <summary>What a pointwise convolution needs after the strip that is multiplied: rows of its input, and those that the next strip
/// reads or writes. They are a plane apart, which the hardware does not foresee.</summary>
internal unsafe struct StripAhead<T> : ITileAhead where T : struct, IFloatVector<T>
{
    public InputAhead Input;

    /// <summary>Floats between the rows of the next strip; 0 where there is none.</summary>
    public nint Plane;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeforeTile(float* y, float* residual)
    {
        if (Plane != 0 && Sse.IsSupported)
        {
            Fetch(y + (Gemm<T>.Rows * Plane));
            if (residual != null && residual != y)
            {
                Fetch(residual + (Gemm<T>.Rows * Plane));
            }
        }
        Input.FetchForTile();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Fetch(float* next)
    {
        for (int row = 0; row < Gemm<T>.Rows; row++, next += Plane)
        {
            Sse.Prefetch0(next);
            Sse.Prefetch0(next + Gemm<T>.Columns - 1);
        }
    }
}
