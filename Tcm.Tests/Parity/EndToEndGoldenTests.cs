using System.Text.Json;
using Tcm.Detect.Heads.Db;
using Tcm.Detect.Heads.Pan;
using Tcm.Detect.Models;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Tests.Heads;
using Tcm.Tests.Support;

namespace Tcm.Tests.Parity;

/// <summary>From the normalised picture to regions: the reference's own detections (golden/README.md section 2, e2e.json).</summary>
public sealed class EndToEndGoldenTests
{
    [Theory]
    [InlineData("db")]
    [InlineData("pan")]
    public void Regions_of_the_small_models_are_those_of_the_reference(string head)
    {
        using var backend = new CpuBackend(2);
        using var file = ModelFile.Open(SharedData.Golden($"tcm-{head}-tiny.pth"), textHeads: 2, decoderHeads: 4);
        using var model = new TcmModel(file.Checkpoint, file.Config, backend);
        using var scope = TensorScope.Begin();
        var input = Npz.Read(SharedData.Golden($"tcm-{head}-tiny.npz"))["input"];
        float[] maps = model.Forward(Tensor.From(backend, input.Floats, new Shape(input.Shape))).ToArray();
        int height = input.Shape[2], width = input.Shape[3], cases = 0;
        using var golden = JsonDocument.Parse(File.ReadAllBytes(SharedData.Golden("e2e.json")));
        foreach (var entry in golden.RootElement.EnumerateArray().Where(e => e.GetProperty("head").GetString() == head))
        {
            var parameters = entry.GetProperty("params");
            double scaleX = entry.GetProperty("scale_factor")[0].GetDouble(), scaleY = entry.GetProperty("scale_factor")[1].GetDouble();
            var regions = head == "db"
                ? new DbPostProcessor(DbPostProcessorGoldenTests.Options(parameters)).Detect(maps, width, height, width, height, scaleX, scaleY)
                : new PanPostProcessor(PanPostProcessorGoldenTests.Options(parameters)).Detect(maps, width, height, scaleX, scaleY);
            PanPostProcessorGoldenTests.AssertSame(entry.GetProperty("boundaries"), regions, 1e-3, 1e-5);
            cases++;
        }
        Assert.True(cases > 0);
    }
}
