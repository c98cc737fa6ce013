using Tcm.Kernels;
using Tcm.Tests.Kernels.Cases;

namespace Tcm.Tests.Kernels;

/// <summary>Every backend against the reference loops, over the case tables.</summary>
public sealed class BackendParityTests
{
    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var backend in TestBackends.All)
        {
            foreach (string family in KernelCases.Families.Keys)
            {
                pairs.Add(backend.Name, family);
            }
        }
        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Results_match_the_reference(string backendName, string family)
    {
        var backend = TestBackends.Get(backendName);
        var failures = new List<string>();
        foreach (var kernelCase in KernelCases.Families[family])
        {
            using var loaded = new LoadedCase(kernelCase, backend);
            loaded.Run();
            if ((Mismatch(kernelCase, loaded.Output()) ?? loaded.Damage()) is { } failure)
            {
                failures.Add(failure);
            }
        }
        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures));
    }

    [Fact]
    public void Bilinear_resize_matches_pytorch()
    {
        // torch.nn.functional.interpolate(torch.arange(4.).view(1,1,2,2), size=(3,4), mode="bilinear", align_corners=False)
        float[] expected = [0, .25f, .75f, 1, 1, 1.25f, 1.75f, 2, 2, 2.25f, 2.75f, 3];
        foreach (var entry in TestBackends.All.Where(b => b.SkipReason is null))
        {
            var backend = TestBackends.Get(entry.Name);
            using var x = backend.Allocate(4);
            using var y = backend.Allocate(12);
            backend.Upload([0, 1, 2, 3], x.All);
            backend.Resampling.Resize(Tcm.Kernels.Resampling.ResizeMode.Bilinear, new(1, 1, 2, 2, 3, 4), x.All, y.All);
            var result = new float[12];
            backend.Download(y.All, result);
            Assert.Equal(expected, result);
        }
    }

    [Theory]
    [MemberData(nameof(TestBackends.Names), MemberType = typeof(TestBackends))]
    public void Memory_operations_move_what_they_say(string backendName)
    {
        var backend = TestBackends.Get(backendName);
        using var a = backend.Allocate(10);
        using var b = backend.Allocate(10);
        backend.Fill(a.All, 3);
        backend.Upload([1, 2], a.All.Part(4, 2));
        backend.Fill(b.All, -1);
        backend.Copy(a.All.Part(3, 4), b.All.Part(2, 4));
        var result = new float[10];
        backend.Download(b.All, result);
        Assert.Equal([-1, -1, 3, 1, 2, 3, -1, -1, -1, -1], result);
        backend.Synchronize();
        Assert.Equal(10, a.Length);
        Assert.Throws<ShapeException>(() => a.All.Part(8, 3));
        Assert.Throws<ShapeException>(() => backend.Allocate(0));
    }

    private static string? Mismatch(KernelCase kernelCase, float[] actual)
    {
        float[] expected = KernelCases.Expected(kernelCase);
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)actual[i] - expected[i]);
            if (!(error <= kernelCase.Atol + kernelCase.Rtol * Math.Abs(expected[i])))
            {
                return $"{kernelCase.Name}: value {i} of {expected.Length} is {actual[i]}, expected {expected[i]}";
            }
        }
        return null;
    }
}
