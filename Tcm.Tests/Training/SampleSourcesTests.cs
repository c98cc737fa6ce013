using SkiaSharp;
using Tcm.Cli.Training;
using Tcm.Detect.Datasets;
using Tcm.Detect.Training;
using Tcm.Kernels;
using Tcm.Tests.Cli;

namespace Tcm.Tests.Training;

/// <summary>A recipe's data mix takes the datasets that <c>tcm eval</c> takes.</summary>
public sealed class SampleSourcesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-mix").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Ones_own_pictures_are_a_member_of_the_mix()
    {
        File.WriteAllBytes(Path.Combine(_folder, "a.png"), Pictures.Encoded(40, 30, SKEncodedImageFormat.Png));
        File.WriteAllBytes(Path.Combine(_folder, "b.png"), Pictures.Encoded(50, 30, SKEncodedImageFormat.Png));
        string labels = Path.Combine(_folder, "mine.jsonl");
        File.WriteAllText(labels, """
            {"image":"a.png","texts":[{"polygon":[1,2,30,2,30,12],"text":"A"}]}
            {"image":"b.png","texts":[]}
            """);
        var source = Open("jsonl", labels);
        Assert.Equal(1, source.Count);
        var sample = source.Read(0);
        Assert.Equal(("a.png", 40, "A"), (sample.Name, sample.Image.Width, sample.Texts.Single().Transcription));
    }

    [Fact]
    public void Every_dataset_of_the_table_may_be_named()
    {
        foreach (string dataset in DatasetReader.Names)
        {
            // Names are known, and the empty folder is what is wrong.
            Assert.Equal($"{_folder}: no {dataset} labels", Assert.Throws<TcmException>(() => Open(dataset, _folder)).Message);
        }
        Assert.StartsWith("unknown dataset 'coco'; known: icdar2013, ", Assert.Throws<TcmException>(() => Open("coco", _folder)).Message);
    }

    private ISampleSource Open(string dataset, string labels) => SampleSources.Open(new Recipe
    {
        Data = [new DataSection { Dataset = dataset, Labels = labels, Images = _folder, Select = "first:1" }],
    }).Single().Source;
}
