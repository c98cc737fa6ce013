using Microsoft.ML.OnnxRuntime;
using Tcm.Cli;
using Tcm.Detect.Models;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;
using Tcm.Nn.Onnx;
using Tcm.Tests.Checkpoints;
using Tcm.Tests.Cli;
using Tcm.Tests.Support;

namespace Tcm.Tests.Export;

/// <summary>Exported networks, run by ONNX Runtime, compute what ours compute.</summary>
public sealed class OnnxExportTests : IDisposable
{
    private const double Tolerance = 1e-4;
    private readonly TestConsole _console = new() { RealDetector = true };

    public static TheoryData<string> Names => [.. ConfigVariationTests.Variations.Keys];

    public void Dispose() => _console.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryVariationAgreesAtAFixedAndAtAnySize(string name)
    {
        string weights = _console.PathOf("weights.safetensors");
        using (var formula = new FormulaWeights(ConfigVariationTests.Variations[name]))
        {
            SafetensorsWriter.Write(weights, formula.Metadata, formula.Tensors, formula.Read);
        }
        using var model = ModelFile.Open(weights);
        string fixedSize = _console.PathOf("fixed.onnx"), anySize = _console.PathOf("any.onnx");
        var report = OnnxExport.Write(model, fixedSize, (64, 96));
        Assert.Equal(new FileInfo(fixedSize).Length, report.Bytes);
        OnnxExport.Write(model, anySize, null);
        Agrees(model, fixedSize, 64, 96);
        Agrees(model, anySize, 64, 96);
        Agrees(model, anySize, 160, 32);
        Agrees(model, anySize, 96, 96);
    }

    [Fact]
    public void TheShippedModelAgreesAndDescribesItself()
    {
        string weights = Path.Combine(SharedData.RepositoryRoot, "weights", "tcm-db-s.safetensors"), onnx = _console.PathOf("s.onnx");
        Assert.Equal(ExitCode.Success, _console.Run("export", weights, onnx, "--dynamic"));
        Assert.Contains("of any size", _console.Output);
        using var model = ModelFile.Open(weights);
        Agrees(model, onnx, 320, 448);
        using var session = new InferenceSession(onnx);
        Assert.Equal("db", session.ModelMetadata.CustomMetadataMap["head"]);
        Assert.Equal(model.Config.Mean, session.ModelMetadata.CustomMetadataMap["mean"].Split(' ')
            .Select(v => double.Parse(v, System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal([1, 3, -1, -1], session.InputMetadata[OnnxExporter.InputName].Dimensions);
    }

    [Theory]
    [InlineData(ExitCode.Usage, "formula", "a.txt")]
    [InlineData(ExitCode.Usage, "formula", "a.onnx", "--size", "100x100")]
    [InlineData(ExitCode.Usage, "formula", "a.onnx", "--size", "64x64", "--dynamic")]
    [InlineData(ExitCode.WeightsOrDevice, "nowhere.safetensors", "a.onnx")]
    public void WrongUsageIsOneLineAndNoFile(int code, string weights, string output, params string[] options)
    {
        string path = _console.PathOf(output);
        Assert.Equal(code, _console.Run(["export", weights, path, .. options]));
        Assert.Single(_console.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => !line.Contains("--help"));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void APlaceThatCannotBeWrittenIsNamed()
    {
        string weights = Path.Combine(SharedData.RepositoryRoot, "weights", "tcm-db-s.safetensors");
        string path = _console.PathOf("no", "folder", "a.onnx");
        Assert.Equal(ExitCode.WeightsOrDevice, _console.Run("export", weights, path, "--size", "64x64"));
        Assert.Contains(path, _console.Error);
    }

    private static void Agrees(ModelFile model, string onnx, int height, int width)
    {
        using var backend = new CpuBackend();
        using var network = new TcmModel(model.Checkpoint, model.Config, backend);
        using var scope = TensorScope.Begin();
        var random = new Random(height * width);
        var image = new float[3 * height * width];
        foreach (ref float value in image.AsSpan())
        {
            value = (random.NextSingle() * 4) - 2;
        }
        var expected = network.Forward(Tensor.From(backend, image, [1, 3, height, width]));

        using var session = new InferenceSession(onnx);
        using var input = OrtValue.CreateTensorValueFromMemory(image, [1, 3, height, width]);
        using var run = new RunOptions();
        using var results = session.Run(run, [OnnxExporter.InputName], [input], [OnnxExport.OutputName]);
        Assert.Equal(expected.Shape.ToArray(), results[0].GetTensorTypeAndShape().Shape.Select(d => (int)d));
        float[] ours = expected.ToArray(), theirs = results[0].GetTensorDataAsSpan<float>().ToArray();
        double range = ours.Max() - ours.Min();
        Assert.True(range > 0, "a constant map compares nothing");
        double worst = ours.Zip(theirs, (a, b) => Math.Abs((double)a - b)).Max() / range;
        Assert.True(worst <= Tolerance, $"{height}x{width}: differs by {worst:E1} of the range");
    }
}
