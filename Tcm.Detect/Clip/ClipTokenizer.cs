using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Tcm.Kernels;

namespace Tcm.Detect.Clip;

/// <summary>
/// CLIP's lower-cased byte-level BPE (tcm-model.md section 3). The vocabulary, <c>bpe_simple_vocab_16e6.txt.gz</c>, is
/// not part of the program; the standard prompt needs none. Mojibake is not repaired. Thread-safe.
/// </summary>
public sealed partial class ClipTokenizer
{
    /// <summary>Id of the token in front of a text.</summary>
    public const int StartOfText = 49406;

    /// <summary>Id of the token behind a text.</summary>
    public const int EndOfText = 49407;

    private const int MergeCount = 49152 - 256 - 2;
    private const int MaxBytes = 16 << 20;

    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), int> _ranks = [];
    private readonly string[] _byteSymbols = new string[256];

    private ClipTokenizer(string[] lines)
    {
        var order = Enumerable.Range(33, 94).Concat(Enumerable.Range(161, 12)).Concat(Enumerable.Range(174, 82)).ToList();
        var symbols = order.Select(b => (char)b).ToList();
        for (int b = 0; b < 256; b++)
        {
            if (!order.Contains(b))
            {
                symbols.Add((char)(256 + order.Count - 188));
                order.Add(b);
            }
        }
        for (int i = 0; i < 256; i++)
        {
            _byteSymbols[order[i]] = symbols[i].ToString();
            _ids.Add(_byteSymbols[order[i]], i);
            _ids.Add(_byteSymbols[order[i]] + "</w>", 256 + i);
        }
        for (int i = 0; i < MergeCount; i++)
        {
            if (lines[i + 1].Split(' ') is not [var left, var right])
            {
                throw new TcmException($"line {i + 2} of the vocabulary is not a pair");
            }
            _ranks[(left, right)] = i;
            _ids[left + right] = 512 + i;
        }
        _ids["<|startoftext|>"] = StartOfText;
        _ids["<|endoftext|>"] = EndOfText;
    }

    /// <summary>Reads the compressed vocabulary.</summary>
    /// <param name="gzip">The content of <c>bpe_simple_vocab_16e6.txt.gz</c>.</param>
    /// <exception cref="TcmException">It is something else.</exception>
    public static ClipTokenizer Load(Stream gzip)
    {
        ArgumentNullException.ThrowIfNull(gzip);
        try
        {
            using var expanded = new GZipStream(gzip, CompressionMode.Decompress, leaveOpen: true);
            var bytes = new MemoryStream();
            var buffer = new byte[1 << 16];
            int count;
            while ((count = expanded.Read(buffer)) > 0)
            {
                bytes.Write(buffer, 0, count);
                if (bytes.Length > MaxBytes)
                {
                    throw new TcmException("the vocabulary is larger than CLIP's");
                }
            }
            string[] lines = Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length).Split('\n');
            return lines.Length > MergeCount ? new ClipTokenizer(lines)
                : throw new TcmException($"the vocabulary has {lines.Length} lines, fewer than CLIP's");
        }
        catch (InvalidDataException e)
        {
            throw new TcmException("the vocabulary is not a gzip file", e);
        }
    }

    /// <summary>The tokens of a text, without start and end.</summary>
    public IReadOnlyList<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string clean = WebUtility.HtmlDecode(WebUtility.HtmlDecode(text));
        clean = Spaces().Replace(clean.Trim(), " ").Trim().ToLowerInvariant();
        var ids = new List<int>();
        foreach (Match word in Words().Matches(clean))
        {
            if (word.Value is "<|startoftext|>" or "<|endoftext|>")
            {
                ids.Add(_ids[word.Value]);
            }
            else
            {
                EncodeWord(word.Value, ids);
            }
        }
        return ids;
    }

    /// <summary>Start, the tokens of a text, end, and zeros up to a length.</summary>
    /// <exception cref="TcmException">The text has more tokens than fit.</exception>
    public int[] Tokenize(string text, int length)
    {
        int[] ids = [StartOfText, .. Encode(text), EndOfText];
        if (ids.Length > length)
        {
            throw new TcmException($"the text has {ids.Length} tokens with start and end, more than {length}");
        }
        Array.Resize(ref ids, length);
        return ids;
    }

    /// <summary>Merges the pair of lowest rank, wherever it occurs, until no known pair remains.</summary>
    private void EncodeWord(string word, List<int> ids)
    {
        var parts = Encoding.UTF8.GetBytes(word).Select(b => _byteSymbols[b]).ToList();
        parts[^1] += "</w>";
        while (parts.Count > 1)
        {
            var best = (Left: "", Right: "");
            int bestRank = int.MaxValue;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (_ranks.TryGetValue((parts[i], parts[i + 1]), out int rank) && rank < bestRank)
                {
                    (best, bestRank) = ((parts[i], parts[i + 1]), rank);
                }
            }
            if (bestRank == int.MaxValue)
            {
                break;
            }
            parts = Merge(parts, best.Left, best.Right);
        }
        ids.AddRange(parts.Select(p => _ids[p]));
    }

    private static List<string> Merge(List<string> parts, string left, string right)
    {
        var merged = new List<string>(parts.Count);
        for (int i = 0; i < parts.Count; i++)
        {
            bool pair = i + 1 < parts.Count && parts[i] == left && parts[i + 1] == right;
            merged.Add(pair ? left + right : parts[i]);
            i += pair ? 1 : 0;
        }
        return merged;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
        RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
