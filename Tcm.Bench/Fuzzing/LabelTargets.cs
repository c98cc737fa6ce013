using System.IO.Compression;
using System.Text;
using Tcm.Detect.Datasets;
using Tcm.Detect.Evaluation;

namespace Tcm.Bench.Fuzzing;

/// <summary>Labels of all datasets. The first byte of an input chooses the dataset where a target has several.</summary>
internal static class LabelTargets
{
    private const string Ctw = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28";

    /// <summary>A sound file of every form.</summary>
    public static IReadOnlyDictionary<(string Dataset, string File), byte[]> Samples { get; } = new Dictionary<(string Dataset, string File), byte[]>
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

    /// <summary>Lines of numbers.</summary>
    public static FuzzTarget Text { get; } = Of("labels-text", "label files of lines (ICDAR, MLT, TD500, TR400, CTW1500, Total-Text)", ".txt", ".gt");

    /// <summary>JSON.</summary>
    public static FuzzTarget Json { get; } = Of("labels-json", "labels in JSON (CurvedSynText, JSON-lines)", ".json", ".jsonl");

    /// <summary>XML.</summary>
    public static FuzzTarget Xml { get; } = Of("labels-xml", "labels in XML (CTW1500)", ".xml");

    /// <summary>MATLAB.</summary>
    public static FuzzTarget Mat { get; } = Of("labels-mat", "labels in MATLAB files (Total-Text, SynthText)", ".mat");

    /// <summary>A zip of label files.</summary>
    public static FuzzTarget Zip { get; } = new("labels-zip", "zips of label files", [Zipped(CompressionLevel.NoCompression), Zipped(CompressionLevel.Optimal)],
        input => Check(DatasetReader.Read("icdar2015", FuzzFolder.Put("labels.zip", input))));

    /// <summary>Detections of others.</summary>
    public static FuzzTarget Predictions { get; } = new("predictions", "detections to be judged",
        [Utf8("1,2,30,2,30,12,1,12,0.5\n"), Utf8("1,2,30,2,30,12\n1,2,3,4,5,6,7,8\n")], input =>
        {
            foreach (var found in PredictionReader.Read(FuzzFolder.Put("res_img_1.txt", input), [new AnnotatedImage("img_1.jpg", null, [])]).Single())
            {
                FuzzTarget.Require(found.Polygon.Count >= 3 && found.Polygon.All(p => float.IsFinite(p.X) && float.IsFinite(p.Y)), "a polygon makes no sense");
            }
        });

    private static FuzzTarget Of(string name, string description, params string[] extensions)
    {
        var samples = Samples.Where(s => extensions.Contains(Path.GetExtension(s.Key.File))).ToList();
        return new FuzzTarget(name, description, [.. samples.Select((s, i) => (byte[])[(byte)i, .. s.Value])], input =>
        {
            var (dataset, file) = samples[input.Length == 0 ? 0 : input[0] % samples.Count].Key;
            Check(DatasetReader.Read(dataset, FuzzFolder.Put(file, input.AsSpan(Math.Min(1, input.Length)))));
        });
    }

    private static void Check(IReadOnlyList<AnnotatedImage> pictures)
    {
        foreach (var text in pictures.SelectMany(p => p.Texts))
        {
            FuzzTarget.Require(text.Polygon.Count >= 3 && text.Polygon.All(p => float.IsFinite(p.X) && float.IsFinite(p.Y)), "a polygon makes no sense");
        }
    }

    private static byte[] TotalText(bool compressed) => MatWriter.File(compressed, MatWriter.Cells("polygt", 1, 6, MatWriter.Text("x:"),
        MatWriter.Doubles((short)1, 2, 3), MatWriter.Text("y:"), MatWriter.Doubles(4.5, 5, 6), MatWriter.Text("A"), MatWriter.Text("h")));

    private static byte[] SynthText(bool compressed) => MatWriter.File(compressed,
        MatWriter.Cells("imnames", 1, 1, MatWriter.Text("8/a.jpg")),
        MatWriter.Cells("charBB", 1, 1, MatWriter.Singles([2, 4], 0, 0, 9, 0, 9, 9, 0, 9)),
        MatWriter.Cells("txt", 1, 1, MatWriter.Rows("Z")));

    private static byte[] Zipped(CompressionLevel level)
    {
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = zip.CreateEntry("gt_img_1.txt", level).Open();
            entry.Write("1,2,30,2,30,12,1,12,A\n"u8);
        }
        return bytes.ToArray();
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
