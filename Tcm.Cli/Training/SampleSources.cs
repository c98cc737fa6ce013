using System.Globalization;
using Tcm.Cli.Images;
using Tcm.Cli.Synthesis;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Kernels;

namespace Tcm.Cli.Training;

/// <summary>Opens the datasets that a recipe names.</summary>
internal static class SampleSources
{
    private const string Scenes = "synth";

    /// <summary>The members of a data mix, in the recipe's order.</summary>
    /// <param name="recipe">Names them; its seed and canvas are those of rendered scenes that say nothing else.</param>
    public static IReadOnlyList<MixMember> Open(Recipe recipe) => [.. recipe.Data.Select(s => new MixMember(
        s.Dataset == Scenes ? new SceneSource(Options(s, recipe)) : Pictures(s), s))];

    private static PictureSource Pictures(DataSection section)
    {
        if (section.Images is null || section.Labels is null)
        {
            throw new TcmException($"data: '{section.Dataset}' needs images and labels");
        }
        var pictures = DatasetReader.Read(section.Dataset, section.Labels, section.Images, section.Select);
        return new PictureSource($"{section.Dataset} {section.Select}", pictures, path => ImageFile.Read(path));
    }

    private static SceneOptions Options(DataSection section, Recipe recipe)
    {
        var options = new SceneOptions { Seed = recipe.Seed, Size = (recipe.Augmentation.Side, recipe.Augmentation.Side) };
        foreach (var (name, value) in section.Scenes)
        {
            options = name switch
            {
                "seed" => options with { Seed = long.Parse(value, CultureInfo.InvariantCulture) },
                "size" => options with { Size = Size(value) },
                "level" when Enum.TryParse<TextLevel>(value, ignoreCase: true, out var level) => options with { Level = level },
                "backgrounds" => options with { BackgroundFolders = value.Split(';', StringSplitOptions.RemoveEmptyEntries) },
                "fonts" => options with { FontFolders = value.Split(';', StringSplitOptions.RemoveEmptyEntries) },
                _ => throw new TcmException($"data: scenes.{name} = '{value}'; known: seed, size (WxH), level (word, line), backgrounds, "
                    + "fonts (folders, separated by ;)"),
            };
        }
        return options;
    }

    private static (int, int) Size(string text)
    {
        string[] sides = text.Split('x');
        return sides.Length == 2 && int.TryParse(sides[0], CultureInfo.InvariantCulture, out int width)
            && int.TryParse(sides[1], CultureInfo.InvariantCulture, out int height) && width >= SceneOptions.MinSide
            && height >= SceneOptions.MinSide && width <= SceneOptions.MaxSide && height <= SceneOptions.MaxSide
            ? (width, height) : throw new TcmException($"data: scenes.size = '{text}', expected WxH");
    }
}
