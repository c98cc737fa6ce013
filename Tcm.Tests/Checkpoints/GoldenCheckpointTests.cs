using System.Text.Json;
using Tcm.Detect.Clip;
using Tcm.Detect.Models;
using Tcm.Nn.Checkpoints;
using Tcm.Tests.Support;

namespace Tcm.Tests.Checkpoints;

public class GoldenCheckpointTests
{
    [Theory]
    [InlineData("db")]
    [InlineData("pan")]
    [InlineData("fce")]
    public void DerivesTheTinyModels(string head)
    {
        string path = SharedData.Golden($"tcm-{head}-tiny.pth");
        using var golden = JsonDocument.Parse(File.ReadAllText(SharedData.Golden($"tcm-{head}-tiny.json")));
        var expected = golden.RootElement.GetProperty("config");
        int Number(string key) => expected.GetProperty(key).GetInt32();

        using var model = ModelFile.Open(path, textHeads: 2);
        var config = model.Config;
        Assert.Equal(golden.RootElement.GetProperty("n_tensors").GetInt32(), model.Checkpoint.Tensors.Count);
        Assert.Equal(head, config.Head);
        Assert.Equal(Number("width"), config.BackboneWidth);
        Assert.Equal(expected.GetProperty("layers").EnumerateArray().Select(e => e.GetInt32()), config.BackboneBlocks);
        Assert.Equal(Number("odim"), config.JointWidth);
        Assert.Equal(Number("R") / 32, config.PositionGrid);
        Assert.Equal((Number("tw"), Number("th"), Number("tl"), Number("ctx")),
            (config.TextWidth, config.TextHeads, config.TextLayers, config.TextLength));
        Assert.Equal((Number("dw"), Number("dh"), Number("dl")),
            (config.DecoderWidth, config.DecoderHeads, config.DecoderLayers));
        Assert.Equal(golden.RootElement.GetProperty("mean").EnumerateArray().Select(e => e.GetDouble()), config.Mean);
        Assert.Equal(golden.RootElement.GetProperty("std").EnumerateArray().Select(e => e.GetDouble()), config.Std);
        Assert.Equal((PromptMode.Learnable, 4), (config.PromptMode, config.LearnableTokens));
        Assert.True(config is { HasTextBranch: true, LanguagePrompt: true, VisualPrompt: true, ContextDecoder: true });
        Assert.False(config.ScaledScoreMap || config.FastTcm || config.HasCachedText);
        long parameters = model.Checkpoint.Tensors.Where(t => t.Type == ElementType.Float32
            && !t.Name.EndsWith(".running_mean", StringComparison.Ordinal)
            && !t.Name.EndsWith(".running_var", StringComparison.Ordinal)).Sum(t => t.Length);
        Assert.Equal(golden.RootElement.GetProperty("n_params").GetInt64(), parameters);
        foreach (var tensor in TcmParameters.Expected(config))
        {
            Assert.Equal(tensor.ShapeText, model.Checkpoint.Find(tensor.Name)?.ShapeText);
        }
    }

    [Fact]
    public void ReadsOverlappingRowsOfAStridedTable()
    {
        using var file = CheckpointFile.Open(SharedData.Golden("tcm-pan-tiny.pth"));
        const string Name = "text_encoder.token_embedding.weight";
        float[] table = file.Read(Name);
        Assert.Equal(49408 * 16, table.Length);
        for (int row = 0; row + 1 < 49408; row += 997)
        {
            Assert.Equal(table[((row * 16) + 1)..((row + 1) * 16)], table[((row + 1) * 16)..(((row + 1) * 16) + 15)]);
        }
        var rows = new float[3 * 16];
        file.ReadRows(file.Find(Name)!, 1234, 3, rows);
        Assert.Equal(table[(1234 * 16)..(1237 * 16)], rows);
    }

    [Fact]
    public void ReadsTheTracedClip()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(SharedData.Golden("clip-rn-tiny.json")));
        using var file = CheckpointFile.Open(SharedData.Golden("clip-rn-tiny.pt"));
        int count = 0;
        foreach (var property in golden.RootElement.GetProperty("tensors").EnumerateObject())
        {
            var info = file.Find(property.Name);
            Assert.True(info is not null, property.Name);
            Assert.Equal(property.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()), info.Shape);
            Assert.Equal(property.Value.GetProperty("dtype").GetString(), info.Type switch
            {
                ElementType.Float16 => "float16",
                ElementType.Float32 => "float32",
                ElementType.Int64 => "int64",
                _ => info.Type.ToString(),
            });
            float[] values = file.Read(property.Name);
            double sum = values.Sum(v => (double)v), norm = Math.Sqrt(values.Sum(v => (double)v * v));
            double l2 = property.Value.GetProperty("l2").GetDouble();
            Assert.Equal(property.Value.GetProperty("sum").GetDouble(), sum, 1e-6 * (1 + l2));
            Assert.Equal(l2, norm, 1e-6 * (1 + l2));
            count++;
        }
        Assert.Equal(192, count);
        Assert.Equal(192, file.Tensors.Count);
        var e = Assert.Throws<WeightFormatException>(() => TcmConfigReader.FromCheckpoint(file));
        Assert.Contains("CLIP alone", e.Message);
    }

    [Fact]
    public void FormulaWeightsAreThoseOfTheReference()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(SharedData.Golden(Path.Combine("full", "db.json"))));
        using var model = ModelFile.Open(ModelFile.Formula);
        int count = 0;
        foreach (var property in golden.RootElement.GetProperty("weights").EnumerateObject())
        {
            if (property.Name.EndsWith(".num_batches_tracked", StringComparison.Ordinal))
            {
                continue;
            }
            var info = model.Checkpoint.Find(property.Name);
            Assert.True(info is not null, property.Name);
            Assert.Equal(property.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()), info.Shape);
            float[] values = model.Checkpoint.Read(property.Name);
            float[] first = [.. property.Value.GetProperty("first").EnumerateArray().Select(e => e.GetSingle())];
            Assert.Equal(first, values[..first.Length]);
            Assert.Equal(property.Value.GetProperty("last").GetSingle(), values[^1]);
            Assert.Equal(property.Value.GetProperty("mean").GetDouble(), values.Average(v => (double)v), 1e-6);
            count++;
        }
        Assert.Equal(model.Checkpoint.Tensors.Count, count);
        Assert.Equal(StandardPrompt.TokenIds, model.Config.PromptTokenIds);
    }

    [Fact]
    public void ConfigurationSurvivesItsJson()
    {
        var config = TcmConfig.FullSizeDb with { PromptMode = PromptMode.Predefined, StoredTokenIds = [0, 5], FastTcm = true };
        string json = TcmConfigJson.Write(config);
        Assert.Equal(json, TcmConfigJson.Write(TcmConfigJson.Read(json)));
        Assert.Contains("\"promptMode\":\"Predefined\"", json);
    }
}
