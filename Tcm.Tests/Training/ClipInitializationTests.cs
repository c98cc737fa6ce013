using Tcm.Detect.Models;
using Tcm.Detect.Training;
using Tcm.Nn.Checkpoints;
using Tcm.Tests.Checkpoints;
using Tcm.Tests.Docs;

namespace Tcm.Tests.Training;

/// <summary>Training that starts from CLIP's archive, converted or as it is.</summary>
public sealed class ClipInitializationTests : IDisposable
{
    private static readonly TcmConfig Clip = ConfigVariationTests.Variations["tiny"];

    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_tensor_of_both_encoders_comes_from_the_archive(bool converted)
    {
        // Another grid of positions, a shorter text, and few rows of the token table.
        int[] ids = [.. Clip.PromptTokenIds.Distinct()];
        var config = Clip with { PositionGrid = 5, LearnableTokens = 2, TextLength = 16, StoredTokenIds = ids };
        string archive = PyTorchFiles.Clip(Path.Combine(_files.Folder, "RN50.pt"), Clip), path = archive;
        if (converted)
        {
            path = Path.Combine(_files.Folder, "clip.safetensors");
            CheckpointConverter.Convert(archive, path, new ConversionOptions());
        }
        using var clip = new FormulaWeights(Clip);
        using var weights = new InitialWeights(config, [CheckpointFile.Open(path)], seed: 1);
        int compared = 0;
        foreach (var tensor in weights.Tensors.Where(t => t.Name.StartsWith("backbone.", StringComparison.Ordinal)
            || t.Name.StartsWith("text_encoder.", StringComparison.Ordinal)))
        {
            float[] expected = clip.Read(tensor.Name), actual = weights.Read(tensor.Name);
            int width = tensor.Shape[^1];
            switch (tensor.Name)
            {
                case "text_encoder.token_embedding.weight":
                    expected = [.. ids.SelectMany(id => expected[(id * width)..((id + 1) * width)])];
                    break;
                case "text_encoder.positional_embedding":
                    expected = expected[..(16 * width)];
                    break;
                case "backbone.attnpool.positional_embedding":
                    // The middle of both grids, 3x3 and 5x5, is the same place; so is the mean token's row.
                    Assert.Equal(26 * width, actual.Length);
                    (expected, actual) = ([.. expected[..width], .. expected[(5 * width)..(6 * width)]],
                        [.. actual[..width], .. actual[(13 * width)..(14 * width)]]);
                    break;
            }
            Assert.Equal(expected, actual);
            compared++;
        }
        Assert.Equal(compared, weights.FromFiles);
        Assert.True(compared > 100);
    }

    /// <summary>The shapes of OpenAI's RN50 (tcm-model.md section 2.2), which the paper's recipes start from.</summary>
    [Fact]
    public void Both_encoders_of_the_full_size_model_are_CLIPs()
    {
        var clip = TcmParameters.Expected(TcmConfig.FullSizeDb with { PositionGrid = 7, LearnableTokens = 63, TextLength = 77 });
        using var weights = new InitialWeights(TcmConfig.FullSizeDb, [new Shapes(clip)], seed: 1);
        Assert.Equal(weights.Tensors.Count(t => t.Name.StartsWith("backbone.", StringComparison.Ordinal)
            || t.Name.StartsWith("text_encoder.", StringComparison.Ordinal)), weights.FromFiles);
    }

    [Fact]
    public void Positions_are_resized_with_half_pixel_centres()
    {
        // Places of the new grid lie 0, 1/4, 3/4 and 1 of the way between those of the old one.
        float[] result = new float[16];
        ClipInitialization.ResizeGrid([0, 1, 2, 3], 2, result, 4, 1);
        Assert.Equal([0, .25f, .75f, 1, .5f, .75f, 1.25f, 1.5f, 1.5f, 1.75f, 2.25f, 2.5f, 2, 2.25f, 2.75f, 3], result);
    }

    [Fact]
    public void Widths_that_differ_are_left_to_chance()
    {
        string path = PyTorchFiles.Clip(Path.Combine(_files.Folder, "RN50.pt"), Clip);
        using var weights = new InitialWeights(Clip with { BackboneWidth = 16 }, [CheckpointFile.Open(path)], seed: 1);
        // The joint width is CLIP's still, and with it one bias of the attention pool.
        Assert.Equal(1 + weights.Tensors.Count(t => t.Name.StartsWith("text_encoder.", StringComparison.Ordinal)), weights.FromFiles);
    }

    /// <summary>Names and shapes alone, under CLIP's names.</summary>
    private sealed class Shapes(IReadOnlyList<TensorInfo> tensors) : Checkpoint
    {
        public override string Path => "shapes";

        public override IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

        public override IReadOnlyList<TensorInfo> Tensors { get; } =
            [.. tensors.Where(t => PyTorchFiles.ClipName(t.Name) is not null).Select(t => t with { Name = PyTorchFiles.ClipName(t.Name)! })];

        public override void Read(TensorInfo tensor, Span<float> destination) => throw new NotSupportedException();

        public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination) => throw new NotSupportedException();

        public override void Dispose() { }
    }
}
