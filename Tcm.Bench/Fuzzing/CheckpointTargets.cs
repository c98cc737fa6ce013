using System.IO.Compression;
using System.Text;
using Tcm.Detect;
using Tcm.Detect.Models;
using Tcm.Kernels.Cpu;
using Tcm.Nn.Checkpoints;

namespace Tcm.Bench.Fuzzing;

/// <summary>Weight files.</summary>
internal static class CheckpointTargets
{
    private const string Header =
        """{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[],"data_offsets":[24,26]}}""";

    /// <summary>The smallest model of all parts; a pass takes milliseconds.</summary>
    private static readonly TcmConfig Tiny = new()
    {
        BackboneWidth = 4,
        BackboneBlocks = [1, 1, 1, 1],
        PoolHeads = 4,
        JointWidth = 8,
        PositionGrid = 2,
        TextWidth = 8,
        TextHeads = 2,
        TextLayers = 1,
        DecoderWidth = 8,
        DecoderHeads = 2,
        DecoderLayers = 1,
        NeckWidth = 8,
        HeadWidth = 4,
        StoredTokenIds = [.. new TcmConfig().PromptTokenIds.Distinct()],
    };

    private static readonly TcmConfig[] Models =
    [
        Tiny, Tiny with { HasTextBranch = false, LanguagePrompt = false, VisualPrompt = false, ContextDecoder = false },
        Tiny with { HasCachedText = true, LanguagePrompt = false, Head = "pan" }, Tiny with { FastTcm = true, Head = "fce" },
    ];

    private static readonly Lazy<CpuBackend> OneThread = new(() => new CpuBackend(1));

    /// <summary>A file and all of its tensors.</summary>
    public static FuzzTarget Safetensors { get; } = new("safetensors", "weight files of the format safetensors",
    [
        WeightFiles.Safetensors(Header, 26),
        WeightFiles.Safetensors("""{"__metadata__":{"k":"v"},"t":{"dtype":"BF16","shape":[0,3],"data_offsets":[0,0]}}""", 0),
        WeightFiles.Safetensors("""{"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"o":{"dtype":"BOOL","shape":[3],"data_offsets":[8,11]}}""", 11),
    ], ReadAll);

    /// <summary>An archive, its pickle, and all of its tensors.</summary>
    public static FuzzTarget PyTorch { get; } = new("pytorch", "weight files of PyTorch: ZIP and pickle",
    [
        WeightFiles.Archive(WeightFiles.Pickle("a", 0, [2, 3], [3, 1], 6), storages: ("0", new byte[24])),
        WeightFiles.Archive(WeightFiles.Pickle("module.a", 1, [2, 2], [1, 2], 6), CompressionLevel.Optimal, ("0", new byte[24])),
        WeightFiles.Archive(TorchScript(), storages: ("0", new byte[8])),
    ], ReadAll);

    /// <summary>
    /// The configuration in a model's metadata, then the model, and a picture if it can be built. The first byte chooses the tensors.
    /// </summary>
    public static FuzzTarget Config { get; } = new("config", "a model's configuration, and the model built from it",
        [.. Models.Select((c, i) => (byte[])[(byte)i, .. Encoding.UTF8.GetBytes(TcmConfigJson.Write(c))])], input =>
        {
            var tensors = Models[input.Length == 0 ? 0 : input[0] % Models.Length];
            using var file = new Described(tensors, Encoding.UTF8.GetString(input.AsSpan(Math.Min(1, input.Length))));
            using var detector = TextDetector.Over(file, TcmConfigReader.FromCheckpoint(file), OneThread.Value,
                new TextDetectorOptions { ShortSide = 32, MaxSide = 64 });
            detector.Detect(new byte[32 * 32], 32, 32, 0, PixelFormat.Gray8);
        });

    private static void ReadAll(byte[] input)
    {
        using var checkpoint = CheckpointFile.Open(new MemoryStream(input), "input");
        foreach (var tensor in checkpoint.Tensors)
        {
            FuzzTarget.Require(checkpoint.Read(tensor.Name).LongLength == tensor.Length, $"'{tensor.Name}' has another length");
        }
    }

    /// <summary>A module with a tensor and a module within.</summary>
    private static byte[] TorchScript() => new PickleWriter().Op(0x80, 2).Global("__torch__", "M").Op((byte)')', 0x81, (byte)'}').Text("w")
        .Tensor(0, [2], [1], 2).Op((byte)'s').Text("inner").Global("__torch__.torch", "N").Op((byte)')', 0x81, (byte)'}').Text("v")
        .Tensor(1, [1], [1], 2).Op((byte)'s', (byte)'b', (byte)'s', (byte)'b', (byte)'.').ToArray();

    /// <summary>Tensors of one configuration that say to be of another.</summary>
    private sealed class Described(TcmConfig tensors, string json) : Checkpoint
    {
        private readonly FormulaWeights _weights = new(tensors);

        public override string Path => "input";

        public override IReadOnlyDictionary<string, string> Metadata { get; } =
            new Dictionary<string, string> { [TcmConfigReader.MetadataKey] = json };

        public override IReadOnlyList<TensorInfo> Tensors => _weights.Tensors;

        public override void Read(TensorInfo tensor, Span<float> destination) => _weights.Read(tensor, destination);

        public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination) =>
            _weights.ReadRows(tensor, first, rows, destination);

        public override void Dispose() { }
    }
}
