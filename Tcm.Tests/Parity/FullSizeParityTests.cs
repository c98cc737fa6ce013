using System.Text.Json;
using Tcm.Detect.Models;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Tests.Support;

namespace Tcm.Tests.Parity;

/// <summary>Full-size models with formula weights against the reference's stored samples of every stage.</summary>
public sealed class FullSizeParityTests
{
    public static TheoryData<string> Heads => ["db", "pan", "fce"];

    private static TcmConfig Config(string head) => head switch
    {
        "pan" => TcmConfig.FullSizeDb with { Head = "pan", NeckWidth = 128 },
        "fce" => TcmConfig.FullSizeDb with { Head = "fce", PositionGrid = 25 },
        _ => TcmConfig.FullSizeDb,
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public void Full_size_model_matches_the_reference_at_every_size(string head)
    {
        string summary = SharedData.Golden($"full/{head}.json");
        using var document = JsonDocument.Parse(File.ReadAllText(summary));
        var config = Config(head);
        using var backend = new CpuBackend();
        using var weights = new FormulaWeights(config);
        using var model = new TcmModel(weights, config, backend);
        foreach (var run in document.RootElement.GetProperty("runs").EnumerateObject())
        {
            int[] size = [.. run.Name.Split('x').Select(int.Parse)];
            using var scope = TensorScope.Begin();
            var recorder = new StageRecorder();
            model.Forward(Bench.FormulaPicture.Create(backend, size[0], size[1]), recorder);
            var samples = Npz.Read(SharedData.Golden($"full/{head}-{run.Name}.npz"));
            foreach (var stage in run.Value.EnumerateObject())
            {
                float[] values = recorder.Values[stage.Name];
                int stride = stage.Value.GetProperty("stride").GetInt32();
                float[] expected = samples[stage.Name].Floats;
                float[] actual = [.. Enumerable.Range(0, expected.Length).Select(i => values[(long)i * stride])];
                double range = Math.Max(Math.Abs(stage.Value.GetProperty("min").GetDouble()),
                    Math.Abs(stage.Value.GetProperty("max").GetDouble()));
                TcmDbParityTests.AssertClose($"{run.Name} {stage.Name}", expected, actual, 1e-3 * range);
            }
        }
    }
}
