using Tcm.Kernels;
using Tcm.Kernels.Convolution;

namespace Tcm.Tests.Kernels.Reference;

/// <summary>The convolution of training and its gradients: one loop over all pairs of an input and an output.</summary>
internal sealed partial class ReferenceConvolution
{
    private protected override void ForwardCore(Conv2dShape shape, Slice x, Slice w, Slice y) =>
        Accumulate(shape, y, (sums, i) => sums[i.Y] += (double)Value(x, i.X) * Value(w, i.W));

    private protected override void InputGradientCore(Conv2dShape shape, Slice dy, Slice w, Slice dx) =>
        Accumulate(shape, dx, (sums, i) => sums[i.X] += (double)Value(dy, i.Y) * Value(w, i.W));

    private protected override void WeightGradientCore(Conv2dShape shape, Slice x, Slice dy, Slice dw) =>
        Accumulate(shape, dw, (sums, i) => sums[i.W] += (double)Value(x, i.X) * Value(dy, i.Y));

    private static float Value(Slice slice, int i) => ReferenceBackend.Floats(slice)[i];

    /// <summary>Calls <paramref name="add"/> for every product y[Y] += x[X] * w[W] of the convolution; stores the sums.</summary>
    private static void Accumulate(Conv2dShape shape, Slice result, Action<double[], (int X, int W, int Y)> add)
    {
        var sums = new double[result.Length];
        var (f, (images, h, w)) = shape;
        int perGroup = f.C / f.Groups, outputs = f.K / f.Groups;
        for (int n = 0; n < images; n++)
        {
            for (int k = 0; k < f.K; k++)
            {
                for (int i = 0; i < perGroup * f.R * f.S; i++)
                {
                    int c = k / outputs * perGroup + i / (f.R * f.S), r = i / f.S % f.R, s = i % f.S;
                    for (int p = 0; p < shape.P; p++)
                    {
                        int row = p * f.Stride - f.Padding + r;
                        for (int q = 0; q < shape.Q; q++)
                        {
                            int column = q * f.Stride - f.Padding + s;
                            if (row >= 0 && row < h && column >= 0 && column < w)
                            {
                                add(sums, (((n * f.C + c) * h + row) * w + column, k * perGroup * f.R * f.S + i,
                                    ((n * f.K + k) * shape.P + p) * shape.Q + q));
                            }
                        }
                    }
                }
            }
        }
        var target = ReferenceBackend.Floats(result);
        for (int i = 0; i < sums.Length; i++)
        {
            target[i] = (float)sums[i];
        }
    }
}
