using Tcm.Cli.Synthesis;
using Tcm.Kernels;

namespace Tcm.Tests.Synthesis;

/// <summary>The fonts of this machine, searched once for all tests.</summary>
internal static class SystemFonts
{
    private static readonly Lazy<(FontLibrary? Library, string Missing)> Found = new(() =>
    {
        try
        {
            return (new FontLibrary([]), "");
        }
        catch (TcmException e)
        {
            return (null, e.Message);
        }
    });

    /// <summary>The fonts; skips the test where there are none.</summary>
    public static FontLibrary Require()
    {
        Assert.SkipWhen(Found.Value.Library is null, Found.Value.Missing);
        return Found.Value.Library!;
    }
}
