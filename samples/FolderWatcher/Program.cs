using System.Runtime.InteropServices;
using Tcm.Detect;
using Tcm.Samples.FolderWatcher;

if (args is not ([_] or [_, "--once"]) || !Directory.Exists(args[0]))
{
    Console.Error.WriteLine("usage: FolderWatcher FOLDER [--once]: writes PICTURE.json beside each picture of the folder, until Ctrl+C");
    return 2;
}

// Ctrl+C, or the stop of a service: takes no further picture, finishes those under way. A second Ctrl+C ends at once.
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

using var detector = TextDetector.LoadShipped(new TextDetectorOptions { Order = RegionOrder.Reading });
using var source = new FolderSource(args[0]);
bool failed = await Watcher.RunAsync(detector, source, once: args.Length > 1, Console.Out, Console.Error, stop.Token);
return failed ? 1 : 0;

void Stop(PosixSignalContext context)
{
    context.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}
