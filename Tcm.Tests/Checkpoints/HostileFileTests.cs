using System.IO.Compression;
using System.Runtime.ExceptionServices;
using System.Text;
using Tcm.Bench.Fuzzing;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Tests.Checkpoints;

public sealed class HostileFileTests : IDisposable
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[],"data_offsets":[24,26]}}""";

    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 8, "belong to none")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "ends too early")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "bytes 0 to 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "bytes 4 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "impossible")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,4],"data_offsets":[0,0]}}""", 0, "impossible")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "impossible")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "impossible")]
    [InlineData("""{"a":{"dtype":"Q8","shape":[1],"data_offsets":[0,4]}}""", 4, "unknown type")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "two tensors")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,4]}}""", 4, "lacks")]
    [InlineData("""{"a":[1]}""", 0, "JSON")]
    [InlineData("""{"a":{"dtype":"F32" """, 0, "JSON")]
    public void RefusesUnsoundHeaders(string header, int data, string reason) =>
        Refused(WeightFiles.Safetensors(header, data), reason);

    [Fact]
    public void RefusesOversizeHeadersAndForeignText()
    {
        byte[] file = WeightFiles.Safetensors(Good, 26);
        file[7] = 0x7f;
        Refused(file, "does not fit");
        byte[] header = Encoding.UTF8.GetBytes(Good);
        header[2] = 0xff;
        Refused(WeightFiles.Safetensors(header, 26), "JSON");
    }

    [Fact]
    public void RefusesEveryTruncation()
    {
        byte[] archive = WeightFiles.Archive(WeightFiles.Pickle("a", 0, [2, 3], [3, 1], 6), storages: ("0", new byte[24]));
        foreach (byte[] whole in (byte[][])[WeightFiles.Safetensors(Good, 26), archive])
        {
            Open(whole);
            for (int length = 0; length < whole.Length; length++)
            {
                Assert.Throws<WeightFormatException>(() => Open(whole[..length]));
            }
        }
    }

    [Theory]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("torch", "load")]
    public void CallsNothing(string module, string name)
    {
        string marker = Path.Combine(_files.Folder, "called");
        byte[] pickle = new PickleWriter().Op(0x80, 2).Global(module, name).Text($"touch {marker}").Op(0x85, (byte)'R', (byte)'.')
            .ToArray();
        Refused(WeightFiles.Archive(pickle), $"asks to call '{module}.{name}'; refused");
        byte[] stack = new PickleWriter().Op(0x80, 4).Text(module).Text(name).Op(0x93).Text("x").Op(0x85, (byte)'R', (byte)'.')
            .ToArray();
        Refused(WeightFiles.Archive(stack), $"asks to call '{module}.{name}'; refused");
        Assert.False(File.Exists(marker));
    }

    [Theory]
    [InlineData("R.", "runs empty")]
    [InlineData("}(s.", "runs empty")]
    [InlineData("t.", "no mark")]
    [InlineData("u.", "no mark")]
    [InlineData("h\u0005.", "never stored")]
    [InlineData("q\u0005.", "runs empty")]
    [InlineData("Nb.", "runs empty")]
    [InlineData("NNR.", "not a function")]
    [InlineData("(i", "refused")]
    [InlineData("NQ.", "storage")]
    [InlineData("NNa.", "not a list")]
    [InlineData("}(Nu.", "no value")]
    [InlineData("X\u007f\u007f\u007f\u007fa.", "too early")]
    [InlineData("}", "too early")]
    [InlineData("}.", "no named tensors")]
    [InlineData("N.", "neither a dictionary")]
    [InlineData("P.", "0x50")]
    public void RefusesUnsoundPickles(string operations, string reason) =>
        Refused(WeightFiles.Archive([0x80, 2, .. Encoding.Latin1.GetBytes(operations)]), reason);

    [Fact]
    public void NestingAndMemoAbuseEnd()
    {
        // A module that contains itself, and modules that each contain the next one twice.
        var self = new PickleWriter().Op(0x80, 2).Global("__torch__", "M").Op((byte)')', 0x81, (byte)'q', 0, (byte)'}').Text("m")
            .Op((byte)'h', 0, (byte)'s', (byte)'b', (byte)'.');
        Refused(WeightFiles.Archive(self.ToArray()), "nested without end");
        var twice = new PickleWriter().Op(0x80, 2).Op((byte)'N', (byte)'q', 0);
        for (int i = 0; i < 40; i++)
        {
            twice.Global("__torch__", "M").Op((byte)')', 0x81, (byte)'}').Text("l").Op((byte)'h', 0, (byte)'s').Text("r")
                .Op((byte)'h', 0, (byte)'s', (byte)'b', (byte)'q', 0);
        }
        Refused(WeightFiles.Archive(twice.Op((byte)'.').ToArray()), "nested without end");
        Refused(WeightFiles.Archive([0x80, 2, .. Enumerable.Repeat((byte)'(', (1 << 20) + 2)]), "without end");
        Refused(WeightFiles.Archive([0x80, 4, (byte)'N', .. Enumerable.Repeat((byte)0x94, (1 << 22) + 1)]), "memorises too much");
    }

    [Theory]
    [InlineData(0, new[] { 7 }, new[] { 1 }, "beyond its storage")]
    [InlineData(5, new[] { 2 }, new[] { 1 }, "beyond its storage")]
    [InlineData(-1, new[] { 2 }, new[] { 1 }, "do not fit")]
    [InlineData(long.MaxValue, new[] { 2 }, new[] { 1 }, "beyond its storage")]
    [InlineData(0, new[] { 2, 2 }, new[] { int.MaxValue, 1 }, "beyond its storage")]
    [InlineData(0, new[] { 2 }, new[] { -1 }, "negative stride")]
    [InlineData(0, new[] { 2 }, new[] { 1, 1 }, "do not fit")]
    [InlineData(0, new[] { -2 }, new[] { 1 }, "impossible shape")]
    [InlineData(0, new[] { int.MaxValue, int.MaxValue, int.MaxValue }, new[] { 0, 0, 0 }, "impossible shape")]
    [InlineData(0, new[] { 100_000_000 }, new[] { 0 }, "repeats a storage")]
    [InlineData(0, new[] { 1_048_577 }, new[] { 0 }, "repeats a storage")]
    public void RefusesViewsOutsideTheirStorage(long offset, int[] sizes, int[] strides, string reason) =>
        Refused(WeightFiles.Archive(WeightFiles.Pickle("a", offset, sizes, strides, 6), storages: ("0", new byte[24])), reason);

    [Fact]
    public void RefusesStoragesOfAnotherSizeAndBombs()
    {
        byte[] pickle = WeightFiles.Pickle("a", 0, [6], [1], 6);
        Refused(WeightFiles.Archive(pickle, storages: ("0", new byte[20])), "20 bytes instead of 6");
        Refused(WeightFiles.Archive(pickle, storages: ("1", new byte[24])), "missing from the archive");
        Refused(WeightFiles.Archive(new byte[4 << 20], CompressionLevel.SmallestSize), "claims");
        byte[] large = WeightFiles.Pickle("a", 0, [1 << 20], [1], 1 << 20);
        Refused(WeightFiles.Archive(large, CompressionLevel.SmallestSize, ("0", new byte[4 << 20])), "claims");
    }

    [Fact]
    public void RefusesEntriesThatClaimMoreThanTheFileHas()
    {
        // A gigabyte of floats, by a directory that lies about both lengths, in a file of some hundred bytes.
        byte[] file = WeightFiles.Archive(WeightFiles.Pickle("a", 0, [1 << 28], [1], 1 << 28), storages: ("0", new byte[24]));
        int entry = file.AsSpan().IndexOf("PK\u0001\u0002"u8);
        Assert.Equal("x/data/0", Encoding.ASCII.GetString(file, entry + 46, 8));
        BitConverter.TryWriteBytes(file.AsSpan(entry + 20), 1 << 30);
        BitConverter.TryWriteBytes(file.AsSpan(entry + 24), 1 << 30);
        Refused(file, "claims");
    }

    [Fact]
    public void ReadsStridedViewsAndTheirRows()
    {
        byte[] data = new byte[24];
        Buffer.BlockCopy((float[])[0, 1, 2, 3, 4, 5], 0, data, 0, 24);
        string path = _files.Write("t", WeightFiles.Archive(WeightFiles.Pickle("module.a", 1, [2, 2], [1, 2], 6), storages: ("0", data)));
        using var file = CheckpointFile.Open(path);
        Assert.Equal((float[])[1, 3, 2, 4], file.Read("a"));
        var row = new float[2];
        file.ReadRows(file.Find("a")!, 1, 1, row);
        Assert.Equal((float[])[2, 4], row);
        Parallel.For(0, 64, _ => Assert.Equal((float[])[1, 3, 2, 4], file.Read("a")));
    }

    [Fact]
    public void NamesTheReasonForOtherFiles()
    {
        Refused([], "is empty");
        Refused(Encoding.UTF8.GetBytes("# hello, this is not weights"), "neither a safetensors");
        Refused([0x80, 2, 0x8a, 10, 1, 2, 3], "before 1.6");
        Assert.Contains("is a directory", Assert.Throws<WeightFormatException>(() => CheckpointFile.Open(_files.Folder)).Message);
        Assert.Contains("no such file", Assert.Throws<WeightFormatException>(() => CheckpointFile.Open("absent.pth")).Message);
    }

    [Fact]
    public void SmallFilesTakeLittleMemory()
    {
        foreach (byte[] file in (byte[][])[WeightFiles.Safetensors(Good, 26), WeightFiles.Archive(WeightFiles.Pickle("a", 0, [60000], [0], 6),
            storages: ("0", new byte[24]))])
        {
            Open(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Open(file);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
    }

    [Fact]
    public void MutationsAreReadOrRefused()
    {
        byte[] archive = WeightFiles.Archive(WeightFiles.Pickle("a", 0, [2, 3], [3, 1], 6), storages: ("0", new byte[24]));
        var random = new Random(20);
        foreach (byte[] whole in (byte[][])[WeightFiles.Safetensors(Good, 26), archive])
        {
            for (int i = 0; i < 2000; i++)
            {
                byte[] mutant = [.. whole];
                for (int n = random.Next(1, 5); n > 0; n--)
                {
                    mutant[random.Next(mutant.Length)] = (byte)random.Next(256);
                }
                try
                {
                    Open(mutant);
                }
                catch (TcmException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                }
            }
        }
    }

    [Fact]
    public void RefusesTablesBeyondTheLimit()
    {
        byte[] pickle = WeightFiles.Pickle("a", 0, [2, 3], [3, 1], 6);
        foreach (var (file, table) in ((byte[], int)[])[(WeightFiles.Safetensors(Good, 26), Good.Length),
            (WeightFiles.Archive(pickle, storages: ("0", new byte[24])), pickle.Length)])
        {
            string path = _files.Write("limited", file);
            CheckpointFile.Open(path, table).Dispose();
            CheckpointFile.Open(new MemoryStream(file), "stream", table).Dispose();
            Assert.Throws<WeightFormatException>(() => CheckpointFile.Open(path, table - 1));
            Assert.StartsWith("stream: ", Assert.Throws<WeightFormatException>(
                () => CheckpointFile.Open(new MemoryStream(file), "stream", table - 1)).Message);
        }
    }

    // By path and from a stream, which must agree.
    private void Open(byte[] content)
    {
        string path = _files.Write("file", content);
        var fromFile = Record.Exception(() => ReadAll(CheckpointFile.Open(path)));
        var fromStream = Record.Exception(() => ReadAll(CheckpointFile.Open(new MemoryStream(content), path)));
        Assert.Equal((fromFile?.GetType(), fromFile?.Message), (fromStream?.GetType(), fromStream?.Message));
        if (fromFile is not null)
        {
            ExceptionDispatchInfo.Throw(fromFile);
        }
    }

    private static void ReadAll(Checkpoint checkpoint)
    {
        using (checkpoint)
        {
            foreach (var tensor in checkpoint.Tensors)
            {
                checkpoint.Read(tensor.Name);
            }
        }
    }

    private void Refused(byte[] content, string reason)
    {
        var e = Assert.Throws<WeightFormatException>(() => Open(content));
        Assert.Contains(reason, e.Message);
        Assert.DoesNotContain('\n', e.Message);
    }
}
