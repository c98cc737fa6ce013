using Tcm.Cli.Synthesis;
using Tcm.Kernels;

namespace Tcm.Tests.Synthesis;

/// <summary>Whether this machine has fonts.</summary>
internal static class SystemFonts
{
    private static readonly Lazy<string?> Missing = new(() =>
    {
        try
        {
            _ = new FontLibrary([]);
            return null;
        }
        catch (TcmException e)
        {
            return e.Message;
        }
    });

    /// <summary>Skips the test where there are none.</summary>
    public static void Require() => Assert.SkipWhen(Missing.Value is not null, Missing.Value ?? "");
}
