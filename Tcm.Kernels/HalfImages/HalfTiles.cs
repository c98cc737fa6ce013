namespace Tcm.Kernels.HalfImages;

/// <summary>
/// The part of a product that a group computes: M rows (pixels) by N columns (channels), in warps of WarpM x WarpN. Three stages of
/// (M + N) rows of 64 bytes must fit 48 KiB and hold 64 rows of N + 8 floats for the epilogue; M and N are multiples of 64 and of
/// a quarter of the threads, WarpM and WarpN 32 or 64.
/// </summary>
internal interface IHalfTile
{
    static abstract int M { get; }

    static abstract int N { get; }

    static abstract int WarpM { get; }

    static abstract int WarpN { get; }
}

/// <summary>128x128, 4 warps of 64x64: 128 sums a thread, 64 multiplications of fragments for 16 loads a step.</summary>
internal readonly struct HalfTile128x128 : IHalfTile
{
    public static int M => 128;

    public static int N => 128;

    public static int WarpM => 64;

    public static int WarpN => 64;
}

/// <summary>128x64, 4 warps of 64x32: few channels over many pixels.</summary>
internal readonly struct HalfTile128x64 : IHalfTile
{
    public static int M => 128;

    public static int N => 64;

    public static int WarpM => 64;

    public static int WarpN => 32;
}

/// <summary>64x64, 4 warps of 32x32: results too small to fill the device otherwise.</summary>
internal readonly struct HalfTile64x64 : IHalfTile
{
    public static int M => 64;

    public static int N => 64;

    public static int WarpM => 32;

    public static int WarpN => 32;
}
