using System.Text;
using CsCheck;
using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Tests.Datasets;

/// <summary>Whatever a label file holds: it is read, or an error names it. Sound files are damaged at random, which gets deeper than noise.</summary>
public sealed class LabelGarbageTests : IDisposable
{
    private const string Ctw = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28";

    /// <summary>Pieces that parsers stumble over.</summary>
    private static readonly string[] Splinters =
        ["-", "1e39", "NaN", "∞", ",,", "\n", "\0", "\uFEFF", "\\ud800", "\"", "[", "{", "]]", "}", "<", "</", "&#0;", "999999999999999999999", "null", "#", "x:"];

    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-garbage").FullName;

    public static TheoryData<string, string> Forms => new((IEnumerable<(string, string)>)[.. Samples.Keys]);

    /// <summary>A sound file of every form.</summary>
    private static readonly Dictionary<(string Dataset, string File), byte[]> Samples = new()
    {
        [("icdar2013", "gt_img_1.txt")] = Utf8("1 2 30 12 \"A\"\n5, 6, 7, 8, \"B\"\n"),
        [("icdar2015", "gt_img_1.txt")] = Utf8("1,2,30,2,30,12,1,12,A\n1,2,30,2,30,12,1,12,###\n"),
        [("mlt2017", "gt_img_1.txt")] = Utf8("1,2,30,2,30,12,1,12,Latin,A\n"),
        [("td500", "IMG_1.gt")] = Utf8("0 0 1 2 30 4 0.1\n1 1 5 6 70 8 -0.2\n"),
        [("tr400", "IMG_1.jpg.txt")] = Utf8("1,2,30,2,30,12,1,12,0\n1,2,30,2,30,12,1\n"),
        [("ctw1500", "0001.xml")] = Utf8($"<Annotations><image file=\"a\"><box><label>A</label><segs>{Ctw}</segs></box></image></Annotations>"),
        [("ctw1500", "1001.txt")] = Utf8($"{Ctw},####A\n1,2,3,4,{Ctw}\n"),
        [("totaltext", "poly_gt_img1.txt")] = Utf8("x: [[1 2 3]], y: [[4 5 6]], ornt: [u'c'], transcriptions: [u'A']\n"),
        [("totaltext", "img1.txt")] = Utf8("1,2,3,4,5,6,A\n1,2,3,4,5,6,7,8,#\n"),
        [("totaltext", "gt_img1.mat")] = TotalText(compressed: false),
        [("totaltext", "gt_img2.mat")] = TotalText(compressed: true),
        [("synthtext", "gt.mat")] = SynthText(compressed: false),
        [("synthtext", "gt2.mat")] = SynthText(compressed: true),
        [("curvedsyntext", "a.json")] = Utf8("{\"images\":[{\"id\":1,\"file_name\":\"a\"}],"
            + "\"annotations\":[{\"image_id\":1,\"bezier_pts\":[0,0,0,9,27,9,27,0,27,30,18,30,9,30,0,30]}]}"),
        [("jsonl", "a.jsonl")] = Utf8("{\"image\":\"a\",\"texts\":[{\"polygon\":[[1,2],[3,4],[5,6]],\"ignore\":true,\"text\":\"A\"}]}\n"),
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Forms))]
    public void Sound_labels_are_read_and_damaged_ones_named(string dataset, string file)
    {
        byte[] sound = Samples[(dataset, file)];
        string path = Path.Combine(_folder, file);
        Assert.True(Read(dataset, path, sound), "the sound file is refused");
        int refused = 0;
        Damaged(sound).Sample(bytes => refused += Read(dataset, path, bytes) ? 0 : 1, iter: 1500, threads: 1);
        Assert.True(refused > 100, $"only {refused} of 1500 damaged files are refused");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Noise_is_read_or_named(string dataset, string file)
    {
        string path = Path.Combine(_folder, file);
        Gen.Byte.Array[0, 300].Sample(bytes => { Read(dataset, path, bytes); }, iter: 300, threads: 1);
    }

    /// <summary>Whether it is read; any exception but <see cref="TcmException"/> is the test's failure.</summary>
    private static bool Read(string dataset, string path, byte[] bytes)
    {
        File.WriteAllBytes(path, bytes);
        try
        {
            foreach (var text in DatasetReader.Read(dataset, path).SelectMany(i => i.Texts))
            {
                Assert.True(text.Polygon.Count >= 3);
                Assert.All(text.Polygon, p => Assert.True(float.IsFinite(p.X) && float.IsFinite(p.Y)));
            }
            return true;
        }
        catch (TcmException e)
        {
            Assert.StartsWith(path, e.Message);
            return false;
        }
    }

    /// <summary>One to three damages: bytes replaced, a piece cut out or doubled, a splinter put in, the end cut off.</summary>
    private static Gen<byte[]> Damaged(byte[] sound) =>
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, int.MaxValue], Gen.Int[0, 12], Gen.Byte).Array[1, 3].Select(damages =>
            damages.Aggregate(sound, (file, d) =>
            {
                int at = d.Item2 % (file.Length + 1), end = Math.Min(file.Length, at + d.Item3);
                return d.Item1 switch
                {
                    0 => [.. file[..at], .. Enumerable.Repeat(d.Item4, end - at), .. file[end..]],
                    1 => [.. file[..at], .. file[end..]],
                    2 => [.. file[..end], .. file[at..]],
                    3 => [.. file[..at], .. Utf8(Splinters[d.Item4 % Splinters.Length]), .. file[at..]],
                    _ => file[..at],
                };
            }));

    private static byte[] TotalText(bool compressed) => MatWriter.File(compressed, MatWriter.Cells("polygt", 1, 6, MatWriter.Text("x:"),
        MatWriter.Doubles((short)1, 2, 3), MatWriter.Text("y:"), MatWriter.Doubles(4.5, 5, 6), MatWriter.Text("A"), MatWriter.Text("h")));

    private static byte[] SynthText(bool compressed) => MatWriter.File(compressed,
        MatWriter.Cells("imnames", 1, 1, MatWriter.Text("8/a.jpg")),
        MatWriter.Cells("charBB", 1, 1, MatWriter.Singles([2, 4], 0, 0, 9, 0, 9, 9, 0, 9)),
        MatWriter.Cells("txt", 1, 1, MatWriter.Rows("Z")));

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
