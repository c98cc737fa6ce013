using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Tcm.Kernels;
using Tcm.Kernels.Gpu;

namespace Tcm.Tests.Gpu;

/// <summary>Texts of kernels on disk.</summary>
public sealed class KernelFilesTests : IDisposable
{
    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("tcm-kernels").FullName, "made");

    [Fact]
    public void What_was_written_is_read_and_other_keys_are_absent()
    {
        var files = new KernelFiles(_folder);
        Assert.Null(files.Read("a"));
        files.Write("a", "text of a\nwith lines");
        files.Write("b", "text of b");
        files.Write("a", "new text of a");
        Assert.Equal("new text of a", files.Read("a"));
        Assert.Equal("text of b", new KernelFiles(_folder).Read("b"));
        Assert.Equal((0, 1), (files.Failures, files.Hits));
        Assert.Equal(2, Directory.GetFiles(_folder).Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(34)]
    [InlineData(60)]
    public void A_damaged_entry_is_absent_and_goes(int at)
    {
        var files = new KernelFiles(_folder);
        files.Write("key", new string('x', 100));
        string path = Assert.Single(Directory.GetFiles(_folder));
        byte[] content = File.ReadAllBytes(path);
        content[at] ^= 1;
        File.WriteAllBytes(path, at == 60 ? content[..60] : content);
        Assert.Null(files.Read("key"));
        Assert.Equal(1, files.Failures);
        Assert.Empty(Directory.GetFiles(_folder));
        files.Write("key", "again");
        Assert.Equal("again", files.Read("key"));
    }

    [Fact]
    public void The_limit_keeps_what_was_used_last()
    {
        var files = new KernelFiles(_folder, limit: 1000);
        for (int i = 0; i < 3; i++)
        {
            files.Write($"key {i}", new string('x', 250));
            string path = Directory.GetFiles(_folder).MaxBy(File.GetCreationTimeUtc)!;
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(i - 10));
        }
        Assert.NotNull(files.Read("key 0"));
        string abandoned = Path.Combine(_folder, "left.tmp");
        File.WriteAllText(abandoned, "half");
        File.SetLastWriteTimeUtc(abandoned, DateTime.UtcNow.AddDays(-1));
        files.Write("key 3", new string('x', 250));
        Assert.Equal(3, Directory.GetFiles(_folder).Length);
        Assert.NotNull(files.Read("key 0"));
        Assert.NotNull(files.Read("key 3"));
        Assert.True(files.Read("key 1") is null || files.Read("key 2") is null);
        files.Write("too large", new string('x', 2000));
        Assert.Null(files.Read("too large"));
    }

    [Fact]
    public void Writers_and_readers_at_once_see_whole_texts()
    {
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, writer =>
        {
            var files = new KernelFiles(_folder);
            for (int i = 0; i < 25; i++)
            {
                files.Write("key", new string((char)('a' + writer), 5000 + writer));
                string? text = files.Read("key");
                Assert.True(text is null || (text.Length == 5000 + text[0] - 'a' && text.All(c => c == text[0])));
            }
            Assert.Equal(0, files.Failures);
        });
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_folder_that_cannot_be_used_is_no_error()
    {
        string file = Path.Combine(Path.GetDirectoryName(_folder)!, "file");
        File.WriteAllText(file, "");
        var files = new KernelFiles(Path.Combine(file, "below"));
        files.Write("key", "text");
        Assert.Null(files.Read("key"));
        Assert.True(files.Failures > 0);
    }

    [Fact]
    public void A_kernel_from_the_folder_is_the_compiled_one()
    {
        var files = new KernelFiles(_folder);
        var kernel = KernelCatalog.All.First(k => k.Method.Name == "NormalizePad");
        using var context = Context.Create(b => b.CPU().Optimize(OptimizationLevel.O2).EnableAlgorithms());
        var (first, firstKey) = (Compile(90), Key(90));
        Assert.Equal(0, files.Hits);
        var second = Compile(90);
        Assert.Equal(1, files.Hits);
        Assert.NotSame(first, second);
        Assert.Equal(first.PTXAssembly, second.PTXAssembly);
        Assert.Equal(first.Name, second.Name);
        Assert.Equal(first.NumParameters, second.NumParameters);
        Assert.Equal(first.Specialization, second.Specialization);
        Assert.NotEqual(firstKey, Key(80));
        var all = KernelCatalog.All.Select(k => KernelCache.Key(Backend(90), k)).ToHashSet();
        Assert.Equal(KernelCatalog.All.Count, all.Count);
        Assert.All(all, key => Assert.DoesNotContain('\n', key));

        PTXCompiledKernel Compile(int architecture) => KernelCache.CompilePtx(Backend(architecture), kernel, files);

        string Key(int architecture) => KernelCache.Key(Backend(architecture), kernel);

        PTXBackend Backend(int architecture)
        {
            var cuda = new CudaArchitecture(architecture / 10, architecture % 10);
            return new PTXBackend(context, new CudaCapabilityContext(cuda), cuda, new CudaInstructionSet(7, 8), null);
        }
    }

    [Fact]
    public void A_device_runs_kernels_from_the_folder()
    {
        Assert.SkipUnless(Devices.List().Any(d => d.Name == "cuda:0"), "no device cuda:0");
        string? before = Environment.GetEnvironmentVariable(KernelFiles.Variable);
        Environment.SetEnvironmentVariable(KernelFiles.Variable, _folder);
        try
        {
            for (int i = 0; i < 2; i++)
            {
                using var backend = (GpuBackend)Devices.Open("cuda:0");
                using var x = backend.Allocate(100);
                backend.Fill(x.All, 3);
                backend.Elementwise.Affine(2, 1, x.All, x.All);
                var values = new float[100];
                backend.Download(x.All, values);
                Assert.All(values, v => Assert.Equal(7, v));
                Assert.Equal(i > 0, backend.KernelFiles!.Hits > 0);
                Assert.Equal(0, backend.KeptTextsRefused);
            }
        }
        finally
        {
            Environment.SetEnvironmentVariable(KernelFiles.Variable, before);
        }
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);
}
