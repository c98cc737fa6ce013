namespace Tcm.Kernels.Convolution;

/// <summary>
/// How the weight gradient cuts its work and lays out x. A panel's columns are pairs (copy, c): copy t of a channel is the
/// channel seen from one tap. With stride 1, x has a border of zeros, so that most taps are mere offsets into it, and copies
/// (one row apart) only fill up panels that the channels leave half empty. With another stride each tap is a copy.
/// </summary>
internal readonly struct WeightGradientLayout
{
    private const int WantedTasks = 32;
    private const long ScratchFloats = 64 * 1024;
    private const int PixelsPerSegment = 512;
    private const long MaxSums = 4 << 20;
    private const int StripRows = 4;

    public readonly Conv2dShape Shape;

    /// <summary>Whether taps are offsets.</summary>
    public readonly bool Shifted;

    /// <summary>Copies of each channel, and offsets at which a panel is read.</summary>
    public readonly int Copies, Shifts;

    /// <summary>Pixels from one row of dy to the next; dy is 0 past its own Q.</summary>
    public readonly int RowWidth;

    /// <summary>Rows of dy in a chunk, rows of x that it needs in addition, chunks of an image and of all images.</summary>
    public readonly int Rows, MoreRows, ChunksPerImage, Chunks;

    /// <summary>Panels of (copy, c), strips of 4 output channels, and the blocks that they are cut into.</summary>
    public readonly int Panels, Strips, PanelBlocks = 1, StripBlocks = 1;

    /// <summary>Runs of chunks, each with its own sums.</summary>
    public readonly int Segments;

    private readonly int _columns;

    public WeightGradientLayout(in Conv2dShape shape, int columns)
    {
        var f = shape.Filter;
        _columns = columns;
        Shape = shape;
        Shifted = f.Stride == 1;
        Copies = Shifted ? Math.Clamp(columns / f.C, 1, f.R) : f.R * f.S;
        Shifts = Shifted ? (f.R + Copies - 1) / Copies * f.S : 1;
        // One border serves as the right end of a row and the left end of the next, unless it is wider than the filter.
        RowWidth = Shifted ? shape.Input.W + (f.Padding < f.S ? f.Padding : 2 * f.Padding) : shape.Q;
        MoreRows = Shifted ? (f.R - 1) / Copies * Copies : 0;
        Panels = ((Copies * f.C) + columns - 1) / columns;
        Strips = (f.K + StripRows - 1) / StripRows;

        // As many rows as the cache holds, but not mostly rows that the neighbours need too.
        long xRow = (long)RowWidth * Panels * columns, both = xRow + ((long)RowWidth * Strips * StripRows);
        long fitting = (ScratchFloats - (MoreRows * xRow)) / both;
        int rows = (int)Math.Clamp(fitting, Math.Min(shape.P, Math.Max(1, 2 * MoreRows)), shape.P);
        ChunksPerImage = (shape.P + rows - 1) / rows;
        Rows = (shape.P + ChunksPerImage - 1) / ChunksPerImage;
        ChunksPerImage = (shape.P + Rows - 1) / Rows;
        Chunks = checked(shape.Input.N * ChunksPerImage);

        SegmentFloats = (long)Panels * Shifts * Strips * StripRows * columns;
        // A segment costs a pass over the sums, so it shall have some pixels to add.
        long segments = Math.Min(MaxSums / SegmentFloats, shape.Input.N * (long)shape.P * shape.Q / PixelsPerSegment);
        Segments = (int)Math.Clamp(segments, 1, Math.Min(WantedTasks, Chunks));
        // A cut of one operand packs the other once more: the larger one is cut.
        int blocks = WantedTasks / Segments;
        if (Panels * columns >= f.K)
        {
            PanelBlocks = Math.Clamp(blocks, 1, Panels);
        }
        else
        {
            StripBlocks = Math.Clamp(blocks, 1, Math.Max(1, Strips / 6));
        }
    }

    /// <summary>Floats of one packed panel: whole rows, and the last shift of the last pixel.</summary>
    public int PanelFloats => ((Rows + MoreRows) * RowWidth + TailPixels) * _columns;

    public int TailPixels => Shifted ? Shape.Filter.S - 1 : 0;

    /// <summary>Floats of one packed strip.</summary>
    public int StripFloats => Rows * RowWidth * StripRows;

    public int TileFloats => StripRows * _columns;

    /// <summary>Sums of a segment: (panel)(shift)(strip)(4)(columns).</summary>
    public readonly long SegmentFloats;

    public long Tile(int segment, int panel, int shift, int strip) =>
        (segment * SegmentFloats) + (((((long)panel * Shifts) + shift) * Strips) + strip) * TileFloats;

    /// <summary>Pixels from the first tap to those of a shift.</summary>
    public int Offset(int shift) => (shift / Shape.Filter.S * Copies * RowWidth) + (shift % Shape.Filter.S);

    /// <summary>The panels and strips of one pair of blocks.</summary>
    public WeightGradientPart PartOf(int panelBlock, int stripBlock)
    {
        int panel = Panels * panelBlock / PanelBlocks, strip = Strips * stripBlock / StripBlocks;
        return new(panel, (Panels * (panelBlock + 1) / PanelBlocks) - panel, strip,
            (Strips * (stripBlock + 1) / StripBlocks) - strip);
    }

    /// <summary>Where tap r * S + s of channel 0 is: its shift, and its column counted over all panels. The other channels
    /// follow.</summary>
    public (int Shift, int Column) Find(int tap)
    {
        int r = tap / Shape.Filter.S, s = tap % Shape.Filter.S;
        return Shifted ? ((r / Copies * Shape.Filter.S) + s, r % Copies * Shape.Filter.C) : (0, tap * Shape.Filter.C);
    }
}

/// <summary>Some panels of x and some strips of dy.</summary>
internal readonly record struct WeightGradientPart(int FirstPanel, int Panels, int FirstStrip, int Strips);
