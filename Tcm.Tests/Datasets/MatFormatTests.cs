using System.Numerics;
using Tcm.Bench.Fuzzing;
using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Tests.Datasets;

/// <summary>Total-Text and SynthText as MATLAB files.</summary>
public sealed class MatFormatTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-mat").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Total_text(bool compressed)
    {
        // Columns follow one another: x:, xs, y:, ys, word, orientation of all three rows.
        byte[] x = MatWriter.Text("x:"), y = MatWriter.Text("y:"), horizontal = MatWriter.Text("h");
        byte[] file = MatWriter.File(compressed, MatWriter.Cells("other", 1, 1, MatWriter.Text("unread")), MatWriter.Cells("polygt", 3, 6,
            x, x, x, MatWriter.Doubles((short)10, 300, 300, 12), MatWriter.Doubles((short)1, 2, 3), MatWriter.Doubles(1.5, 2, 3),
            y, y, y, MatWriter.Doubles((short)5, 6, 40, 41), MatWriter.Doubles((short)4, 5, 6), MatWriter.Doubles(4, 5.25, 6),
            MatWriter.Text("CAFÉ"), MatWriter.Text("#"), MatWriter.Text("Ünlü", utf8: true), horizontal, horizontal, horizontal));
        var image = Read("totaltext", "poly_gt_img3.mat", file).Single();
        Assert.Equal("img3", image.Name);
        Assert.Equal(["CAFÉ", "Ünlü"], image.Texts.Select(t => t.Transcription));
        Assert.Equal([new Vector2(10, 5), new(300, 6), new(300, 40), new(12, 41)], image.Texts[0].Polygon);
        Assert.Equal([new Vector2(1.5f, 4), new(2, 5.25f), new(3, 6)], image.Texts[1].Polygon);
        Assert.All(image.Texts, t => Assert.False(t.Ignored));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Synthtext_words_follow_their_characters(bool compressed)
    {
        float[] characters = [.. Enumerable.Range(0, 3).SelectMany(i => Box(10 * i, 2.75f, 9, 12))];
        var images = Read("synthtext", "gt.mat", SynthText(compressed, characters));
        Assert.Equal(["a_1.jpg", "b_2.jpg"], images.Select(i => i.Name));
        Assert.Equal(["ab", "c"], images[0].Texts.Select(t => t.Transcription));
        // Along the upper edges, and back along the lower ones; fractions are cut off.
        Vector2[] outline = [new(0, 2), new(9, 2), new(10, 2), new(19, 2), new(19, 14), new(10, 14), new(9, 14), new(0, 14)];
        Assert.Equal(outline, images[0].Texts[0].Polygon);
        Assert.Equal([new Vector2(20, 2), new(29, 2), new(29, 14), new(20, 14)], images[0].Texts[1].Polygon);
        // Towards zero, as the reference's conversion to integers does.
        Assert.Equal(new Vector2(-3, 4), images[1].Texts.Single().Polygon[0]);
    }

    [Fact]
    public void Synthtext_characters_and_boxes_are_as_many()
    {
        byte[] file = SynthText(true, [.. Box(0, 0, 9, 9), .. Box(0, 0, 9, 9)]);
        Assert.Contains("gt.mat: 8/a_1.jpg has 3 characters in txt, 2 in charBB", Error("synthtext", "gt.mat", file));
    }

    [Fact]
    public void Sizes_are_those_of_the_characters()
    {
        float[] characters = Box(0, 0, 9, 9);
        Assert.Contains($"gt.mat: the MATLAB file is damaged: an array of {int.MaxValue} characters that has 1",
            Error("synthtext", "gt.mat", Words(MatWriter.Characters(int.MaxValue, 1, "Z"), characters)));
        // Many rows of nothing are no text, at once.
        Assert.Empty(Read("synthtext", "gt.mat", Words(MatWriter.Characters(int.MaxValue, 0, ""), [])).Single().Texts);

        static byte[] Words(byte[] text, float[] boxes) => MatWriter.File(true, MatWriter.Cells("imnames", 1, 1, MatWriter.Text("8/a.jpg")),
            MatWriter.Cells("charBB", 1, 1, MatWriter.Singles([2, 4, boxes.Length / 8], boxes)), MatWriter.Cells("txt", 1, 1, text));
    }

    [Fact]
    public void Files_of_other_kinds_are_named()
    {
        Assert.Contains("it ends early", Error("totaltext", "gt_img1.mat", []));
        Assert.Contains("not a little-endian MATLAB file of level 5", Error("totaltext", "gt_img1.mat", new byte[200]));
        Assert.Contains("no variable 'polygt'", Error("totaltext", "gt_img1.mat", MatWriter.File(true, MatWriter.Cells("a", 0, 0))));
        Assert.Contains("polygt is not a table",
            Error("totaltext", "gt_img1.mat", MatWriter.File(true, MatWriter.Cells("polygt", 1, 1, MatWriter.Text("a")))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_cut_is_noticed(bool compressed)
    {
        byte[] file = SynthText(compressed, [.. Enumerable.Range(0, 3).SelectMany(i => Box(10 * i, 2, 9, 12))]);
        for (int length = 0; length < file.Length - 8; length += 7)
        {
            Assert.StartsWith(Path.Combine(_folder, "gt.mat"), Error("synthtext", "gt.mat", file[..length]));
        }
    }

    private static byte[] SynthText(bool compressed, float[] characters) => MatWriter.File(compressed,
        MatWriter.Cells("charBB", 1, 2, MatWriter.Singles([2, 4, characters.Length / 8], characters),
            MatWriter.Singles([2, 4], Box(-3.7f, 4, 8, 9))),
        MatWriter.Cells("imnames", 1, 2, MatWriter.Text("8/a_1.jpg"), MatWriter.Text("9/b_2.jpg")),
        MatWriter.Cells("txt", 1, 2, MatWriter.Rows("ab\n", "c  "), MatWriter.Rows("Z")));

    private static float[] Box(float x, float y, float w, float h) => [x, y, x + w, y, x + w, y + h, x, y + h];

    private string Error(string dataset, string name, byte[] file) =>
        Assert.Throws<TcmException>(() => Read(dataset, name, file)).Message;

    private IReadOnlyList<AnnotatedImage> Read(string dataset, string name, byte[] file)
    {
        File.WriteAllBytes(Path.Combine(_folder, name), file);
        return DatasetReader.Read(dataset, _folder);
    }
}
