using Tcm.Kernels.Cpu;
using Tcm.Kernels.Pooling;

namespace Tcm.Kernels.Convolution;

/// <summary>What makes rows of one map from rows of another, on one thread.</summary>
internal unsafe interface IRowStep
{
    /// <summary>Channels of the result.</summary>
    int Channels { get; }

    /// <summary>
    /// Rows that are computed together: <see cref="Rows"/> is asked for rows from a multiple of this to a multiple or the end; 0
    /// where the algorithm cannot compute some rows alone.
    /// </summary>
    int RowGranularity { get; }

    (int P, int Q) OutputSize(int h, int w);

    /// <summary>The input rows that output rows [first, last) depend on; some may lie outside the image.</summary>
    (int First, int Last) InputRows(int first, int last);

    /// <summary>Working memory of <see cref="Rows"/> for inputs of <paramref name="w"/> columns.</summary>
    long RowScratchFloats(int w);

    /// <summary>The call for one image of h x w, its memory being given.</summary>
    CpuConvolutionCall Describe(in CpuConvolutionCall memory, int h, int w);

    /// <summary>Output rows [first, last). X, Y and Residual are whole maps, or bands of rows.</summary>
    void Rows(in CpuConvolutionCall call, int first, int last, float* scratch);
}

/// <summary>Average pooling by rows.</summary>
internal sealed unsafe class RowPooling<T>(int channels, int kernel) : IRowStep where T : struct, IFloatVector<T>
{
    public int Channels => channels;

    public int RowGranularity => kernel == 2 ? 1 : 0;

    public (int P, int Q) OutputSize(int h, int w) => (h / kernel, w / kernel);

    public (int First, int Last) InputRows(int first, int last) => (kernel * first, kernel * last);

    public long RowScratchFloats(int w) => 0;

    public CpuConvolutionCall Describe(in CpuConvolutionCall memory, int h, int w) => memory with
    {
        Shape = new Conv2dShape(new Conv2dFilter(channels, channels, kernel, kernel, kernel), new ImageBatch(1, h, w)),
    };

    public void Rows(in CpuConvolutionCall call, int first, int last, float* scratch)
    {
        int w = call.Shape.Input.W, q = call.Shape.Q;
        for (int c = 0; c < channels; c++)
        {
            for (int row = first; row < last; row++)
            {
                float* source = call.X + (c * (long)call.XPlane) + (2L * row * w);
                CpuPooling.Halve<T>(source, source + w, call.Y + (c * (long)call.YPlane) + ((long)row * q), q);
            }
        }
    }
}

/// <summary>A convolution to whose rows those of a smaller map are added, each value to a block of 2x2 (nearest neighbour).</summary>
internal sealed unsafe class UpsampledSum<T>(CpuPreparedConvolution convolution) : IRowStep where T : struct, IFloatVector<T>
{
    public int Channels => convolution.Channels;

    public int RowGranularity => convolution.RowGranularity;

    public (int P, int Q) OutputSize(int h, int w) => convolution.OutputSize(h, w);

    public (int First, int Last) InputRows(int first, int last) => convolution.InputRows(first, last);

    public long RowScratchFloats(int w) => convolution.RowScratchFloats(w);

    public CpuConvolutionCall Describe(in CpuConvolutionCall memory, int h, int w) => convolution.Describe(memory, h, w);

    public void Rows(in CpuConvolutionCall call, int first, int last, float* scratch)
    {
        convolution.Rows(call with { Residual = null }, first, last, scratch);
        int p = call.Shape.P, q = call.Shape.Q;
        for (int c = 0; c < Channels; c++)
        {
            for (int row = first; row < last; row++)
            {
                float* source = call.Residual + (((c * (p / 2L)) + (row / 2)) * (q / 2));
                Add(source, call.Y + (c * (long)call.YPlane) + ((long)row * q), q / 2);
            }
        }
    }

    /// <summary>y[2i] += x[i], y[2i+1] += x[i]</summary>
    private static void Add(float* x, float* y, int count)
    {
        int i = 0;
        for (; i <= count - T.Count; i += T.Count)
        {
            var (low, high) = T.Duplicate(T.Load(x + i));
            (T.Load(y + (2 * i)) + low).Store(y + (2 * i));
            (T.Load(y + (2 * i) + T.Count) + high).Store(y + (2 * i) + T.Count);
        }
        for (; i < count; i++)
        {
            y[2 * i] += x[i];
            y[(2 * i) + 1] += x[i];
        }
    }
}
