using Tcm.Detect;
using Tcm.Kernels.Cpu;
using Tcm.Nn;

namespace Tcm.Tests.Reliability;

/// <summary>What the libraries can do at all.</summary>
public sealed class PromiseTests
{
    [Fact]
    public void Nothing_can_be_downloaded()
    {
        foreach (var library in new[] { typeof(CpuBackend).Assembly, typeof(Tensor).Assembly, typeof(TextDetector).Assembly, typeof(Tcm.Cli.ExitCode).Assembly })
        {
            var names = library.GetReferencedAssemblies().Select(a => a.Name!).ToList();
            Assert.Contains("System.Runtime", names);
            Assert.DoesNotContain(names, n => n is "System.Net.Http" or "System.Net.Requests" or "System.Net.WebClient" or "System.Net.Sockets"
                or "System.Net.Quic" or "System.Net.WebSockets.Client");
        }
    }
}
