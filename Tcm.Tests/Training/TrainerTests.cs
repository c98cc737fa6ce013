using System.Numerics;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Models;
using Tcm.Detect.Training;
using Tcm.Kernels;
using Tcm.Kernels.Cpu;
using Tcm.Nn;
using Tcm.Nn.Checkpoints;

namespace Tcm.Tests.Training;

/// <summary>The trainer on a tiny model and drawn pictures: learning, saving, resuming.</summary>
public sealed class TrainerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-train").FullName;

    [Theory]
    [InlineData("ranger", 0.0)]
    [InlineData("adamw", 0.9)]
    [InlineData("adamw", 0.9, "model.head=pan", "augmentation.pipeline=pan")]
    [InlineData("adamw", 0.9, "model.head=fce", "augmentation.pipeline=fce")]
    public void A_resumed_run_equals_an_uninterrupted_one_bit_for_bit(string optimizer, double average, params string[] set)
    {
        var recipe = Recipe(6, [$"optimizer.name={optimizer}", $"optimizer.average={average}", .. set]);
        Run(recipe, null, 6, "whole");
        Run(recipe, null, 3, "half");
        Run(recipe, "half", 3, "resumed");
        Assert.Equal(File.ReadAllBytes(State("whole")), File.ReadAllBytes(State("resumed")));
    }

    [Theory]
    [InlineData("db", 60)]
    [InlineData("pan", 200)]
    [InlineData("fce", 60)]
    public void The_loss_falls(string head, int steps)
    {
        var recipe = Recipe(steps, "augmentation.enabled=false", "data.0.weight=1", $"model.head={head}");
        using var backend = new CpuBackend(2);
        using var trainer = new Trainer(recipe, [new MixMember(new Bars(2), recipe.Data[0])], backend);
        float first = trainer.RunStep().Total, last = first;
        while (trainer.Step < recipe.Steps)
        {
            last = trainer.RunStep().Total;
        }
        Assert.True(last < 0.5f * first, $"from {first} to {last}");
    }

    [Fact]
    public void The_saved_model_detects_what_the_model_in_training_does()
    {
        var recipe = Recipe(3, "optimizer.average=0.5");
        using var backend = new CpuBackend(2);
        using var trainer = new Trainer(recipe, [new MixMember(new Bars(4), recipe.Data[0])], backend);
        for (int i = 0; i < 3; i++)
        {
            trainer.RunStep();
        }
        var options = new TextDetectorOptions { ShortSide = 64 };
        var picture = new Bars(1).Read(0).Image;
        float[] expected = Map(trainer.OpenDetector(options), picture);
        string path = Path.Combine(_folder, "model.safetensors");
        trainer.SaveModel(path, half: false, cacheText: false);
        Assert.Equal(expected, Map(TextDetector.Load(path, options), picture));
        trainer.SaveModel(path, half: false, cacheText: true);
        using (var file = ModelFile.Open(path))
        {
            Assert.True(file.Config.HasCachedText);
        }
        float[] cached = Map(TextDetector.Load(path, options), picture);
        Assert.True(expected.Zip(cached, (a, b) => Math.Abs(a - b)).Max() < 1e-5);
    }

    [Fact]
    public void Frozen_parameters_keep_their_bits()
    {
        var recipe = Recipe(2);
        recipe.Optimizer.RateFactors = new Dictionary<string, double> { ["text_encoder"] = 0, ["backbone"] = 0 };
        using var backend = new CpuBackend(2);
        using var trainer = new Trainer(recipe, [new MixMember(new Bars(4), recipe.Data[0])], backend);
        var before = trainer.Store.All.ToDictionary(p => p.Name, p => p.Value.ToArray());
        trainer.RunStep();
        foreach (var parameter in trainer.Store.Learned)
        {
            bool frozen = parameter.Name.StartsWith("backbone", StringComparison.Ordinal)
                || parameter.Name.StartsWith("text_encoder", StringComparison.Ordinal);
            Assert.True(frozen == parameter.IsFrozen, parameter.Name);
            Assert.True(!frozen || before[parameter.Name].SequenceEqual(parameter.Value.ToArray()), parameter.Name);
        }
        Assert.NotEqual(before["neck.smooth_convs.0.conv.weight"], trainer.Store.Find("neck.smooth_convs.0.conv.weight")!.Value.ToArray());
    }

    [Fact]
    public void A_state_of_another_model_is_refused()
    {
        Run(Recipe(1), null, 1, "small");
        var error = Assert.Throws<WeightFormatException>(() => Run(Recipe(1, "model.headWidth=16"), "small", 1, "none"));
        Assert.Contains(State("small"), error.Message);
        File.WriteAllText(State("broken"), "not a state");
        Assert.Throws<WeightFormatException>(() => Run(Recipe(1), "broken", 1, "none"));
    }

    [Theory]
    [InlineData("steps=0", "steps")]
    [InlineData("augmentation.side=100", "augmentation.side")]
    [InlineData("augmentation.scale=[2,1]", "augmentation.scale")]
    [InlineData("augmentation.pipeline=nonsense", "augmentation.pipeline")]
    [InlineData("data=[]", "data")]
    [InlineData("nonsense=1", "nonsense")]
    [InlineData("optimizer.nonsense=1", "nonsense")]
    [InlineData("data.5.weight=1", "data.5.weight")]
    public void A_bad_recipe_is_named(string set, string part)
    {
        var error = Assert.Throws<TcmException>(() => Recipe(1, set));
        Assert.Contains(part, error.Message);
    }

    private Recipe Recipe(int steps, params string[] set) => TinyRecipe(_folder, steps, set);

    /// <summary>A model of the smallest widths; its file is written into the folder.</summary>
    internal static Recipe TinyRecipe(string folder, int steps, params string[] set)
    {
        string path = Path.Combine(folder, "recipe.json");
        File.WriteAllText(path, $$"""
            {
              // comments are allowed
              "model": { "backboneWidth": 8, "backboneBlocks": [1, 1, 1, 1], "poolHeads": 32, "jointWidth": 32, "positionGrid": 2,
                "textWidth": 16, "textHeads": 2, "textLayers": 1, "languagePrompt": false, "decoderWidth": 16, "decoderHeads": 2,
                "decoderLayers": 1, "neckWidth": 16, "headWidth": 8,
                "storedTokenIds": [49406, 518, 34099, 539, 1346, 22702, 856, 268, 6448, 4160, 1264, 3515, 269, 49407] },
              "data": [{ "dataset": "drawn" }],
              "augmentation": { "side": 64, "crop": "window", "scale": [0.8, 1.2] },
              "batch": 2, "steps": {{steps}},
              "optimizer": { "name": "adamw", "rate": 0.01, "rateFactors": {} },
            }
            """);
        return RecipeReader.Read(path, set);
    }

    private void Run(Recipe recipe, string? from, int steps, string to)
    {
        using var backend = new CpuBackend(2);
        using var trainer = new Trainer(recipe, [new MixMember(new Bars(7), recipe.Data[0])], backend, from is null ? null : State(from), 2);
        for (int i = 0; i < steps; i++)
        {
            trainer.RunStep();
        }
        trainer.SaveState(State(to));
    }

    private string State(string name) => Path.Combine(_folder, name + ".safetensors");

    private static float[] Map(TextDetector detector, ImageBuffer picture)
    {
        using (detector)
        {
            var stages = new MapCollector();
            detector.Trace(picture, stages);
            return stages.Probability!;
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class MapCollector : ForwardObserver
    {
        public float[]? Probability { get; private set; }

        public override bool WantsStages => true;

        public override void Stage(string name, Tensor value)
        {
            if (name == "P")
            {
                Probability = value.ToArray();
            }
        }
    }

    /// <summary>Dark pictures with a light bar for a word.</summary>
    internal sealed class Bars(int count) : ISampleSource
    {
        public string Name => "bars";

        public int? Count => count;

        public Sample Read(long index)
        {
            const int side = 64;
            var random = new Random((int)index);
            var rgb = new byte[3 * side * side];
            random.NextBytes(rgb);
            int x = 4 + random.Next(16), y = 8 + random.Next(24), w = 36, h = 16;
            for (int i = 0; i < rgb.Length; i++)
            {
                int column = i / 3 % side, row = i / 3 / side;
                rgb[i] = (byte)((rgb[i] / 4) + (column >= x && column < x + w && row >= y && row < y + h ? 180 : 0));
            }
            return new Sample("bar", ImageBuffer.From(rgb, side, side, PixelFormat.Rgb24),
                [new TextAnnotation([new(x, y), new(x + w, y), new(x + w, y + h), new Vector2(x, y + h)], false)]);
        }
    }
}
