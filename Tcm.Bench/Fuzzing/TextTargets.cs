using System.IO.Compression;
using System.Text;
using Tcm.Detect.Clip;
using Tcm.Detect.Training;

namespace Tcm.Bench.Fuzzing;

/// <summary>Recipes, prompts, and the vocabulary that prompts are read with.</summary>
internal static class TextTargets
{
    private const int Merges = 49152 - 256 - 2;

    private static readonly Lazy<string[]> Lines = new(() =>
    {
        const string symbols = "etaoinshrdlu";
        var pairs = new List<string> { "a vocabulary" };
        var known = symbols.Select(c => c.ToString()).ToList();
        // Every pair of the symbols so far, and what pairs become, with and without the end of a word.
        for (int i = 0; pairs.Count <= Merges; i++)
        {
            string left = known[i % known.Count], right = known[i / known.Count % known.Count] + (i % 3 == 0 ? "</w>" : "");
            pairs.Add($"{left} {right}");
            if (i % 3 != 0 && known.Count < 400 && left.Length + right.Length < 12)
            {
                known.Add(left + right);
            }
        }
        return [.. pairs];
    });

    private static readonly Lazy<ClipTokenizer> Tokenizer = new(() => ClipTokenizer.Load(new MemoryStream(Zipped(Lines.Value))));

    /// <summary>A recipe, and after a byte 1 each an override of the command line.</summary>
    public static FuzzTarget Recipe { get; } = new("recipe", "recipes of trainings, with overrides",
    [
        "{\"name\":\"a\",\"data\":[{\"dataset\":\"icdar2015\",\"images\":\"i\",\"labels\":\"l\",\"weight\":2}],\"batch\":2,\"steps\":9}"u8.ToArray(),
        ("{\"model\":{\"head\":\"pan\",\"neckWidth\":8},\"data\":[{\"dataset\":\"synth\"}],/* c */\"augmentation\":{\"side\":64,\"scale\":[0.5,2]},"
            + "\"optimizer\":{\"name\":\"adamw\",\"rateFactors\":{\"a\":0.1}},}\u0001optimizer.rate=1e-4\u0001data.0.weight=3")
            .Select(c => (byte)c).ToArray(),
        "{\"extends\":\"other.json\"}"u8.ToArray(),
    ], input =>
    {
        FuzzFolder.Put("other.json", "{\"data\":[{\"dataset\":\"synth\"}],\"steps\":3}"u8);
        string[] parts = Encoding.UTF8.GetString(input).Split('\u0001');
        RecipeReader.Read(FuzzFolder.Put("recipe.json", Encoding.UTF8.GetBytes(parts[0])), parts[1..]);
    });

    /// <summary>A prompt.</summary>
    public static FuzzTarget Tokens { get; } = new("tokens", "texts for the tokenizer",
        ["the art of reading a photo"u8.ToArray(), "<|startoftext|>it's &amp; 3 \u00e4\u4e2d <|endoftext|>"u8.ToArray()], input =>
        {
            string text = Encoding.UTF8.GetString(input) + new string([.. input.Select(b => (char)(b | 0xd800))])[..Math.Min(2, input.Length)];
            FuzzTarget.Require(Tokenizer.Value.Encode(text).All(id => id is >= 0 and <= ClipTokenizer.EndOfText), "a token out of range");
            FuzzTarget.Require(Tokenizer.Value.Tokenize(text, 77).Length == 77, "another length");
        });

    /// <summary>A vocabulary: as it stands if it begins with 0x1f, as gzip does, else lines that replace the first ones of a sound one.</summary>
    public static FuzzTarget Vocabulary { get; } = new("vocabulary", "CLIP's vocabulary", ["# version\nt h\nth e</w>"u8.ToArray(), "a b"u8.ToArray()], input =>
    {
        byte[] file = input is [0x1f, ..] ? input
            : Zipped([.. Encoding.UTF8.GetString(input).Split('\n') is var first ? first.Concat(Lines.Value.Skip(first.Length)) : []]);
        ClipTokenizer.Load(new MemoryStream(file)).Encode("the other");
    })
    {
        TableBytes = 64 << 20,
    };

    private static byte[] Zipped(string[] lines)
    {
        var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        }
        return bytes.ToArray();
    }
}
