using System.Diagnostics;
using System.Globalization;
using Tcm.Detect.Training;

namespace Tcm.Cli.Training;

/// <summary>
/// Step, losses, pictures per second and time left: one line that is rewritten where a person watches, a line every half
/// minute elsewhere. Losses and speed are averages over the last steps.
/// </summary>
internal sealed class ProgressLine(CliHost host, int steps, int batch)
{
    private const double Smoothing = 0.95;
    private readonly Dictionary<string, double> _losses = [];
    private double _seconds;
    private long _shown;

    /// <summary>Takes in a step and shows it when it is time.</summary>
    public void Show(StepReport report)
    {
        foreach (var (name, value) in report.Losses)
        {
            _losses[name] = _losses.TryGetValue(name, out double old) ? (Smoothing * old) + ((1 - Smoothing) * value) : value;
        }
        _seconds = _seconds == 0 ? report.Seconds : (Smoothing * _seconds) + ((1 - Smoothing) * report.Seconds);
        double since = Stopwatch.GetElapsedTime(_shown).TotalSeconds;
        if (_shown != 0 && since < (host.Interactive ? 0.5 : 30))
        {
            return;
        }
        _shown = Stopwatch.GetTimestamp();
        var left = TimeSpan.FromSeconds((steps - report.Step) * _seconds);
        string losses = string.Join("  ", _losses.Select(l => string.Create(CultureInfo.InvariantCulture, $"{Short(l.Key)} {l.Value:F3}")));
        string line = string.Create(CultureInfo.InvariantCulture,
            $"step {report.Step}/{steps}  {losses}  total {_losses.Values.Sum():F3}  rate {report.Rate:G3}  {batch / _seconds:F1} pictures/s  left {(int)left.TotalHours}:{left:mm\\:ss}");
        if (host.Interactive)
        {
            host.Error.Write($"\r{line}\x1b[K");
        }
        else
        {
            host.Error.WriteLine(line);
        }
    }

    /// <summary>Leaves the line.</summary>
    public void End()
    {
        if (host.Interactive)
        {
            host.Error.WriteLine();
        }
    }

    private static string Short(string name) => name[(name.IndexOf("loss_", StringComparison.Ordinal) + 5)..];
}
