using System.Numerics;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>
/// Total-Text as published: <c>poly_gt_img1.mat</c> with the cell array <c>polygt</c>, whose rows are
/// <c>'x:', xs, 'y:', ys, word, orientation</c>. What is left out is said at <see cref="TotalTextFormat"/>.
/// </summary>
internal sealed class TotalTextMatFormat : LabelFormat
{
    private const int X = 1, Y = 3, Word = 4;

    /// <inheritdoc/>
    public override bool Reads(string labelFile) => HasExtension(labelFile, ".mat");

    /// <inheritdoc/>
    public override IEnumerable<PictureLabels> Read(LabelFile file)
    {
        var table = new MatFile(file.Path, file.Open).Variable("polygt");
        if (table.Cells is not { } cells || table.Dimensions.Length != 2 || (table.Rows > 0 && table.Dimensions[1] <= Word))
        {
            throw new TcmException($"{file.Path}: polygt is not a table of x:, xs, y:, ys, word, orientation");
        }
        var texts = new List<TextAnnotation>();
        for (int row = 0; row < table.Rows; row++)
        {
            double[]? x = cells[row + (X * table.Rows)].Numbers, y = cells[row + (Y * table.Rows)].Numbers;
            if (x is null || y is null || x.Length != y.Length || !x.Concat(y).All(IsCoordinate))
            {
                throw new TcmException($"{file.Path}: row {row + 1} of polygt has no equal numbers of x and y that are pixels");
            }
            string word = cells[row + (Word * table.Rows)].Text ?? "";
            if (word != TotalTextFormat.Unreadable && x.Length >= 3)
            {
                texts.Add(new TextAnnotation([.. x.Zip(y, (h, v) => new Vector2((float)h, (float)v))], Ignored: false, word));
            }
        }
        return [new PictureLabels(TotalTextFormat.Picture(file.Name), texts)];
    }
}
