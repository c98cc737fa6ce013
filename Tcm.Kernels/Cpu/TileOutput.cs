namespace Tcm.Kernels.Cpu;

/// <summary>Where tiles of a product go, and what is added to them: y = act(product + bias + residual).</summary>
internal unsafe struct TileOutput
{
    /// <summary>A value for each of a tile's 4 rows, or for each column; null for none.</summary>
    public float* Bias;

    public bool BiasOfColumns;

    /// <summary>Laid out as Y, and may be the same memory; null for none.</summary>
    public float* Residual;

    public float* Y;

    /// <summary>Floats from row to row of Y and of the residual.</summary>
    public nint Pitch;

    /// <summary>Whether what is below 0 becomes 0.</summary>
    public bool Relu;
}
