using Tcm.Kernels;
using Tcm.Kernels.Elementwise;

namespace Tcm.Tests.Kernels.Reference;

internal sealed partial class ReferenceElementwise : ElementwiseMaps
{
    private protected override void ActivateCore(Activation activation, Slice x, Slice y)
    {
        Span<float> input = ReferenceBackend.Floats(x), output = ReferenceBackend.Floats(y);
        for (int i = 0; i < input.Length; i++)
        {
            output[i] = (float)ReferenceMath.Activate(activation, input[i]);
        }
    }

    private protected override void AffineCore(float scale, float offset, Slice x, Slice y)
    {
        Span<float> input = ReferenceBackend.Floats(x), output = ReferenceBackend.Floats(y);
        for (int i = 0; i < input.Length; i++)
        {
            output[i] = (float)((double)scale * input[i] + offset);
        }
    }

    private protected override void BinaryCore(BinaryOp op, Broadcast broadcast, Slice a, Slice b, Slice y)
    {
        Span<float> left = ReferenceBackend.Floats(a), right = ReferenceBackend.Floats(b), output = ReferenceBackend.Floats(y);
        for (int o = 0, i = 0; o < broadcast.Outer; o++)
        {
            for (int m = 0; m < broadcast.Middle; m++)
            {
                float operand = right[(int)(o * broadcast.OuterStride) + m];
                for (int inner = 0; inner < broadcast.Inner; inner++, i++)
                {
                    output[i] = op switch
                    {
                        BinaryOp.Add => left[i] + operand,
                        BinaryOp.Subtract => left[i] - operand,
                        BinaryOp.Multiply => left[i] * operand,
                        _ => throw new ArgumentOutOfRangeException(nameof(op), op, null),
                    };
                }
            }
        }
    }

    private protected override void AddScaledCore(float scale, Slice a, Slice b, Slice y)
    {
        Span<float> left = ReferenceBackend.Floats(a), right = ReferenceBackend.Floats(b), output = ReferenceBackend.Floats(y);
        for (int i = 0; i < left.Length; i++)
        {
            output[i] = (float)(left[i] + (double)scale * right[i]);
        }
    }
}
