namespace Tcm.Detect.Datasets;

/// <summary>An array of a MATLAB file.</summary>
/// <param name="Dimensions">Its size; the first dimension runs fastest.</param>
/// <param name="Numbers">Its values, where it is numeric.</param>
/// <param name="Text">Its characters, where it is a character array.</param>
/// <param name="Cells">Its members, where it is a cell array.</param>
internal sealed record MatValue(int[] Dimensions, double[]? Numbers = null, string? Text = null, IReadOnlyList<MatValue>? Cells = null)
{
    /// <summary>Number of rows.</summary>
    public int Rows => Dimensions[0];

    /// <summary>The rows of a character array, with the blanks that fill them up to equal lengths.</summary>
    public IEnumerable<string> TextRows()
    {
        string text = Text ?? "";
        // Without characters the number of rows is any.
        int rows = text.Length == 0 ? 1 : Rows, columns = text.Length / rows;
        for (int row = 0; row < rows; row++)
        {
            int first = row;
            yield return string.Create(columns, text, (line, all) =>
            {
                for (int i = 0; i < line.Length; i++)
                {
                    line[i] = all[first + (i * rows)];
                }
            });
        }
    }
}
