using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// Convolution while training on the CPU. The forward pass packs the filter and runs what inference runs; the input
/// gradient of a stride-1 convolution is the convolution with the flipped, transposed filter, that of the 2x2 stride-2
/// convolution is the transposed convolution; the weight gradient has algorithms of its own.
/// </summary>
internal sealed unsafe partial class CpuConvolution
{
    /// <summary>With fewer output pixels than this the transform of the filters costs more than the products it saves.</summary>
    private const int WinogradPixels = 256;

    /// <summary>With fewer channels Winograd gains little, and its rounding grows through the steps of a training.</summary>
    private const int WinogradChannels = 12;

    private protected override void ForwardCore(Conv2dShape shape, Slice x, Slice w, Slice y)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: Forward<Floats4>(shape, x, w, y); break;
            case SimdLevel.Avx2: Forward<Floats8>(shape, x, w, y); break;
            default: Forward<Floats16>(shape, x, w, y); break;
        }
    }

    private protected override void InputGradientCore(Conv2dShape shape, Slice dy, Slice w, Slice dx)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: InputGradient<Floats4>(shape, dy, w, dx); break;
            case SimdLevel.Avx2: InputGradient<Floats8>(shape, dy, w, dx); break;
            default: InputGradient<Floats16>(shape, dy, w, dx); break;
        }
    }

    private protected override void WeightGradientCore(Conv2dShape shape, Slice x, Slice dy, Slice dw)
    {
        float* px = CpuBackend.Pointer(x), pdy = CpuBackend.Pointer(dy), pdw = CpuBackend.Pointer(dw);
        if (shape.Filter.Groups > 1)
        {
            var job = new GroupedWeightGradient { Shape = shape, X = px, Dy = pdy, Dw = pdw };
            backend.Team.Run(shape.Filter.K, ref job);
            return;
        }
        switch (backend.Level)
        {
            case SimdLevel.Portable: WeightGradient<Floats4>(shape, px, pdy, pdw); break;
            case SimdLevel.Avx2: WeightGradient<Floats8>(shape, px, pdy, pdw); break;
            default: WeightGradient<Floats16>(shape, px, pdy, pdw); break;
        }
    }

    private void WeightGradient<T>(Conv2dShape shape, float* x, float* dy, float* dw) where T : struct, IFloatVector<T>
    {
        if (CpuWinogradWeightGradient<T>.Suits(shape))
        {
            CpuWinogradWeightGradient<T>.Run(backend, shape, x, dy, dw);
        }
        else
        {
            CpuWeightGradient<T>.Run(backend, shape, x, dy, dw);
        }
    }

    private void Forward<T>(Conv2dShape shape, Slice x, Slice w, Slice y) where T : struct, IFloatVector<T>
    {
        float* weight = CpuBackend.Pointer(w);
        var call = Call(shape, x, y);
        if (shape.Filter.Groups > 1)
        {
            CpuGroupedConvolution<T>.Run(backend, call, weight);
        }
        else
        {
            Convolve<T>(call, FilterView.Stored(shape.Filter, weight));
        }
    }

    private void InputGradient<T>(Conv2dShape shape, Slice dy, Slice w, Slice dx) where T : struct, IFloatVector<T>
    {
        var f = shape.Filter;
        float* weight = CpuBackend.Pointer(w);
        var outputs = new ImageBatch(shape.Input.N, shape.P, shape.Q);
        // With an odd size the last row or column of x is read by nothing, and the transposed convolution does not reach it.
        if (f is { R: 2, S: 2, Stride: 2, Padding: 0, Groups: 1 } && shape.Input.H % 2 == 0 && shape.Input.W % 2 == 0)
        {
            using var packed = backend.Allocate(f.WeightLength);
            CpuTransposedConvolution<T>.Pack(backend, f.K, f.C, weight, CpuBackend.Pointer(packed.All));
            // Shape's own P and Q are not those of a transposed convolution, so the distance between images is given.
            var call = Call(new Conv2dShape(new Conv2dFilter(f.K, f.C, 2, 2, 2), outputs), dy, dx);
            call.YImageStride = shape.InputImage;
            CpuTransposedConvolution<T>.Run(backend, call, CpuBackend.Pointer(packed.All));
            return;
        }
        if (f is { Stride: 1, Groups: 1 } && f.R == f.S && f.Padding < f.R)
        {
            var turned = new Conv2dFilter(f.K, f.C, f.R, f.S, 1, f.R - 1 - f.Padding);
            Convolve<T>(Call(new Conv2dShape(turned, outputs), dy, dx), FilterView.Turned(f, weight));
            return;
        }
        var job = new GeneralInputGradient
        {
            Shape = shape,
            Dy = CpuBackend.Pointer(dy),
            W = weight,
            Dx = CpuBackend.Pointer(dx),
        };
        backend.Team.Run(shape.Input.N * f.C, ref job);
    }

    /// <summary>Packs the filter into pooled memory and runs the algorithm that suits it, without groups.</summary>
    private void Convolve<T>(in CpuConvolutionCall call, FilterView weight) where T : struct, IFloatVector<T>
    {
        var shape = call.Shape;
        bool winograd = CpuWinogradConvolution<T>.Suits(shape.Filter) && Math.Min(shape.Filter.C, shape.Filter.K) >= WinogradChannels
            && (long)shape.Input.N * shape.P * shape.Q >= WinogradPixels;
        using var packed = backend.Allocate(winograd
            ? WinogradFilters<T>.PackedFloats(shape.Filter) : CpuDirectConvolution<T>.PackedFloatsOf(shape.Filter));
        float* filters = CpuBackend.Pointer(packed.All);
        if (winograd)
        {
            WinogradFilters<T>.Pack(backend, shape.Filter, weight, filters);
            CpuWinogradConvolution<T>.Run(backend, call, filters);
        }
        else
        {
            CpuDirectConvolution<T>.Pack(backend, shape.Filter, weight, filters);
            CpuDirectConvolution<T>.Run(backend, call, filters);
        }
    }

    private static CpuConvolutionCall Call(Conv2dShape shape, Slice x, Slice y) => new()
    {
        Shape = shape,
        X = CpuBackend.Pointer(x),
        Y = CpuBackend.Pointer(y),
        Activation = Activation.None,
        YImageStride = shape.OutputImage,
    };

    /// <summary>Any geometry, by its definition: a task is one plane of dx.</summary>
    private struct GeneralInputGradient : IJob
    {
        public Conv2dShape Shape;
        public float* Dy, W, Dx;

        public readonly void Run(int task)
        {
            var f = Shape.Filter;
            int c = task % f.C, image = task / f.C, h = Shape.Input.H, w = Shape.Input.W, p = Shape.P, q = Shape.Q;
            int perGroup = f.C / f.Groups, outputs = f.K / f.Groups, group = c / perGroup;
            float* plane = Dx + ((long)task * h * w);
            new Span<float>(plane, h * w).Clear();
            for (int k = group * outputs; k < (group + 1) * outputs; k++)
            {
                float* dy = Dy + ((((long)image * f.K) + k) * p * q);
                float* weight = W + ((((long)k * perGroup) + (c % perGroup)) * f.R * f.S);
                for (int i = 0; i < f.R * f.S; i++)
                {
                    for (int y = 0; y < p; y++)
                    {
                        int row = (y * f.Stride) - f.Padding + (i / f.S), column = (i % f.S) - f.Padding;
                        if ((uint)row >= (uint)h)
                        {
                            continue;
                        }
                        for (int x = 0; x < q; x++, column += f.Stride)
                        {
                            if ((uint)column < (uint)w)
                            {
                                plane[(row * w) + column] += weight[i] * dy[(y * q) + x];
                            }
                        }
                    }
                }
            }
        }
    }

    /// <summary>Grouped and depthwise filters, by the definition: a task is the filter of one output channel.</summary>
    private struct GroupedWeightGradient : IJob
    {
        public Conv2dShape Shape;
        public float* X, Dy, Dw;

        public readonly void Run(int k)
        {
            var f = Shape.Filter;
            int h = Shape.Input.H, w = Shape.Input.W, p = Shape.P, q = Shape.Q;
            int perGroup = f.C / f.Groups, first = k / (f.K / f.Groups) * perGroup;
            for (int c = 0; c < perGroup; c++)
            {
                for (int i = 0; i < f.R * f.S; i++)
                {
                    double sum = 0;
                    for (int image = 0; image < Shape.Input.N; image++)
                    {
                        float* x = X + ((((long)image * f.C) + first + c) * h * w);
                        float* dy = Dy + ((((long)image * f.K) + k) * p * q);
                        for (int y = 0; y < p; y++)
                        {
                            int row = (y * f.Stride) - f.Padding + (i / f.S), column = (i % f.S) - f.Padding;
                            float part = 0;
                            for (int o = 0; o < q && (uint)row < (uint)h; o++, column += f.Stride)
                            {
                                part += (uint)column < (uint)w ? dy[(y * q) + o] * x[(row * w) + column] : 0;
                            }
                            sum += part;
                        }
                    }
                    Dw[((((long)k * perGroup) + c) * f.R * f.S) + i] = (float)sum;
                }
            }
        }
    }
}
