using System.IO.Compression;
using System.Numerics;
using System.Text;
using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Tests.Datasets;

/// <summary>Each label format that is text, from files that the test writes.</summary>
public sealed class TextFormatTests : IDisposable
{
    private const string Ctw = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28";

    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-formats").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("gt_img_1.txt", "-3 2 30 12 \"A, b\"\r\n5 6 7 8 \"###\"\r\n")]
    [InlineData("gt_img_1.txt", "\uFEFF-3, 2, 30, 12, \"A, b\"\n\n5, 6, 7, 8, \"###\"")]
    public void Icdar2013_boxes_are_never_dont_care(string file, string content)
    {
        var texts = Texts("icdar2013", file, content, "img_1");
        Assert.Equal([new Vector2(0, 2), new(30, 2), new(30, 12), new(0, 12)], texts[0].Polygon);
        Assert.Equal(["A, b", "###"], texts.Select(t => t.Transcription));
        Assert.All(texts, t => Assert.False(t.Ignored));
    }

    [Fact]
    public void Icdar2013_training_labels_have_no_prefix() =>
        Assert.Equal("100", Assert.Single(Read("icdar2013", "100.txt", "1 2 3 4 \"\"")).Name);

    [Fact]
    public void Mlt2017_has_a_script_before_the_words()
    {
        var texts = Texts("mlt2017", "gt_img_1.txt",
            "\uFEFF1,2,30,2,30,12,1,12,Latin,a,b\r\n1,2,30,2,30,12,1,12,Arabic,###\r\n1,2,30,2,30,12,1,12,Latin,", "img_1");
        Assert.Equal(["a,b", "###", ""], texts.Select(t => t.Transcription));
        Assert.Equal([false, true, false], texts.Select(t => t.Ignored));
        Assert.Equal(new Vector2(30, 12), texts[0].Polygon[2]);
    }

    [Theory]
    [InlineData("td500")]
    [InlineData("tr400")]
    public void Polygons_with_a_flag_may_have_any_number_of_corners(string dataset)
    {
        var texts = Texts(dataset, "IMG_0030.JPG.txt", "0,0,9,0,9,5,0,5,0\n0,0,9,0,9,5,1\n0,0,9,0,9,5,0,5,3,3,x,1\n", "IMG_0030");
        Assert.Equal([4, 3, 5], texts.Select(t => t.Polygon.Count));
        Assert.Equal([false, true, true], texts.Select(t => t.Ignored));
    }

    [Theory]
    [InlineData("td500")]
    [InlineData("tr400")]
    public void Rotated_boxes_serve_both_line_datasets(string dataset)
    {
        var text = Assert.Single(Texts(dataset, "IMG_0030.gt", "0 0 10 20 40 20 0\n", "IMG_0030"));
        Assert.Equal([new Vector2(10, 20), new(50, 20), new(50, 40), new(10, 40)], text.Polygon);
        Assert.False(text.Ignored);
    }

    [Fact]
    public void Only_extensions_of_pictures_are_taken_off_names() =>
        Assert.Equal("shop.door", Assert.Single(Read("td500", "shop.door.txt", "0,0,9,0,9,5,0,5,0")).Name);

    [Fact]
    public void Ctw1500_training_labels()
    {
        string xml = $"""
            <?xml version="1.0" encoding="UTF-8"?>
            <Annotations><image file="0001.jpg">
            <box height="22" left="1" top="2" width="20"><label>A &amp; b</label><segs>{Ctw}</segs><pts/></box>
            <box height="22" left="1" top="2" width="20"><label>###</label><segs>{Ctw}</segs></box>
            </image></Annotations>
            """;
        var texts = Texts("ctw1500", "0001.xml", xml, "0001");
        Assert.Equal(["A & b", "###"], texts.Select(t => t.Transcription));
        Assert.All(texts, t => Assert.Equal((14, new Vector2(27, 28), false), (t.Polygon.Count, t.Polygon[^1], t.Ignored)));
    }

    [Fact]
    public void Ctw1500_test_labels_of_both_releases()
    {
        var texts = Texts("ctw1500", "0001001.txt", $"{Ctw},####one, two\n{Ctw},#######\n100,200,130,240,{Ctw}\n", "1001");
        Assert.Equal(["one, two", "###", null], texts.Select(t => t.Transcription));
        Assert.All(texts, t => Assert.False(t.Ignored));
        Assert.Equal((new Vector2(1, 2), new Vector2(27, 28)), (texts[0].Polygon[0], texts[0].Polygon[13]));
        Assert.Equal((new Vector2(101, 202), new Vector2(127, 228)), (texts[2].Polygon[0], texts[2].Polygon[13]));
    }

    [Fact]
    public void Total_text_entries_continue_on_further_lines()
    {
        var texts = Texts("totaltext", "poly_gt_img12.txt", """
            x: [[10 300 300
              12]], y: [[5 6 40 41]], ornt: [u'h'], transcriptions: [u'EXIT']
            x: [[1 2 3]], y: [[4 5 6]], ornt: [u'#'], transcriptions: [u'#']
            x: [[1 2 3]], y: [[4 5 7]], ornt: [u'c'], transcriptions: [u"JOE'S"]
            x: [[1 2]], y: [[4 5]], ornt: [u'c'], transcriptions: [u'two']
            x: [[1 2 3]], y: [[4 5 8]], ornt: [], transcriptions: []
            """, "img12");
        Assert.Equal(["EXIT", "JOE'S", ""], texts.Select(t => t.Transcription));
        Assert.Equal([new Vector2(10, 5), new(300, 6), new(300, 40), new(12, 41)], texts[0].Polygon);
        Assert.All(texts, t => Assert.False(t.Ignored));
    }

    [Fact]
    public void Total_text_lines_leave_out_unreadable_words()
    {
        var texts = Texts("totaltext", "img12.jpg.txt", "1,2,9,2,9,8,A\n1,2,9,2,9,8,1,8,#\n1,2,9,2,9,8,1,8,###\n", "img12");
        Assert.Equal(["A", "###"], texts.Select(t => t.Transcription));
        Assert.Equal([3, 4], texts.Select(t => t.Polygon.Count));
    }

    [Fact]
    public void Curved_syntext_curves_become_four_points_each()
    {
        var images = Read("curvedsyntext", "train1.json", """
            {"images":[{"id":7,"file_name":"b.jpg","width":90},{"id":3,"file_name":"a.jpg"}],
             "annotations":[{"image_id":7,"bezier_pts":[0,0, 0,9, 27,9, 27,0,  27,30, 18,30, 9,30, 0,30],"rec":[1,2]}]}
            """);
        Assert.Equal(["a.jpg", "b.jpg"], images.Select(i => i.Name));
        Assert.Empty(images[0].Texts);
        // Bernstein's weights at a third: 8/27, 12/27, 6/27, 1/27.
        Vector2[] expected = [new(0, 0), new(7, 6), new(20, 6), new(27, 0), new(27, 30), new(18, 30), new(9, 30), new(0, 30)];
        Assert.All(expected.Zip(images[1].Texts[0].Polygon), p => Assert.True(Vector2.Distance(p.First, p.Second) < 1e-4));
    }

    [Fact]
    public void Json_lines_take_nested_and_flat_polygons()
    {
        var images = Read("jsonl", "mine.jsonl", """
            {"image":"b.jpg","texts":[{"polygon":[[1,2],[9.5,2],[9,8]],"ignore":true,"text":"x"},{"polygon":[1,2,9,2,9,8,1,8],"colour":3}]}

            {"image":"a.png","texts":[{"polygon":[1,2,9,2,9,8],"text":null,"ignore":false}],"width":640}
            """);
        Assert.Equal(["a.png", "b.jpg"], images.Select(i => i.Name));
        Assert.Equal([new Vector2(1, 2), new(9.5f, 2), new(9, 8)], images[1].Texts[0].Polygon);
        Assert.Equal([(true, "x"), (false, null)], images[1].Texts.Select(t => (t.Ignored, t.Transcription)));
        Assert.Null(images[0].Texts[0].Transcription);
    }

    [Theory]
    [InlineData("icdar2013", "gt_img_1.txt", "1 2 3 4 \"a\"\n1 2 3 \"a\"", "line 2: 3 fields")]
    [InlineData("icdar2013", "gt_img_1.txt", "1 2 3 4 a", "line 1: 5 fields")]
    [InlineData("mlt2017", "gt_img_1.txt", "1,2,3,4,5,6,7,8,Latin", "line 1: 9 fields")]
    [InlineData("mlt2017", "gt_img_1.txt", "\n1,2,3,4,5,6,7,1e30,Latin,a", "line 2: 1e30 is outside of any picture")]
    [InlineData("td500", "IMG_1.txt", "1,2,3,4,0", "line 1: 5 fields")]
    [InlineData("tr400", "IMG_1.gt", "0 0 1 2 3 4", "line 1: 6 fields")]
    [InlineData("ctw1500", "0001.xml", "<Annotations><image>\n<box><segs>1,2,3</segs></box></image></Annotations>", "line 2: a box with 3 values")]
    [InlineData("ctw1500", "0001.xml", "<Annotations>\n<image></Annotations>", "line 2: not well-formed XML")]
    [InlineData("ctw1500", "0001.xml", "<html/>", "line 1: no image element")]
    [InlineData("ctw1500", "0001.xml", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "line 1: not well-formed XML")]
    [InlineData("ctw1500", "1001.txt", Ctw + ",####a\n" + Ctw + ",a", "line 2: expected 28 values")]
    [InlineData("totaltext", "poly_gt_img1.txt", "x: [[1 2 3]], y: [[1 2]], ornt: [u'c'], transcriptions: [u'a']", "line 1: 3 values of x, 2 of y")]
    [InlineData("totaltext", "poly_gt_img1.txt",
        "x: [[1 2 3]], y: [[1 2 3]], ornt: [u'c'], transcriptions: [u'a']\nx: [[1 2 3]]", "line 2: expected x: [[...]]")]
    [InlineData("totaltext", "img1.txt", "1,2,3,4,5,6,a\n1,2,3,4,5,a", "line 2: 6 fields")]
    [InlineData("curvedsyntext", "a.json", "{\"images\":[],\"annotations\":[{\"image_id\":1}]}", "annotations[0]: no image has the id 1")]
    [InlineData("curvedsyntext", "a.json", "{\"images\":[{\"id\":1,\"file_name\":\"a\"}],\"annotations\":[{\"image_id\":1,\"bezier_pts\":[1]}]}", "has 1 values")]
    [InlineData("curvedsyntext", "a.json", "{\"images\":[{\"id\":1,\"file_name\":\"a\"},{\"id\":1,\"file_name\":\"b\"}]}", "images[1]: another image")]
    [InlineData("curvedsyntext", "a.json", "[1,2", "not JSON")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"a\",\"texts\":[]}\n{\"image\":\"b\"}", "line 2: 'texts' is absent")]
    [InlineData("jsonl", "a.jsonl", "\n{\"image\":", "line 2: not JSON")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"\\ud800\",\"texts\":[]}", "line 1: 'image' is not valid text")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"\",\"texts\":[]}", "line 1: 'image' is empty")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"a\",\"texts\":[{\"polygon\":[[1,2],[3,4]]}]}", "line 1: 'polygon' has 4 values")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"a\",\"texts\":[{\"polygon\":[[1,2],[3,4],[5]]}]}", "line 1: a corner of 'polygon' is not [x,y]")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"a\",\"texts\":[{\"polygon\":[1,2,3,4,5,1e300]}]}", "line 1: '1e300' is not a coordinate")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"a\",\"texts\":[{\"polygon\":[1,2,3,4,5,6],\"ignore\":1}]}", "line 1: 'ignore' is neither")]
    [InlineData("jsonl", "a.jsonl", "{\"image\":\"a\",\"texts\":[]}\n{\"image\":\"a\",\"texts\":[]}", "picture a has labels already")]
    public void A_bad_label_names_file_and_line(string dataset, string file, string content, string message)
    {
        string path = Path.Combine(_folder, file);
        var error = Assert.Throws<TcmException>(() => Read(dataset, file, content));
        Assert.StartsWith(path, error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_zip_serves_as_well_as_a_folder()
    {
        string path = Path.Combine(_folder, "labels.zip");
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Create))
        {
            Write(zip, "gt/gt_img_2.txt", "1,2,30,2,30,12,1,12,Latin,b");
            Write(zip, "gt/gt_img_1.txt", "1,2,30,2,30,12,1,12,Latin");
            Write(zip, "__MACOSX/gt/._gt_img_2.txt", "\0\0");
        }
        var error = Assert.Throws<TcmException>(() => DatasetReader.Read("mlt2017", path));
        Assert.StartsWith($"{path}/gt_img_1.txt, line 1: 9 fields", error.Message);
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Update))
        {
            zip.GetEntry("gt/gt_img_1.txt")!.Delete();
        }
        Assert.Equal("b", Assert.Single(Assert.Single(DatasetReader.Read("mlt2017", path)).Texts).Transcription);
    }

    [Fact]
    public void An_entry_that_unpacks_without_end_is_refused()
    {
        string path = Path.Combine(_folder, "labels.zip");
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Create))
        {
            Write(zip, "gt_img_1.txt", new string(' ', 20 << 20));
        }
        Assert.Contains("gt_img_1.txt: more than 16 MiB", Assert.Throws<TcmException>(() => DatasetReader.Read("icdar2015", path)).Message);
    }

    [Fact]
    public void Pictures_are_found_with_and_without_extension()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "photos", "sub"));
        string first = Path.Combine(_folder, "photos", "a.JPG"), second = Path.Combine(_folder, "photos", "sub", "b.png");
        File.WriteAllText(first, "");
        File.WriteAllText(second, "");
        string labels = Path.Combine(_folder, "mine.jsonl");
        File.WriteAllText(labels, "{\"image\":\"sub/b.png\",\"texts\":[]}\n{\"image\":\"a\",\"texts\":[]}\n");
        var images = DatasetReader.Read("jsonl", labels, Path.Combine(_folder, "photos"));
        Assert.Equal([("a.JPG", first), ("b.png", second)], images.Select(i => (i.Name, i.ImagePath!)));
    }

    private static void Write(ZipArchive zip, string name, string content)
    {
        using var stream = zip.CreateEntry(name).Open();
        stream.Write(Encoding.UTF8.GetBytes(content));
    }

    private IReadOnlyList<AnnotatedImage> Read(string dataset, string file, string content)
    {
        File.WriteAllText(Path.Combine(_folder, file), content);
        return DatasetReader.Read(dataset, _folder);
    }

    private IReadOnlyList<TextAnnotation> Texts(string dataset, string file, string content, string name)
    {
        var image = Assert.Single(Read(dataset, file, content));
        Assert.Equal(name, image.Name);
        return image.Texts;
    }
}
