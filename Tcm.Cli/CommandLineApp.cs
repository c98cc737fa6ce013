using System.CommandLine;
using Tcm.Cli.Commands;
using Tcm.Cli.Output;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Cli;

/// <summary>The command <c>tcm</c>: parses, runs, and turns every failure into one line and an exit code.</summary>
internal static class CommandLineApp
{
    /// <summary>Runs one command line.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="host">Streams and detectors.</param>
    /// <param name="cancellation">Ctrl+C.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run(IReadOnlyList<string> arguments, CliHost host, CancellationToken cancellation = default)
    {
        var verbose = Verbose();
        var root = Root(host);
        root.Add(verbose);
        bool showStack = host.Verbose;
        try
        {
            var parsed = root.Parse(arguments);
            if (parsed.Errors.Count > 0)
            {
                foreach (var error in parsed.Errors)
                {
                    host.Error.WriteLine($"tcm: {OneLine(error.Message)}");
                }
                host.Error.WriteLine("tcm: see 'tcm --help' and 'tcm COMMAND --help'");
                return ExitCode.Usage;
            }
            showStack |= parsed.GetValue(verbose);
            return parsed.InvokeAsync(new InvocationConfiguration
            {
                Output = host.Output,
                Error = host.Error,
                EnableDefaultExceptionHandler = false,
                // Program.cs handles Ctrl+C: finished results are kept, which the library's own handler does not know of.
                ProcessTerminationTimeout = null,
            }, cancellation).GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            return Report(e, host, showStack);
        }
    }

    /// <summary>All commands.</summary>
    internal static RootCommand Root(CliHost host) => new("Finds text in photographs with TCM (CLIP and a DB head).")
    {
        DetectCommand.Create(host),
        ConvertCommand.Create(host),
        ExportCommand.Create(host),
        InfoCommand.Create(host),
        TraceCommand.Create(host),
        EvalCommand.Create(host),
        TrainCommand.Create(host),
        DevicesCommand.Create(host),
        SynthCommand.Create(host),
    };

    private static Option<bool> Verbose() => new("--verbose")
    {
        Description = "Show the stack of failures; TCM_VERBOSE=1 does the same.",
        Recursive = true,
    };

    private static int Report(Exception e, CliHost host, bool showStack)
    {
        int code = e switch
        {
            OperationCanceledException => ExitCode.Interrupted,
            // Files report as TcmException; what arrives bare is standard output on a full disk.
            UsageException or OutputException or IOException => ExitCode.Usage,
            WeightFormatException or DeviceException or MissingWeightsException => ExitCode.WeightsOrDevice,
            TcmException => ExitCode.InputsFailed,
            _ => ExitCode.Internal,
        };
        host.Error.WriteLine(code switch
        {
            ExitCode.Interrupted => "tcm: interrupted",
            ExitCode.Internal => $"tcm: unexpected {e.GetType().Name}: {OneLine(e.Message)} (--verbose shows where)",
            _ => $"tcm: {OneLine(e.Message)}",
        });
        if (showStack)
        {
            host.Error.WriteLine(e.ToString());
        }
        return code;
    }

    /// <summary>Keeps a message on one line, whatever a library put into it.</summary>
    internal static string OneLine(string text) => string.Join(' ', text.Split(['\r', '\n'],
        StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}

/// <summary>Options that parse but make no sense together.</summary>
internal sealed class UsageException(string message) : TcmException(message);

/// <summary>No weights were named and none lie beside the program.</summary>
internal sealed class MissingWeightsException(string message) : TcmException(message);
