using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Tests.Kernels.Reference;
using Tcm.Tests.Support;

namespace Tcm.Tests.Parity;

/// <summary>The whole network with FCENet against the reference implementation, stage by stage (golden/README.md section 1).</summary>
public sealed class TcmFceParityTests
{
    private static readonly string[] Stages = ["input", "x0", "x1", "x2", "x3", "g", "V", "cc", "t", "dV", "V2", "dt", "t2", "S",
        "neck0", "neck1", "neck2", "cls0", "cls1", "cls2", "reg0", "reg1", "reg2"];

    public static TheoryData<string> Backends => TcmDbParityTests.Backends;

    [Theory]
    [MemberData(nameof(Backends))]
    public void Small_model_matches_the_reference_at_every_stage(string backendName)
    {
        var golden = Npz.Read(SharedData.Golden("tcm-fce-tiny.npz"));
        using Backend backend = backendName == "reference"
            ? new ReferenceBackend() : new CpuBackend(2, Enum.Parse<SimdLevel>(backendName));
        using var file = ModelFile.Open(SharedData.Golden("tcm-fce-tiny.pth"), textHeads: 2, decoderHeads: 4);
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
        float[] packed = FcePixels.Of(golden);
        TcmDbParityTests.AssertClose("result", packed, result.ToArray(), 1e-4 * packed.Max(MathF.Abs));
    }

    [Fact]
    public void Batch_of_two_equals_two_single_images()
    {
        using var backend = new CpuBackend(2);
        using var file = ModelFile.Open(SharedData.Golden("tcm-fce-tiny.pth"), textHeads: 2, decoderHeads: 4);
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

/// <summary>Maps cls0, reg0, ... of one picture as the head's result (positions, 26).</summary>
internal static class FcePixels
{
    public static float[] Of(Dictionary<string, NpyArray> golden) => [.. Enumerable.Range(0, 3).SelectMany(i => Level(golden, i))];

    public static float[] Level(Dictionary<string, NpyArray> golden, int level)
    {
        NpyArray classes = golden[$"cls{level}"], contours = golden[$"reg{level}"];
        int plane = classes.Shape[2] * classes.Shape[3];
        return [.. Enumerable.Range(0, plane).SelectMany(p => Enumerable.Range(0, 26)
            .Select(c => c < 4 ? classes.Floats[(c * plane) + p] : contours.Floats[((c - 4) * plane) + p]))];
    }
}
