using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Tests.Kernels.Reference;
using Tcm.Tests.Support;

namespace Tcm.Tests.Parity;

/// <summary>
/// The whole network against the reference implementation (authors' code on PyTorch, float32), stage by stage. The golden
/// files and their generation are described in <c>golden/README.md</c>.
/// </summary>
public sealed class TcmDbParityTests
{
    private static readonly string[] Stages =
        ["input", "x0", "x1", "x2", "x3", "g", "V", "cc", "t", "dV", "V2", "dt", "t2", "S", "neck", "P", "T"];

    public static TheoryData<string> Backends =>
        ["reference", .. Enum.GetValues<SimdLevel>().Where(Simd.IsSupported).Select(l => l.ToString())];

    [Theory]
    [MemberData(nameof(Backends))]
    public void Small_model_matches_the_reference_at_every_stage(string backendName)
    {
        var golden = Npz.Read(SharedData.Golden("tcm-db-tiny.npz"));
        using Backend backend = backendName == "reference"
            ? new ReferenceBackend() : new CpuBackend(2, Enum.Parse<SimdLevel>(backendName));
        using var file = ModelFile.Open(SharedData.Golden("tcm-db-tiny.pth"), textHeads: 2, decoderHeads: 4);
        using var model = new TcmModel(file.Checkpoint, file.Config, backend);
        using var scope = TensorScope.Begin();
        var input = golden["input"];
        var recorder = new StageRecorder();
        model.Forward(Tensor.From(backend, input.Floats, new Shape(input.Shape)), recorder);

        foreach (string name in Stages)
        {
            Assert.Equal(golden[name].Shape, recorder.Shapes[name]);
            AssertClose(name, golden[name].Floats, recorder.Values[name], 1e-4 * golden[name].Floats.Max(MathF.Abs));
        }
        AssertClose("P", golden["P"].Floats, recorder.Values["P"], 1e-4);
        // B has a slope of 50 at its steepest.
        AssertClose("B", golden["B"].Floats, recorder.Values["B"], 5e-4);
    }

    [Fact]
    public void Batch_of_two_equals_two_single_images()
    {
        using var backend = new CpuBackend(2);
        using var file = ModelFile.Open(SharedData.Golden("tcm-db-tiny.pth"), textHeads: 2, decoderHeads: 4);
        using var model = new TcmModel(file.Checkpoint, file.Config, backend);
        using var scope = TensorScope.Begin();
        var random = new Random(1);
        float[] images = [.. Enumerable.Range(0, 2 * 3 * 64 * 96).Select(_ => (random.NextSingle() * 4) - 2)];
        float[] both = model.Forward(Tensor.From(backend, images, [2, 3, 64, 96])).ToArray();
        for (int i = 0; i < 2; i++)
        {
            float[] one = model.Forward(Tensor.From(backend, images.AsSpan(i * 3 * 64 * 96, 3 * 64 * 96), [1, 3, 64, 96]))
                .ToArray();
            AssertClose($"image {i}", one, both.AsSpan(i * 64 * 96, 64 * 96).ToArray(), 1e-5);
        }
    }

    internal static void AssertClose(string what, float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0;
        int at = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)expected[i] - actual[i]);
            if (!(error <= worst))
            {
                (worst, at) = (error, i);
            }
        }
        Assert.True(worst <= tolerance,
            $"{what}[{at}] is {actual[at]}, expected {expected[at]}: off by {worst:E2}, tolerance {tolerance:E2}");
    }
}
