using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.MatrixProduct;

/// <summary>
/// One factor of a product on tensor cores: rows of A, or columns of B, each of K values. A block keeps some of them in
/// shared memory, four chunks of 16 bytes along k each; whatever the order in memory, k runs fastest there.
/// </summary>
internal interface ITensorOperand
{
    /// <summary>Whether neighbouring threads shall take neighbouring chunks (k runs fastest in memory) or rows.</summary>
    static abstract bool AlongK { get; }

    /// <summary>Whether memory holds chunks in the core's own format: they are copied, past the registers.</summary>
    static abstract bool Packed { get; }

    /// <summary>The place of a row of A or a column of B; it may lie outside.</summary>
    Cursor Row(int batch, int row);

    /// <summary>Values k..k+3 (k a multiple of 4), 0 outside. Not for packed operands.</summary>
    Float4 Four(Cursor cursor, int k);

    /// <summary>Starts to copy a chunk. Only for packed operands.</summary>
    void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore;
}

/// <summary>Weights of <see cref="TensorWeights"/>: (batch modulo Groups, rows padded to 128, K padded to four chunks).</summary>
internal struct TensorWeightsOperand : ITensorOperand
{
    public ArrayView<Word4> Values;

    /// <summary>Where they begin, for cp.async.</summary>
    public long Address;

    /// <summary>Chunks of a row, and of one group's matrix.</summary>
    public int RowLength, GroupLength;

    public int Groups;

    public static bool AlongK => true;

    public static bool Packed => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Cursor Row(int batch, int row) => new() { Offset = batch % Groups * GroupLength + row * RowLength };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Four(Cursor cursor, int k) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Copy<TCore>(TensorGroup group, int to, Cursor cursor, int chunk) where TCore : struct, ITensorCore =>
        TCore.Copy(group, to, Address, cursor.Offset + chunk);
}

/// <summary>A weight on the GPU, rounded to a format once, with its bias (zeros when there is none).</summary>
internal sealed class TensorWeights : IDisposable
{
    private const int RowPadding = 128;
    private readonly GpuBackend _backend;
    private readonly MemoryBuffer1D<Word4, Stride1D.Dense> _values;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _bias;
    private readonly int _groups, _rowLength, _groupLength;

    /// <summary>As <see cref="PackedWeights"/> with a format.</summary>
    public TensorWeights(GpuBackend backend, Precision precision, int groups, int m, int k, ReadOnlySpan<float> bias,
        int biasLength, Func<int, int, int, float> weight)
    {
        _backend = backend;
        Precision = precision;
        _groups = groups;
        int width = TensorFormats.ChunkValues(precision), step = 4 * width;
        _rowLength = (k + step - 1) / step * 4;
        int rows = (m + RowPadding - 1) / RowPadding * RowPadding;
        long total = (long)rows * _rowLength * groups;
        Check.That(total <= Array.MaxLength / 4, $"GPU: a weight of {total} chunks exceeds what one operation can address");
        _groupLength = rows * _rowLength;
        var packed = new Word4[total];
        for (int g = 0; g < groups; g++)
        {
            float Weight(int j, int i) => i < k ? InRange(precision, weight(g, j, i)) : 0;
            Float4 Four(int j, int i) => new(Weight(j, i), Weight(j, i + 1), Weight(j, i + 2), Weight(j, i + 3));
            for (int j = 0; j < m; j++)
            {
                for (int chunk = 0; chunk < _rowLength; chunk++)
                {
                    int i = chunk * width;
                    packed[g * _groupLength + j * _rowLength + chunk] =
                        TensorFormats.Pack(precision, Four(j, i), width == 8 ? Four(j, i + 4) : default);
                }
            }
        }
        _values = backend.Constant(packed);
        _bias = backend.Constant(bias.IsEmpty ? new float[biasLength] : bias.ToArray());
    }

    public Precision Precision { get; }

    public long Bytes => _values.LengthInBytes + _bias.LengthInBytes;

    public ArrayView<float> Bias => _bias.View.BaseView;

    public TensorWeightsOperand Operand => new()
    {
        Values = _values.View.BaseView,
        Address = _values.View.BaseView.LoadEffectiveAddressAsPtr(),
        RowLength = _rowLength,
        GroupLength = _groupLength,
        Groups = _groups,
    };

    public void Dispose()
    {
        _backend.Release(_values);
        _backend.Release(_bias);
    }

    private static float InRange(Precision precision, float weight)
    {
        if (precision == Precision.Fp16 && float.IsFinite(weight) && !float.IsFinite(TensorFormats.Round(precision, weight)))
        {
            throw new DeviceException($"a weight of {weight} exceeds the range of Fp16; Bf16 and Tf32 have the range of Fp32");
        }
        return weight;
    }
}
