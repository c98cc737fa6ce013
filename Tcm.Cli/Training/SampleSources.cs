using Tcm.Cli.Images;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Kernels;

namespace Tcm.Cli.Training;

/// <summary>Opens the datasets that a recipe names.</summary>
internal static class SampleSources
{
    /// <summary>The members of a data mix, in the recipe's order.</summary>
    public static IReadOnlyList<MixMember> Open(IReadOnlyList<DataSection> sections) =>
        [.. sections.Select(s => new MixMember(Open(s), s))];

    private static PictureSource Open(DataSection section)
    {
        if (section.Images is null || section.Labels is null)
        {
            throw new TcmException($"data: '{section.Dataset}' needs images and labels");
        }
        var pictures = DatasetReader.Read(section.Dataset, section.Labels, section.Images, section.Select);
        return new PictureSource($"{section.Dataset} {section.Select}", pictures, path => ImageFile.Read(path));
    }
}
