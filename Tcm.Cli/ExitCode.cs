namespace Tcm.Cli;

/// <summary>What the command returns to the shell.</summary>
internal static class ExitCode
{
    /// <summary>Everything worked.</summary>
    public const int Success = 0;

    /// <summary>Some inputs failed; the others have their results.</summary>
    public const int InputsFailed = 1;

    /// <summary>Wrong options, or an output that cannot be written.</summary>
    public const int Usage = 2;

    /// <summary>The weights or the device cannot be used.</summary>
    public const int WeightsOrDevice = 3;

    /// <summary>A mistake in the program (sysexits.h calls it EX_SOFTWARE).</summary>
    public const int Internal = 70;

    /// <summary>Stopped by Ctrl+C: 128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;
}
