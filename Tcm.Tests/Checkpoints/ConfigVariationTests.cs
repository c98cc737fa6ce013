using System.Text;
using Tcm.Detect.Models;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Tests.Checkpoints;

public sealed class ConfigVariationTests : IDisposable
{
    private static readonly TcmConfig Tiny = TcmConfig.FullSizeDb with
    {
        BackboneWidth = 8,
        BackboneBlocks = [1, 2, 1, 1],
        JointWidth = 16,
        PositionGrid = 3,
        TextWidth = 8,
        TextLayers = 2,
        DecoderWidth = 8,
        DecoderLayers = 1,
        NeckWidth = 8,
        HeadWidth = 4,
    };

    private static readonly double[] ImageNetMean = [123.675, 116.28, 103.53];

    private readonly TestFiles _files = new();

    public static TheoryData<string> Names => [.. Variations.Keys];

    internal static IReadOnlyDictionary<string, TcmConfig> Variations { get; } = new Dictionary<string, TcmConfig>()
    {
        ["tiny"] = Tiny,
        ["32 prompts"] = Tiny with { LearnableTokens = 32, TextLength = 46 },
        ["no language prompt"] = Tiny with { LanguagePrompt = false },
        ["no visual prompt"] = Tiny with { VisualPrompt = false },
        ["no context decoder"] = Tiny with { ContextDecoder = false },
        ["scaled"] = Tiny with { ScaledScoreMap = true },
        ["FastTCM"] = Tiny with { FastTcm = true },
        ["cached text"] = Tiny with { HasCachedText = true, LanguagePrompt = false },
        ["LP only"] = Tiny with { PromptMode = PromptMode.LearnableOnly, LearnableTokens = 18 },
        ["PP only"] = Tiny with
        {
            PromptMode = PromptMode.Predefined,
            LearnableTokens = 0,
            TextLength = 30,
            LanguagePrompt = false,
            VisualPrompt = false,
            ContextDecoder = false,
        },
        ["PAN"] = Tiny with { Head = "pan", Mean = ImageNetMean },
        ["FCENet"] = Tiny with { Head = "fce", Mean = ImageNetMean },
        ["plain"] = Tiny with { HasTextBranch = false, LanguagePrompt = false, VisualPrompt = false, ContextDecoder = false },
    };

    public void Dispose() => _files.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void NamesAndShapesTellTheVariation(string name)
    {
        var config = Variations[name];
        string path = Path.Combine(_files.Folder, "bare"), converted = Path.Combine(_files.Folder, "converted");
        using (var weights = new FormulaWeights(config))
        {
            SafetensorsWriter.Write(path, weights.Metadata, weights.Tensors, weights.Read);
        }
        using (var model = ModelFile.Open(path))
        {
            Assert.Equal(Relevant(config), Relevant(model.Config));
        }
        CheckpointConverter.Convert(path, converted, new ConversionOptions());
        using var again = ModelFile.Open(converted);
        Assert.Equal(Relevant(config), Relevant(again.Config with { StoredTokenIds = [] }));
        Assert.Equal(TcmParameters.Expected(again.Config).Count, again.Checkpoint.Tensors.Count);
    }

    [Fact]
    public void DecoderOfThePredefinedPromptIsUnused()
    {
        var config = Variations["PP only"] with { ContextDecoder = true };
        string path = Path.Combine(_files.Folder, "pp"), converted = Path.Combine(_files.Folder, "converted");
        using (var weights = new FormulaWeights(config))
        {
            List<TensorInfo> tensors = [.. weights.Tensors, new TensorInfo("contexts", ElementType.Float32, [1, 0, 8])];
            SafetensorsWriter.Write(path, weights.Metadata, tensors, weights.Read);
        }
        var report = CheckpointConverter.Convert(path, converted, new ConversionOptions());
        Assert.False(report.Config!.ContextDecoder);
        Assert.Contains(report.Dropped, d => d == new DroppedTensor("gamma", "not used by this model"));
        Assert.Contains(report.Dropped, d => d == new DroppedTensor("contexts", "empty"));
        Assert.Equal(15, report.Config.StoredTokenIds.Count);
    }

    [Fact]
    public void DamagedConfigurationsAreReadOrRefused()
    {
        byte[] json = Encoding.UTF8.GetBytes(TcmConfigJson.Write(Tiny));
        var random = new Random(7);
        for (int i = 0; i < 2000; i++)
        {
            byte[] mutant = [.. json];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                mutant[random.Next(mutant.Length)] = (byte)"0123456789-,[]{}\"aeE.null"[random.Next(25)];
            }
            using var file = new Described(Encoding.UTF8.GetString(mutant));
            try
            {
                TcmParameters.Expected(TcmConfigReader.FromCheckpoint(file));
            }
            catch (TcmException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Theory]
    [InlineData("{}", null)]
    [InlineData("null", "damaged")]
    [InlineData("[]", "damaged")]
    [InlineData("{\"head\":\"db\",\"head\":\"pan\"}", "damaged")]
    [InlineData("{\"head\":\"x\"}", "unknown head")]
    [InlineData("{\"mean\":null}", "damaged")]
    [InlineData("{\"colour\":1}", "damaged")]
    [InlineData("{\"backboneBlocks\":[1,2]}", "four stages")]
    [InlineData("{\"backboneWidth\":1000000}", "impossible")]
    [InlineData("{\"textHeads\":7}", "do not divide")]
    [InlineData("{\"promptMode\":9}", "impossible")]
    [InlineData("{\"storedTokenIds\":[-1]}", "impossible")]
    public void ConfigurationsAreChecked(string json, string? reason)
    {
        using var file = new Described(json);
        if (reason is null)
        {
            Assert.Equal(TcmConfigJson.Write(TcmConfig.FullSizeDb), TcmConfigJson.Write(TcmConfigReader.FromCheckpoint(file)));
            return;
        }
        Assert.Contains(reason, Assert.Throws<WeightFormatException>(() => TcmConfigReader.FromCheckpoint(file)).Message);
    }

    /// <summary>Fields of parts that the model does not have keep their defaults, which nobody reads.</summary>
    private static string Relevant(TcmConfig c)
    {
        var defaults = TcmConfig.FullSizeDb;
        if (!c.HasTextBranch)
        {
            c = c with { JointWidth = 0, PositionGrid = 0, DecoderWidth = 0, DecoderLayers = 0 };
        }
        if (!c.HasTextBranch || c.HasCachedText)
        {
            c = c with { TextWidth = 0, TextLayers = 0, TextLength = 0, LearnableTokens = 0 };
        }
        if (!c.VisualPrompt && !c.ContextDecoder)
        {
            c = c with { DecoderWidth = defaults.DecoderWidth, DecoderLayers = defaults.DecoderLayers };
        }
        if (c.Head != "db")
        {
            c = c with { HeadWidth = 0 };
        }
        return TcmConfigJson.Write(c);
    }

    private sealed class Described(string json) : Checkpoint
    {
        public override string Path => "described";

        public override IReadOnlyDictionary<string, string> Metadata { get; } =
            new Dictionary<string, string> { [TcmConfigReader.MetadataKey] = json };

        public override IReadOnlyList<TensorInfo> Tensors => [];

        public override void Read(TensorInfo tensor, Span<float> destination) => destination.Clear();

        public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination) => destination.Clear();

        public override void Dispose() { }
    }
}
