namespace Tcm.Nn.Onnx;

/// <summary>What a size depends on, in cells of the coarsest grid (32x32 pixels of the input).</summary>
internal enum SizeUnit
{
    /// <summary>Nothing.</summary>
    One,
    /// <summary>Rows of cells.</summary>
    Rows,
    /// <summary>Columns of cells.</summary>
    Columns,
    /// <summary>Cells.</summary>
    Cells,
}

/// <summary>
/// The size of an axis as a function of the input's: factor * unit + offset. Found by tracing the network at two inputs,
/// whose rows, columns and cells have no simple relation, and solving for factor and offset.
/// </summary>
internal readonly record struct SymbolicSize(SizeUnit Unit, long Factor, long Offset)
{
    /// <summary>Pixels of a cell's side.</summary>
    public const int Cell = 32;

    /// <summary>The two inputs that are traced: cells 3x5 and 7x11.</summary>
    public static readonly (int Height, int Width) First = (3 * Cell, 5 * Cell), Second = (7 * Cell, 11 * Cell);

    /// <summary>A size that is always the same.</summary>
    public bool IsConstant => Unit == SizeUnit.One;

    public static SymbolicSize Constant(long value) => new(SizeUnit.One, 0, value);

    /// <summary>The function that has these values at <see cref="First"/> and <see cref="Second"/>.</summary>
    /// <exception cref="NotSupportedException">No function of this form has.</exception>
    public static SymbolicSize Solve(long first, long second)
    {
        if (first == second)
        {
            return Constant(first);
        }
        foreach (bool proportional in (bool[])[true, false])
        {
            foreach (var unit in (SizeUnit[])[SizeUnit.Rows, SizeUnit.Columns, SizeUnit.Cells])
            {
                long u1 = Value(unit, First), u2 = Value(unit, Second), factor = (second - first) / (u2 - u1);
                long offset = first - (factor * u1);
                if ((factor * u2) + offset == second && factor > 0 && (!proportional || offset == 0))
                {
                    return new SymbolicSize(unit, factor, offset);
                }
            }
        }
        throw new NotSupportedException($"ONNX: a size of {first} and {second} at two inputs is no simple function of theirs");
    }

    private static long Value(SizeUnit unit, (int Height, int Width) input) => unit switch
    {
        SizeUnit.Rows => input.Height / Cell,
        SizeUnit.Columns => input.Width / Cell,
        _ => (long)(input.Height / Cell) * (input.Width / Cell),
    };
}
