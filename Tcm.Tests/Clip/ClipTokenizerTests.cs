using System.Text.Json;
using Tcm.Detect.Clip;
using Tcm.Kernels;
using Tcm.Tests.Support;

namespace Tcm.Tests.Clip;

public class ClipTokenizerTests
{
    private static readonly Lazy<ClipTokenizer> Tokenizer = new(() =>
    {
        using var vocabulary = File.OpenRead(SharedData.Data(Path.Combine("clip", "bpe_simple_vocab_16e6.txt.gz")));
        return ClipTokenizer.Load(vocabulary);
    });

    [Fact]
    public void EncodesAsTheReference()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(SharedData.Golden("tokens.json")));
        foreach (var item in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            Assert.True(item.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())
                .SequenceEqual(Tokenizer.Value.Encode(text)), text);
        }
    }

    [Theory]
    [InlineData("Text", new[] { 49406, 4160, 49407 })]
    [InlineData("text.", new[] { 49406, 4160, 269, 49407 })]
    [InlineData("dark night text", new[] { 49406, 3144, 930, 4160, 49407 })]
    [InlineData("a photo of text.", new[] { 49406, 320, 1125, 539, 4160, 269, 49407 })]
    [InlineData("a diagram", new[] { 49406, 320, 22697, 49407 })]
    [InlineData("hello world!", new[] { 49406, 3306, 1002, 256, 49407 })]
    public void PadsWithZeros(string text, int[] ids) =>
        Assert.Equal((int[])[.. ids, 0, 0], Tokenizer.Value.Tokenize(text, ids.Length + 2));

    [Fact]
    public void StandardPromptNeedsNoVocabulary()
    {
        Assert.Equal(StandardPrompt.TokenIds, Tokenizer.Value.Tokenize(StandardPrompt.Text, 14));
        Assert.Throws<TcmException>(() => Tokenizer.Value.Tokenize(StandardPrompt.Text, 13));
    }

    [Fact]
    public void RefusesAForeignVocabulary()
    {
        Assert.Throws<TcmException>(() => ClipTokenizer.Load(new MemoryStream([1, 2, 3])));
        Assert.Throws<TcmException>(() => ClipTokenizer.Load(new MemoryStream()));
    }
}
