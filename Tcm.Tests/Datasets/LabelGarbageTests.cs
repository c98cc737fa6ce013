using System.Text;
using CsCheck;
using Tcm.Bench.Fuzzing;
using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Tests.Datasets;

/// <summary>Whatever a label file holds: it is read, or an error names it. Sound files are damaged at random, which gets deeper than noise.</summary>
public sealed class LabelGarbageTests : IDisposable
{
    /// <summary>Pieces that parsers stumble over.</summary>
    private static readonly string[] Splinters =
        ["-", "1e39", "NaN", "∞", ",,", "\n", "\0", "\uFEFF", "\\ud800", "\"", "[", "{", "]]", "}", "<", "</", "&#0;", "999999999999999999999", "null", "#", "x:"];

    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-garbage").FullName;

    public static TheoryData<string, string> Forms => new((IEnumerable<(string, string)>)[.. LabelTargets.Samples.Keys]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Forms))]
    public void Sound_labels_are_read_and_damaged_ones_named(string dataset, string file)
    {
        byte[] sound = LabelTargets.Samples[(dataset, file)];
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

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
