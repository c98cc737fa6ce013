using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Tests.Kernels.Reference;
using Tcm.Tests.Support;

namespace Tcm.Tests.Parity;

/// <summary>The whole network with PAN against the reference implementation, stage by stage (golden/README.md section 1).</summary>
public sealed class TcmPanParityTests
{
    private static readonly string[] Stages = ["input", "x0", "x1", "x2", "x3", "g", "V", "cc", "t", "dV", "V2", "dt", "t2", "S",
        "neck0", "neck1", "neck2", "neck3", "out"];

    public static TheoryData<string> Backends => TcmDbParityTests.Backends;

    [Theory]
    [MemberData(nameof(Backends))]
    public void Small_model_matches_the_reference_at_every_stage(string backendName)
    {
        var golden = Npz.Read(SharedData.Golden("tcm-pan-tiny.npz"));
        using Backend backend = backendName == "reference"
            ? new ReferenceBackend() : new CpuBackend(2, Enum.Parse<SimdLevel>(backendName));
        using var file = ModelFile.Open(SharedData.Golden("tcm-pan-tiny.pth"), textHeads: 2, decoderHeads: 4);
        using var model = new TcmModel(file.Checkpoint, file.Config, backend);
        using var scope = TensorScope.Begin();
        var input = golden["input"];
        var recorder = new StageRecorder();
        var result = model.Forward(Tensor.From(backend, input.Floats, new Shape(input.Shape)), recorder);
        foreach (string name in Stages)
        {
            Assert.Equal(golden[name].Shape, recorder.Shapes[name]);
            TcmDbParityTests.AssertClose(name, golden[name].Floats, recorder.Values[name], 1e-4 * golden[name].Floats.Max(MathF.Abs));
        }
        Assert.Equal(recorder.Values["out"], result.ToArray());
    }

    [Fact]
    public void Batch_of_two_equals_two_single_images()
    {
        using var backend = new CpuBackend(2);
        using var file = ModelFile.Open(SharedData.Golden("tcm-pan-tiny.pth"), textHeads: 2, decoderHeads: 4);
        using var model = new TcmModel(file.Checkpoint, file.Config, backend);
        using var scope = TensorScope.Begin();
        var random = new Random(1);
        float[] images = [.. Enumerable.Range(0, 2 * 3 * 64 * 96).Select(_ => (random.NextSingle() * 4) - 2)];
        float[] both = model.Forward(Tensor.From(backend, images, [2, 3, 64, 96])).ToArray();
        for (int i = 0; i < 2; i++)
        {
            float[] one = model.Forward(Tensor.From(backend, images.AsSpan(i * 3 * 64 * 96, 3 * 64 * 96), [1, 3, 64, 96])).ToArray();
            TcmDbParityTests.AssertClose($"image {i}", one, both.AsSpan(i * one.Length, one.Length).ToArray(), 1e-5 * one.Max(MathF.Abs));
        }
    }
}
