using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Kernels;
using Tcm.Tests.Support;

namespace Tcm.Tests.Datasets;

public sealed class DatasetReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-labels").FullName;

    [Fact]
    public void Icdar2015_with_byte_order_mark_commas_and_dont_care()
    {
        File.WriteAllText(Path.Combine(_folder, "gt_img_10.txt"), "\uFEFF1,2,30,2,30,12,1,12,Hello, world\r\n5,5,9,5,9,9,5,9,###\r\n");
        File.WriteAllText(Path.Combine(_folder, "gt_img_9.txt"), "");
        var images = DatasetReader.Read("icdar2015", _folder);
        Assert.Equal(["img_9", "img_10"], images.Select(i => i.Name));
        Assert.Empty(images[0].Texts);
        Assert.Equal("Hello, world", images[1].Texts[0].Transcription);
        Assert.Equal([new Vector2(1, 2), new(30, 2), new(30, 12), new(1, 12)], images[1].Texts[0].Polygon);
        Assert.Equal([false, true], images[1].Texts.Select(t => t.Ignored));
    }

    [Theory]
    [InlineData("icdar2015", "gt_img_1.txt", "1,2,30,2,30,12,1,12,a\n1,2,3\n", "line 2: 3 fields")]
    [InlineData("icdar2015", "gt_img_1.txt", "1,2,x,2,30,12,1,12,a", "line 1: 'x' is not a number")]
    [InlineData("td500", "IMG_1.gt", "0 0 1 2 3 4 0.1\n0 0 1 2 NaN 4 0.1", "line 2: 'NaN' is not a number")]
    public void A_bad_label_names_file_and_line(string format, string file, string content, string message)
    {
        File.WriteAllText(Path.Combine(_folder, file), content);
        var error = Assert.Throws<TcmException>(() => DatasetReader.Read(format, _folder));
        Assert.Contains(file, error.Message);
        Assert.Contains(message, error.Message);
    }

    [Fact]
    public void Missing_pictures_folders_and_formats_are_named()
    {
        File.WriteAllText(Path.Combine(_folder, "gt_img_1.txt"), "");
        Assert.Contains("img_1", Assert.Throws<TcmException>(() => DatasetReader.Read("icdar2015", _folder, _folder)).Message);
        Assert.Contains("nowhere", Assert.Throws<TcmException>(() => DatasetReader.Read("icdar2015", "nowhere")).Message);
        Assert.Contains("icdar2015", Assert.Throws<TcmException>(() => DatasetReader.Read("coco", _folder)).Message);
        Assert.Contains("no synthtext", Assert.Throws<TcmException>(() => DatasetReader.Read("synthtext", _folder)).Message);
    }

    [Theory]
    [InlineData("all", 1, 12)]
    [InlineData("first:3", 1, 3)]
    [InlineData("last:3", 10, 3)]
    [InlineData("-last:3", 1, 9)]
    public void Selections_count_in_natural_order(string select, int first, int count)
    {
        for (int i = 1; i <= 12; i++)
        {
            File.WriteAllText(Path.Combine(_folder, $"gt_img_{i}.txt"), "");
        }
        var images = DatasetReader.Read("icdar2015", _folder, null, select);
        Assert.Equal(($"img_{first}", count), (images[0].Name, images.Count));
    }

    [Fact]
    public void Td500_boxes_turn_about_their_centre()
    {
        File.WriteAllText(Path.Combine(_folder, "IMG_1.gt"), "0 1 10 20 40 20 1.5707963267948966\n");
        var text = DatasetReader.Read("td500", _folder)[0].Texts[0];
        Assert.True(text.Ignored);
        Vector2[] expected = [new(40, 10), new(40, 50), new(20, 50), new(20, 10)];
        Assert.All(expected.Zip(text.Polygon), pair => Assert.True(Vector2.Distance(pair.First, pair.Second) < 1e-4));
    }

    [Fact]
    public void Public_datasets_have_their_known_sizes()
    {
        var icdar = DatasetReader.Read("icdar2015", SharedData.Data("icdar2015/train_gts"), SharedData.Data("icdar2015/train_images"));
        Assert.Equal((1000, 11886, 4468), (icdar.Count, icdar.Sum(i => i.Texts.Count), icdar.Sum(i => i.Texts.Count(t => !t.Ignored))));
        Assert.Equal("img_901.jpg", DatasetReader.Read("icdar2015", SharedData.Data("icdar2015/train_gts"),
            SharedData.Data("icdar2015/train_images"), "last:100")[0].Name);
        var td500 = DatasetReader.Read("td500", SharedData.Data("td500/train"), SharedData.Data("td500/train"));
        Assert.Equal((300, 1068, 101), (td500.Count, td500.Sum(i => i.Texts.Count), td500.Sum(i => i.Texts.Count(t => t.Ignored))));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
