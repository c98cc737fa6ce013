using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// A weight on the GPU: per group (K padded to 16) x (M padded to 128) floats, so that slabs are fetched without bounds,
/// and the bias, zeros when there is none.
/// </summary>
internal sealed class PackedWeights : IDisposable
{
    private const int ColumnPadding = 128;
    private readonly GpuBackend _backend;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _values, _bias;
    private readonly int _groups, _rowLength, _groupLength;

    /// <param name="backend">Where they live.</param>
    /// <param name="groups">Independent matrices.</param>
    /// <param name="m">Outputs of a group.</param>
    /// <param name="k">Inputs of a group.</param>
    /// <param name="bias">groups * m values (or as many as the epilogue reads), or empty.</param>
    /// <param name="biasLength">Values of the bias.</param>
    /// <param name="weight">The weight of (group, output, input).</param>
    public PackedWeights(GpuBackend backend, int groups, int m, int k, ReadOnlySpan<float> bias, int biasLength,
        Func<int, int, int, float> weight)
    {
        _backend = backend;
        _groups = groups;
        _rowLength = (m + ColumnPadding - 1) / ColumnPadding * ColumnPadding;
        int rows = (k + Slab.K - 1) / Slab.K * Slab.K;
        long total = (long)rows * _rowLength * groups;
        Check.That(total <= Array.MaxLength, $"GPU: a weight of {total} floats exceeds what one operation can address");
        _groupLength = rows * _rowLength;
        var packed = new float[total];
        for (int g = 0; g < groups; g++)
        {
            for (int i = 0; i < k; i++)
            {
                int row = g * _groupLength + i * _rowLength;
                for (int j = 0; j < m; j++)
                {
                    packed[row + j] = weight(g, j, i);
                }
            }
        }
        _values = backend.Constant(packed);
        _bias = backend.Constant(bias.IsEmpty ? new float[biasLength] : bias.ToArray());
    }

    public long Bytes => _values.LengthInBytes + _bias.LengthInBytes;

    public ArrayView<float> Bias => _bias.View.BaseView;

    public PackedOperand Operand => new()
    {
        Values = _values.View.BaseView.Cast<Float4>(),
        RowLength = _rowLength / 4,
        GroupLength = _groupLength / 4,
        Groups = _groups,
    };

    public void Dispose()
    {
        _backend.Release(_values);
        _backend.Release(_bias);
    }
}
