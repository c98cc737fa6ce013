using System.Diagnostics;
using System.Text;
using Tcm.Cli.Output;
using Tcm.Nn.Checkpoints;

namespace Tcm.Tests.Cli;

/// <summary>Outputs that are not ordinary files must survive being written to.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tcm-output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void DevicesAreNeverReplaced()
    {
        // Only the decision is tested: were it wrong, a test that writes as root would take /dev/null from the machine.
        Assert.SkipUnless(OperatingSystem.IsLinux(), "device files of Linux");
        Assert.True(OutputPlace.Of("/dev/null").InPlace);
        Assert.True(OutputPlace.Of("/dev/full").InPlace);
    }

    [Fact]
    public void NewAndFullFilesAreRenamedOnto()
    {
        string full = PathOf("full");
        File.WriteAllText(full, "before");
        Assert.Equal(new OutputPlace(full, false), OutputPlace.Of(full));
        Assert.Equal(new OutputPlace(PathOf("new"), false), OutputPlace.Of(PathOf("new")));
    }

    [Fact]
    public void LinksSurvive()
    {
        string file = PathOf("file"), link = PathOf("link");
        File.WriteAllText(file, "before");
        File.CreateSymbolicLink(link, file);
        Write(link, "after", commit: true);
        Assert.Equal(file, new FileInfo(link).LinkTarget);
        Assert.Equal("after", File.ReadAllText(file));
        Assert.Equal(2, Directory.GetFiles(_folder).Length);
    }

    [Fact]
    public async Task PipesReceiveTheBytes()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no FIFOs");
        string pipe = PathOf("pipe");
        using (var make = Process.Start("mkfifo", pipe))
        {
            await make.WaitForExitAsync();
            Assert.SkipUnless(make.ExitCode == 0, "mkfifo failed");
        }
        var reader = Task.Run(() => File.ReadAllText(pipe));
        Write(pipe, "through", commit: true);
        Assert.Equal("through", await reader.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(pipe, Assert.Single(Directory.GetFiles(_folder)));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("before", "before")]
    public void WhatIsNotCommittedLeavesTheFileAsItWas(string before, string after)
    {
        string file = PathOf("file");
        File.WriteAllText(file, before);
        Write(file, "half", commit: false);
        Assert.Equal(after, File.ReadAllText(file));
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Theory]
    [InlineData("")]
    [InlineData("before, and longer than what replaces it")]
    public void SafetensorsReplaceWhatWasThere(string before)
    {
        string file = PathOf("a.safetensors");
        File.WriteAllText(file, before);
        long bytes = SafetensorsWriter.Write(file, new Dictionary<string, string>(),
            [new TensorInfo("x", ElementType.Float32, [2])], (_, values) => values.Fill(3));
        Assert.Equal(new FileInfo(file).Length, bytes);
        using var written = CheckpointFile.Open(file);
        Assert.Equal([3f, 3f], written.Read("x"));
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static void Write(string path, string text, bool commit)
    {
        using var file = new AtomicFile(path);
        file.Write(Encoding.UTF8.GetBytes(text));
        if (commit)
        {
            file.Commit();
        }
    }
}
