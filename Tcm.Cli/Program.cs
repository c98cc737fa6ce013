using System.Runtime.InteropServices;
using Tcm.Cli;

using var stop = new CancellationTokenSource();
// The first Ctrl+C lets the picture in hand go and keeps what is finished; the second one kills.
Action<PosixSignalContext> onSignal = context =>
{
    if (!stop.IsCancellationRequested)
    {
        context.Cancel = true;
        stop.Cancel();
    }
};
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, onSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, onSignal);
using var output = Console.OpenStandardOutput();
return CommandLineApp.Run(args, new CliHost(output, Console.Error)
{
    Interactive = !Console.IsErrorRedirected,
    Verbose = Environment.GetEnvironmentVariable("TCM_VERBOSE") == "1",
}, stop.Token);
