using System.Globalization;
using Spectre.Console;
using Tcm.Cli.Images;
using Tcm.Cli.Inputs;
using Tcm.Cli.Output;
using Tcm.Kernels;

namespace Tcm.Cli.Commands;

/// <summary>One run of <c>tcm detect</c>: pictures in, results out, one at a time and in the order of the inputs.</summary>
internal sealed class DetectRun(CliHost host, IReadOnlyList<Input> inputs)
{
    private const int FewestForProgress = 4;

    private int _failed;

    /// <summary>Where JSON goes: a file, <c>-</c>, or null for lines that people read.</summary>
    public string? Json { get; init; }

    /// <summary>A file of JSON lines, with which a run that was stopped goes on, or null.</summary>
    public string? JsonLines { get; init; }

    /// <summary>Where drawn pictures go, or null.</summary>
    public string? DrawFolder { get; init; }

    /// <summary>Whether pictures are turned upright.</summary>
    public bool ApplyOrientation { get; init; }

    /// <summary>Runs; the outputs are opened first, so that a bad path is known before minutes of work.</summary>
    /// <param name="open">Loads the model.</param>
    /// <param name="cancellation">Stops after the picture in hand; what is finished is kept.</param>
    public int Execute(Func<IPictureDetector> open, CancellationToken cancellation)
    {
        using var lines = JsonLines is null ? null : new JsonLinesWriter(JsonLines);
        using IResultWriter? writer = Json is null ? lines : new ResultWriter(Json, host.OutputStream);
        var painter = DrawFolder is null ? null : new RegionPainter(DrawFolder, inputs.Select(input => input.Path));
        var todo = lines is null ? inputs : NotYetIn(lines, painter);
        if (todo.Count == 0)
        {
            // A part that is empty or finished needs no model.
            writer?.Complete();
            return _failed > 0 ? ExitCode.InputsFailed : ExitCode.Success;
        }
        using var detector = open();
        bool interrupted = false;
        try
        {
            if (host.Interactive && todo.Count >= FewestForProgress)
            {
                WithProgress(todo.Count, advance => All(todo, detector, writer, painter, advance, cancellation));
            }
            else
            {
                All(todo, detector, writer, painter, () => { }, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            interrupted = true;
        }
        catch (DeviceException)
        {
            // What was found before the device failed is worth keeping; the failure itself is reported by the caller.
            writer?.Complete();
            throw;
        }
        writer?.Complete();
        if (interrupted)
        {
            host.Error.WriteLine("tcm: interrupted; the results so far are kept");
            return ExitCode.Interrupted;
        }
        return _failed > 0 ? ExitCode.InputsFailed : ExitCode.Success;
    }

    /// <summary>The inputs that an earlier run has left. What failed in it has failed: the same command twice ends with the same
    /// exit code.</summary>
    private List<Input> NotYetIn(JsonLinesWriter lines, RegionPainter? painter)
    {
        var all = inputs.DistinctBy(input => input.Path).ToList();
        var todo = new List<Input>();
        foreach (var input in all)
        {
            if (!lines.Done.TryGetValue(input.Path, out bool failed))
            {
                todo.Add(input);
                continue;
            }
            _failed += failed ? 1 : 0;
            // Its drawn picture has this name already.
            painter?.NameFor(input.Path);
        }
        if (todo.Count < all.Count)
        {
            host.Error.WriteLine($"tcm: {JsonLines}: {all.Count - todo.Count} of {all.Count} pictures are there already");
        }
        return todo;
    }

    private void All(IReadOnlyList<Input> todo, IPictureDetector detector, IResultWriter? writer, RegionPainter? painter,
        Action advance, CancellationToken cancellation)
    {
        foreach (var input in DecodeAhead.Read(todo, ApplyOrientation, cancellation))
        {
            string? error = input.Error;
            if (input.Image is { } image)
            {
                try
                {
                    var result = detector.Detect(image, cancellation);
                    painter?.Paint(input.Path, image, result.Regions);
                    if (writer is null)
                    {
                        string total = (input.Milliseconds + result.Timings.Total).ToString("F0", CultureInfo.InvariantCulture);
                        string regions = result.Regions.Count == 1 ? "1 region" : $"{result.Regions.Count} regions";
                        host.Output.WriteLine($"{input.Path}: {regions}, {result.Width}x{result.Height}, {total} ms");
                    }
                    writer?.Write(input.Path, result, input.Milliseconds);
                }
                catch (TcmException e) when (e is not (DeviceException or OutputException))
                {
                    error = $"{input.Path}: {e.Message}";
                }
                catch (DeviceException e) when (e.IsOutOfMemory)
                {
                    error = $"{input.Path}: not enough memory; a smaller --short-side or --max-side helps";
                }
            }
            if (error is not null)
            {
                error = CommandLineApp.OneLine(error);
                _failed++;
                host.Error.WriteLine($"tcm: {error}");
                writer?.WriteError(input.Path, error);
            }
            advance();
        }
    }

    private void WithProgress(int count, Action<Action> work)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(host.Error) });
        console.Progress().AutoClear(true)
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask("pictures", maxValue: count);
                work(() => task.Increment(1));
            });
    }
}
