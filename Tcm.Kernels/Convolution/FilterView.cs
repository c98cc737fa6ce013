using System.Runtime.Intrinsics;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Weights in memory seen as (rows, channels, taps), where rows become output channels: as they are stored, or transposed
/// and turned by 180 degrees, which is the filter of the input gradient.
/// </summary>
internal readonly unsafe struct FilterView
{
    private readonly float* _source;
    private readonly nint _rowStride, _channelStride;
    private readonly int _rows, _area;
    private readonly bool _turned;

    private FilterView(float* source, int rows, nint rowStride, nint channelStride, int area, bool turned)
    {
        _source = source;
        _rows = rows;
        _rowStride = rowStride;
        _channelStride = channelStride;
        _area = area;
        _turned = turned;
    }

    /// <summary>(K,C,R,S) as it is.</summary>
    public static FilterView Stored(Conv2dFilter f, float* w) =>
        new(w, f.K, (nint)f.C * f.R * f.S, f.R * f.S, f.R * f.S, turned: false);

    /// <summary>(K,C,R,S) as (C,K,R,S) with both filter axes reversed.</summary>
    public static FilterView Turned(Conv2dFilter f, float* w) =>
        new(w, f.C, f.R * f.S, (nint)f.C * f.R * f.S, f.R * f.S, turned: true);

    /// <summary>The (channels, rows) matrix as (rows, channels).</summary>
    public static FilterView Transposed(float* w, int rows) => new(w, rows, 1, rows, 1, turned: false);

    /// <summary>Four rows and <paramref name="depth"/> of the channels x taps as (depth, 4); missing rows are 0.</summary>
    public void PackStrip(int firstRow, int firstDepth, int depth, float* target)
    {
        const int rows = 4;
        int have = Math.Min(rows, _rows - firstRow);
        float* source = _source + (firstRow * _rowStride);
        if (have < rows)
        {
            new Span<float>(target, depth * rows).Clear();
        }
        if (_rowStride == 1 && have == rows)
        {
            source += firstDepth * _channelStride;
            for (int i = 0; i < depth; i++, source += _channelStride, target += rows)
            {
                Vector128.Load(source).Store(target);
            }
            return;
        }
        if (_channelStride == _area && !_turned)
        {
            Interleave.Rows(source + firstDepth, _rowStride, have, depth, target, rows);
            return;
        }
        int tap = firstDepth % _area;
        source += firstDepth / _area * _channelStride;
        for (int i = 0; i < depth; i++, target += rows)
        {
            float* from = source + (_turned ? _area - 1 - tap : tap);
            for (int row = 0; row < have; row++)
            {
                target[row] = from[row * _rowStride];
            }
            if (++tap == _area)
            {
                tap = 0;
                source += _channelStride;
            }
        }
    }

    /// <summary>Four rows and some channels as (taps, channels, 4), taps <paramref name="tapStride"/> apart; missing rows
    /// are 0.</summary>
    public void GatherTaps(int firstRow, int firstChannel, int channels, float* target, nint tapStride)
    {
        const int rows = 4;
        int have = Math.Clamp(_rows - firstRow, 0, rows);
        for (int channel = 0; channel < channels; channel++, target += rows)
        {
            for (int row = 0; row < rows; row++)
            {
                float* from = _source + ((firstRow + row) * _rowStride) + ((firstChannel + channel) * _channelStride);
                for (int tap = 0; tap < _area; tap++)
                {
                    target[(tap * tapStride) + row] = row < have ? from[_turned ? _area - 1 - tap : tap] : 0;
                }
            }
        }
    }
}

/// <summary>One convolution of images with a packed filter.</summary>
internal unsafe struct CpuConvolutionCall
{
    public Conv2dShape Shape;

    /// <summary>(N,C,H,W), (N,K,P,Q) with images YImageStride apart, (N,K,P,Q) or null, K values or null.</summary>
    public float* X, Y, Residual, Bias;

    public Activation Activation;
    public long YImageStride;

    /// <summary>Floats between the channels of X, and of Y, where these are bands of some rows; 0: whole maps.</summary>
    public nint XBand, YBand;

    public readonly nint XPlane => XBand != 0 ? XBand : (nint)Shape.Input.H * Shape.Input.W;

    public readonly nint YPlane => YBand != 0 ? YBand : (nint)Shape.P * Shape.Q;

    public readonly float BiasOf(int k) => Bias == null ? 0 : Bias[k];
}
