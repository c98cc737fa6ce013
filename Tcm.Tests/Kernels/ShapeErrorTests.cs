using Tcm.Kernels;
using Tcm.Kernels.Elementwise;
using Tcm.Kernels.Resampling;

namespace Tcm.Tests.Kernels;

/// <summary>Operands that do not fit are refused before anything runs, with a message that names the operation and both
/// numbers. The checks are the contracts', so one backend stands for all.</summary>
public sealed class ShapeErrorTests
{
    private static readonly Dictionary<string, (string[] Message, Action<Backend, Slice> Call)> calls = new()
    {
        ["attention q"] = (["Attention", "q", "100", "120"],
            (b, x) => b.Attention.Forward(new(1, 2, 12, 3, 5, 1, false, 10, 10, 10), x, x, x, x)),
        ["attention causal"] = (["Attention", "Queries = 3", "Keys = 4"],
            (b, x) => b.Attention.Forward(new(1, 1, 3, 4, 1, 1, true, 1, 1, 1), x, x, x, x)),
        ["attention stride"] = (["Attention", "HeadDim = 5", "QueryStride = 9"],
            (b, x) => b.Attention.Forward(new(1, 2, 3, 4, 5, 1, false, 9, 10, 10), x, x, x, x)),
        ["layer norm"] = (["LayerNorm", "x", "100", "110"], (b, x) => b.Normalization.LayerNorm(11, 10, 0, x, x, x, x)),
        ["layer norm gamma"] = (["LayerNorm", "gamma", "4", "5"],
            (b, x) => b.Normalization.LayerNorm(2, 5, 0, x, x.Part(0, 4), x, x)),
        ["softmax"] = (["Softmax", "rows", "0", "1"], (b, x) => b.Normalization.Softmax(0, 10, x, x)),
        ["l2"] = (["L2Normalize", "y", "99", "100"], (b, x) => b.Normalization.L2Normalize(10, 10, 0, x, x.Part(1, 99))),
        ["activate"] = (["Activate", "y", "3", "100"], (b, x) => b.Elementwise.Activate(Activation.Relu, x, x.Part(0, 3))),
        ["affine"] = (["Affine", "y", "3", "100"], (b, x) => b.Elementwise.Affine(1, 1, x, x.Part(0, 3))),
        ["add"] = (["Add", "b", "4", "5"],
            (b, x) => b.Elementwise.Binary(BinaryOp.Add, Broadcast.Rows(20, 5), x, x.Part(0, 4), x)),
        ["add scaled"] = (["AddScaled", "b", "99", "100"], (b, x) => b.Elementwise.AddScaled(1, x, x.Part(0, 99), x)),
        ["mean"] = (["Mean", "x", "100", "105"], (b, x) => b.Reduction.Mean(3, 5, 7, x, x)),
        ["sum"] = (["Sum", "(0,5,7)"], (b, x) => b.Reduction.Sum(0, 5, 7, x, x)),
        ["pool"] = (["AvgPool2d", "1x9", "2"], (b, x) => b.Pooling.Forward(1, 1, 9, 2, x, x)),
        ["pool y"] = (["AvgPool2d", "y", "24", "25"], (b, x) => b.Pooling.Forward(1, 10, 10, 2, x, x.Part(0, 24))),
        ["resize"] = (["Resize", "y", "100", "400"],
            (b, x) => b.Resampling.Resize(ResizeMode.Nearest, new(1, 1, 10, 10, 20, 20), x, x)),
        ["resize stride"] = (["Resize", "OutH = 2", "OutputStride = 3"],
            (b, x) => b.Resampling.Resize(ResizeMode.Nearest, new(1, 1, 1, 1, 2, 2, 3), x, x)),
        ["transpose"] = (["Transpose", "x", "100", "110"], (b, x) => b.Indexing.Transpose(1, 11, 10, x, x)),
        ["copy runs"] = (["Copy", "3 runs of 5", "4"], (b, x) => b.Indexing.CopyRuns(3, 5, x, 5, x, 4)),
        ["copy runs x"] = (["Copy", "x", "100", "105"], (b, x) => b.Indexing.CopyRuns(2, 5, x, 100, x, 5)),
        ["embedding"] = (["Embedding", "row 20", "20 rows"], (b, x) => b.Indexing.GatherRows(20, 5, x, [20], x)),
        ["embedding negative"] = (["Embedding", "row -1", "20 rows"], (b, x) => b.Indexing.GatherRows(20, 5, x, [-1], x)),
        ["picture"] = (["NormalizePad", "11 bytes", "2x2"],
            (b, x) => b.Images.NormalizePad(new byte[11], 6, 2, 2, 2, 2, default, x)),
        ["picture y"] = (["NormalizePad", "y", "100", "108"],
            (b, x) => b.Images.NormalizePad(new byte[12], 6, 2, 2, 6, 6, default, x)),
        ["balanced target"] = (["BalancedCrossEntropy", "target", "99", "100"],
            (b, x) => b.Losses.BalancedCrossEntropy(true, 3, 1, x, x.Part(0, 99), x, x.Part(0, 1), x)),
        ["balanced images"] = (["BalancedCrossEntropy", "100 values in 3 images"],
            (b, x) => b.Losses.BalancedCrossEntropy(true, 3, 1, x, x, x, x.Part(0, 1), x, 3)),
        ["dice mask"] = (["Dice", "mask", "3", "100"], (b, x) => b.Losses.Dice(1, x, x, x.Part(0, 3), x, x)),
        ["l1 loss"] = (["MaskedL1", "loss", "0", "1"], (b, x) => b.Losses.MaskedL1(1, x, x, x, x.Part(0, 0), x)),
        ["sgd"] = (["Sgd", "gradient", "99", "100"], (b, x) => b.Optimizers.Sgd(1, 0, 0, x, x.Part(0, 99), x)),
        ["rectified adam"] = (["RectifiedAdam", "100 values in 3 rows"],
            (b, x) => b.Optimizers.RectifiedAdam(default, 3, x, x, x, x)),
        ["lookahead"] = (["Lookahead", "slow", "1", "100"], (b, x) => b.Optimizers.Lookahead(1, true, x, x.Part(0, 1))),
        ["convolution weight"] = (["Conv2d", "weight", "17", "R = 3"],
            (b, _) => b.Convolution.Prepare(new(1, 2, 3, 3), new float[17], [], Activation.None)),
        ["convolution x"] = (["Conv2d", "x", "100", "200"], RunOnTooFewValues),
        ["linear"] = (["Linear", "weight", "5", "(2,3)"],
            (b, _) => b.MatrixProduct.Prepare(2, 3, new float[5], [], Activation.None)),
        ["matrix product"] = (["MatMul", "a", "100", "110"],
            (b, x) => b.MatrixProduct.Multiply(new(1, 11, 2, 10, false, false, 0, 0, 0), x, x, x)),
    };

    public static TheoryData<string> Names => [.. calls.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Operands_that_do_not_fit_are_refused(string name)
    {
        var (message, call) = calls[name];
        var backend = TestBackends.Get("reference");
        using var x = backend.Allocate(100);
        string text = Assert.Throws<ShapeException>(() => call(backend, x.All)).Message;
        Assert.All(message, part => Assert.Contains(part, text));
    }

    private static void RunOnTooFewValues(Backend backend, Slice x)
    {
        using var prepared = backend.Convolution.Prepare(new(2, 1, 1, 1), new float[2], [], Activation.None);
        backend.Convolution.Run(prepared, new(1, 10, 10), x, x);
    }
}
