using System.Buffers.Binary;
using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using SkiaSharp;

namespace Tcm.Bench.Fuzzing;

/// <summary>
/// <c>small-files</c>: what files of at most 200 bytes make a process take: sound ones, traps that claim or unpack to as much as the form
/// allows, and damaged ones. Managed memory is counted as it is taken, garbage included; resident memory at its peak.
/// </summary>
internal static class SmallFiles
{
    /// <summary>Largest file that is tried, in bytes.</summary>
    public const int MaxBytes = 200;

    /// <summary>What no such file may exceed, managed memory and growth of the resident memory each.</summary>
    public const long Bound = 64L << 20;

    public static Command Create()
    {
        var count = new Option<int>("--count") { DefaultValueFactory = _ => 500, Description = "Damaged files of each target." };
        var command = new Command("small-files", "Memory that files of at most 200 bytes make each reader take.") { count, BenchOptions.Json };
        command.SetAction(parsed =>
        {
            var rows = FuzzTargets.All.Where(t => !t.Name.Equals("db", StringComparison.Ordinal) && t.Name is not ("pan" or "fce"))
                .Select(t => (t.Name, Seen: Measure(t, parsed.GetValue(count), resident: true))).ToList();
            BenchOutput.Table(["target", "files", "managed MiB", "resident MiB"], rows.Select(r => (string[])[r.Name, $"{r.Seen.Files}",
                BenchOutput.Number(r.Seen.Managed / 1048576.0), BenchOutput.Number(r.Seen.Resident / 1048576.0)]));
            BenchOutput.WriteJson(parsed.GetValue(BenchOptions.Json), new
            {
                maxBytes = MaxBytes,
                boundMiB = Bound >> 20,
                rows = rows.Select(r => new { target = r.Name, files = r.Seen.Files, managedMiB = r.Seen.Managed / 1048576.0, residentMiB = r.Seen.Resident / 1048576.0 }),
            });
            return rows.All(r => r.Seen.Managed <= Bound && r.Seen.Resident <= Bound) ? 0 : 1;
        });
        return command;
    }

    /// <summary>The most that one file of a target took.</summary>
    /// <param name="target">A reader.</param>
    /// <param name="count">Damaged files to try beside the others.</param>
    /// <param name="resident">Whether the process's resident memory is looked at: slow, and of use only where nothing else runs.</param>
    public static (int Files, long Managed, long Resident) Measure(FuzzTarget target, int count, bool resident)
    {
        List<byte[]> files = [.. target.Seeds.Concat(Traps(target.Name)).Where(f => f.Length <= MaxBytes)];
        var mutator = new FuzzMutator(3);
        List<byte[]> sources = files.Count > 0 ? [.. files] : [.. target.Seeds];
        files.AddRange(Enumerable.Range(0, count).Select(_ => mutator.Next(sources) is var f && f.Length > MaxBytes ? f[..MaxBytes] : f));
        // Code is compiled and tables are made at the first call.
        foreach (byte[] seed in target.Seeds)
        {
            target.Accepts(seed);
        }
        long managed = 0, peak = 0;
        foreach (byte[] file in files)
        {
            long before = resident ? ResetPeak() : 0, allocated = GC.GetAllocatedBytesForCurrentThread();
            target.Accepts(file);
            managed = Math.Max(managed, GC.GetAllocatedBytesForCurrentThread() - allocated);
            peak = resident ? Math.Max(peak, Peak() - before) : 0;
        }
        return (files.Count, managed, peak);
    }

    /// <summary>Files that promise more than they hold, or hold as much as the form allows.</summary>
    public static IEnumerable<byte[]> Traps(string target) => target switch
    {
        "safetensors" =>
        [
            WeightFiles.Safetensors("""{"a":{"dtype":"F32","shape":[2147483647,4],"data_offsets":[0,34359738352]}}""", 8),
            WeightFiles.Safetensors("""{"a":{"dtype":"I8","shape":[0,2147483647],"data_offsets":[0,0]}}""", 0),
            [0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, (byte)'{', .. new byte[180]],
        ],
        "labels-mat" =>
        [
            [0, .. MatWriter.File(true, MatWriter.Cells("polygt", 1, 0))],
        ],
        "labels-json" => [[0, .. Enumerable.Repeat((byte)'[', 199)], [1, .. "{\"image\":\"a\",\"texts\":"u8, .. Enumerable.Repeat((byte)'[', 170)]],
        "labels-xml" =>
        [
            [0, .. "<!DOCTYPE a [<!ENTITY b \"bbbbbbbbbbbbbbbb\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;\">]><a><image/>&d;&d;&d;&d;</a>"u8],
        ],
        "labels-zip" => [Zip(new string('1', 100_000)), Zip(string.Concat(Enumerable.Repeat("1,", 50_000)))],
        "vocabulary" => [Gzip(new byte[180_000]), Gzip(Encoding.UTF8.GetBytes(new string('\n', 180_000)))],
        "picture" => Pictures().Select(p => (byte[])[0, .. p]),
        _ => [],
    };

    private static IEnumerable<byte[]> Pictures()
    {
        foreach (var (width, height) in ((int, int)[])[(1000, 1000), (1, 65_000), (14_000, 14_000), (65_000, 3_000)])
        {
            yield return Png(width, height, interlaced: false);
            yield return Png(width, height, interlaced: true);
            yield return Jpeg(width, height, progressive: false);
            yield return Jpeg(width, height, progressive: true);
            yield return Bmp(width, height);
            yield return WebP(Math.Min(width, 16_383), Math.Min(height, 16_383));
        }
    }

    /// <summary>One bit a pixel, and rows as long as 150 bytes of Deflate stand for.</summary>
    internal static byte[] Png(int width, int height, bool interlaced)
    {
        var file = new MemoryStream();
        PngWriter.Begin(file, width, height, 1, 0, interlaced);
        var packed = new MemoryStream();
        using (var zip = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            zip.Write(new byte[Math.Min(((width + 7) / 8 + 1) * (long)height, 130_000)]);
        }
        PngWriter.Chunk(file, "IDAT", packed.ToArray());
        PngWriter.Chunk(file, "IEND", []);
        return file.ToArray();
    }

    /// <summary>Grey; a scan that ends at once, after which decoders fill in zeros.</summary>
    internal static byte[] Jpeg(int width, int height, bool progressive) =>
    [
        0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, .. Enumerable.Repeat((byte)1, 64),
        0xff, (byte)(progressive ? 0xc2 : 0xc0), 0, 11, 8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, 0x11, 0,
        0xff, 0xc4, 0, 20, 0, 1, .. new byte[15], 0, 0xff, 0xc4, 0, 20, 0x10, 1, .. new byte[15], 0,
        0xff, 0xda, 0, 8, 1, 1, 0, 0, (byte)(progressive ? 0 : 63), 0, 0, 0, 0xff, 0xd9,
    ];

    /// <summary>Run-length coded, and ended at once.</summary>
    internal static byte[] Bmp(int width, int height)
    {
        byte[] file = new byte[14 + 40 + 8 + 2];
        (file[0], file[1]) = ((byte)'B', (byte)'M');
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10), 62);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), height);
        (file[26], file[28], file[30], file[46], file[63]) = (1, 8, 1, 2, 1);
        return file;
    }

    /// <summary>Lossless and of one colour; the size in its header is replaced.</summary>
    internal static byte[] WebP(int width, int height)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(16, 16, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(SKColors.White);
        using var pixmap = bitmap.PeekPixels();
        using var data = pixmap.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100))!;
        byte[] file = data.ToArray();
        int at = file.AsSpan().IndexOf("VP8L"u8) + 9;
        uint bits = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)) & 0xf0000000;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), bits | (uint)(width - 1) | ((uint)(height - 1) << 14));
        return file;
    }

    private static byte[] Zip(string text)
    {
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = zip.CreateEntry("gt_1.txt", CompressionLevel.SmallestSize).Open();
            entry.Write(Encoding.ASCII.GetBytes(text));
        }
        return bytes.ToArray();
    }

    private static byte[] Gzip(byte[] content)
    {
        var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            gzip.Write(content);
        }
        return bytes.ToArray();
    }

    /// <summary>Resident bytes now, from which the peak counts again; 0 where the system cannot.</summary>
    private static long ResetPeak()
    {
        if (!OperatingSystem.IsLinux())
        {
            return 0;
        }
        GC.Collect();
        File.WriteAllText("/proc/self/clear_refs", "5");
        return Status("VmRSS:");
    }

    private static long Peak() => OperatingSystem.IsLinux() ? Status("VmHWM:") : 0;

    private static long Status(string name) => 1024 * long.Parse(File.ReadLines("/proc/self/status")
        .First(l => l.StartsWith(name, StringComparison.Ordinal)).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
