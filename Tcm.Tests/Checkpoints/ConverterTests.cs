using Tcm.Bench.Fuzzing;
using Tcm.Detect.Models;
using Tcm.Nn.Checkpoints;
using Tcm.Tests.Support;

namespace Tcm.Tests.Checkpoints;

public sealed class ConverterTests : IDisposable
{
    private const string Table = "text_encoder.token_embedding.weight";

    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("db", false, false)]
    [InlineData("db", true, true)]
    [InlineData("db", true, false)]
    [InlineData("pan", false, false)]
    [InlineData("fce", true, false)]
    public void ConvertedModelIsTheSame(string head, bool half, bool full)
    {
        string input = SharedData.Golden($"tcm-{head}-tiny.pth"), output = Path.Combine(_files.Folder, "m.safetensors");
        var report = CheckpointConverter.Convert(input, output,
            new ConversionOptions { Half = half, TextHeads = 2, FullVocabulary = full });
        Assert.Equal("model", report.Kind);
        Assert.Empty(report.Missing);
        Assert.Equal(new FileInfo(output).Length, report.Bytes);
        Assert.All(report.Dropped, d => Assert.EndsWith("num_batches_tracked", d.Name));
        Assert.Single(Directory.GetFiles(_files.Folder));

        using var before = ModelFile.Open(input, textHeads: 2);
        using var after = ModelFile.Open(output);
        Assert.Equal(TcmConfigJson.Write(report.Config!), TcmConfigJson.Write(after.Config));
        Assert.Equal(TcmConfigJson.Write(before.Config), TcmConfigJson.Write(after.Config with { StoredTokenIds = [] }));
        Assert.Equal(full ? 0 : 14, after.Config.StoredTokenIds.Count);
        Assert.Equal(report.Kept.Count, after.Checkpoint.Tensors.Count);
        Assert.Equal(before.Checkpoint.Tensors.Count, report.Kept.Count + report.Dropped.Count);
        foreach (var tensor in after.Checkpoint.Tensors)
        {
            float[] expected = before.Checkpoint.Read(tensor.Name), actual = after.Checkpoint.Read(tensor.Name);
            if (tensor.Name == Table && !full)
            {
                int width = tensor.Shape[1];
                expected = [.. after.Config.StoredTokenIds.SelectMany(id => expected[(id * width)..((id + 1) * width)])];
            }
            Assert.Equal(half ? Array.ConvertAll(expected, v => (float)(Half)v) : expected, actual);
        }
    }

    [Fact]
    public void ConvertingTwiceChangesNothing()
    {
        string once = Path.Combine(_files.Folder, "1"), twice = Path.Combine(_files.Folder, "2");
        CheckpointConverter.Convert(SharedData.Golden("tcm-db-tiny.pth"), once, new ConversionOptions { TextHeads = 2 });
        CheckpointConverter.Convert(once, twice, new ConversionOptions());
        Assert.Equal(File.ReadAllBytes(once), File.ReadAllBytes(twice));
    }

    [Fact]
    public void ClipBecomesAnInitialization()
    {
        string output = Path.Combine(_files.Folder, "clip.safetensors");
        var report = CheckpointConverter.Convert(SharedData.Golden("clip-rn-tiny.pt"), output, new ConversionOptions());
        Assert.Equal("initialization", report.Kind);
        Assert.Empty(report.Missing);
        Assert.Contains(report.Dropped, d => d.Name == "vocab_size");
        var e = Assert.Throws<WeightFormatException>(() => ModelFile.Open(output));
        Assert.Contains("CLIP alone", e.Message);
    }

    [Fact]
    public void ForeignAndIncompleteFilesAreRefused()
    {
        string foreign = _files.Write("foreign", WeightFiles.Safetensors("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4));
        var e = Assert.Throws<WeightFormatException>(() => ModelFile.Open(foreign));
        Assert.EndsWith("foreign: not a TCM model: it has no tensor 'backbone.conv1.weight'", e.Message);

        string whole = Path.Combine(_files.Folder, "whole"), part = Path.Combine(_files.Folder, "part");
        CheckpointConverter.Convert(SharedData.Golden("tcm-db-tiny.pth"), whole, new ConversionOptions { TextHeads = 2 });
        using (var file = CheckpointFile.Open(whole))
        {
            var kept = file.Tensors.Where(t => t.Name != "gamma").ToList();
            SafetensorsWriter.Write(part, file.Metadata, kept, file.Read);
        }
        e = Assert.Throws<WeightFormatException>(() =>
            CheckpointConverter.Convert(part, Path.Combine(_files.Folder, "out"), new ConversionOptions()));
        Assert.Contains("'gamma'", e.Message);
        Assert.False(File.Exists(Path.Combine(_files.Folder, "out")));
    }

    [Fact]
    public void OfficialHeadsAreAssumedUnlessGiven()
    {
        string path = SharedData.Golden("tcm-db-tiny.pth");
        using var model = ModelFile.Open(path);
        Assert.Equal((8, 4), (model.Config.TextHeads, model.Config.DecoderHeads));
        Assert.Throws<WeightFormatException>(() => ModelFile.Open(path, textHeads: 3));
    }
}
