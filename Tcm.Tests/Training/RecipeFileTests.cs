using Tcm.Detect.Models;
using Tcm.Detect.Training;
using Tcm.Kernels;
using Tcm.Tests.Support;

namespace Tcm.Tests.Training;

/// <summary>The recipes of the repository: they can be read, describe models, and say of the paper's rows what their names do.</summary>
public sealed class RecipeFileTests
{
    public static TheoryData<string> Files => [.. Directory.GetFiles(Folder, "*.json", SearchOption.AllDirectories)
        .Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal)];

    private static string Folder => Path.Combine(SharedData.RepositoryRoot, "recipes");

    [Theory]
    [MemberData(nameof(Files))]
    public void A_recipe_describes_a_model(string file)
    {
        var recipe = RecipeReader.Read(Path.Combine(Folder, file));
        Assert.NotEmpty(recipe.Name);
        Assert.NotEmpty(TcmParameters.Expected(recipe.Model));
        Assert.All(recipe.Data.Concat(recipe.Validation.Data).Where(d => d.Images is not null), d => Assert.True(Path.IsPathRooted(d.Images)));
    }

    [Fact]
    public void Ablations_differ_from_the_full_model_where_they_say()
    {
        Recipe Of(string name) => RecipeReader.Read(Path.Combine(Folder, "paper", $"ablation-{name}.json"));
        Assert.Equal(TcmConfig.FullSizeDb.BackboneWidth, Of("vg").Model.BackboneWidth);
        Assert.Equal((true, true, true), (Of("vg").Model.LanguagePrompt, Of("vg").Model.VisualPrompt, Of("vg").Model.ContextDecoder));
        Assert.False(Of("baseline").Model.HasTextBranch);
        Assert.Equal((true, false), (Of("lg").Model.LanguagePrompt, Of("lg").Model.VisualPrompt));
        Assert.Equal((PromptMode.Predefined, 0, false), (Of("pp").Model.PromptMode, Of("pp").Model.LearnableTokens, Of("pp").Model.ContextDecoder));
        foreach (int n in (int[])[4, 18, 32])
        {
            var model = Of($"pp-lp{n}").Model;
            Assert.Equal((n, n + 14, false, false), (model.LearnableTokens, model.TextLength, model.LanguagePrompt, model.VisualPrompt));
        }
        Assert.False(Of("no-aux").Loss.AuxiliaryLoss);
        Assert.Equal(0, Of("freeze-image-0").Optimizer.RateFactors["backbone"]);
        Assert.Equal(0.1, Of("freeze-text-0.1").Optimizer.RateFactors["text_encoder"]);
        Assert.Empty(Of("freeze-none").Optimizer.RateFactors);
    }

    [Theory]
    [InlineData("""{"steps":1,"steps":2,"data":[{"dataset":"synth"}]}""")]
    [InlineData("""{"model":{"head":"db","head":"pan"},"data":[{"dataset":"synth"}]}""")]
    [InlineData("""{"extends":"a\u0000b"}""")]
    [InlineData("""{"data":[{"dataset":"icdar2015","images":"a\u0000b","labels":"c"}]}""")]
    public void Names_given_twice_and_paths_that_are_none_are_errors(string recipe)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, recipe);
            Assert.StartsWith(path + ": ", Assert.Throws<TcmException>(() => RecipeReader.Read(path)).Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_circle_of_recipes_is_an_error()
    {
        string folder = Directory.CreateTempSubdirectory("tcm-recipes").FullName;
        File.WriteAllText(Path.Combine(folder, "a.json"), """{ "extends": "b.json" }""");
        File.WriteAllText(Path.Combine(folder, "b.json"), """{ "extends": "a.json" }""");
        Assert.Contains("circle", Assert.Throws<TcmException>(() => RecipeReader.Read(Path.Combine(folder, "a.json"))).Message);
        Directory.Delete(folder, recursive: true);
    }
}
