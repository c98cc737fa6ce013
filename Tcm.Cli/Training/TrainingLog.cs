using System.Globalization;
using System.Text;
using Tcm.Detect.Training;
using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Cli.Training;

/// <summary>
/// A CSV file with a row for each step. On resuming, rows past the resumed step are cut off, in a new file that takes the old
/// one's place, so that a kill at that moment loses nothing.
/// </summary>
internal sealed class TrainingLog : IDisposable
{
    private readonly string _path;
    private readonly StreamWriter _writer;
    private bool _hasHeader;

    /// <summary>Opens or makes the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="step">Steps whose rows are kept.</param>
    /// <exception cref="TcmException">It cannot be written.</exception>
    public TrainingLog(string path, int step)
    {
        _path = path;
        try
        {
            string[] kept = step > 0 && File.Exists(path) ? [.. Complete(File.ReadLines(path), step)] : [];
            _hasHeader = kept.Length > 0;
            string temporary = path + ".tmp";
            File.WriteAllLines(temporary, kept);
            File.Move(temporary, path, overwrite: true);
            _writer = new StreamWriter(path, append: true, new UTF8Encoding(false)) { NewLine = "\n", AutoFlush = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TcmException($"{path}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Adds a row, at once, so that it can be watched.</summary>
    /// <exception cref="TcmException">The disk is full.</exception>
    public void Write(StepReport report)
    {
        try
        {
            Add(report);
        }
        catch (Exception e) when (OutputPlace.IsRefusal(e))
        {
            throw new TcmException($"{_path}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            _writer.Dispose();
        }
        catch (Exception e) when (OutputPlace.IsRefusal(e))
        {
            // A full disk has been reported; rows that it did not take are taken again after the next start.
        }
    }

    private void Add(StepReport report)
    {
        if (!_hasHeader)
        {
            _writer.WriteLine($"step,{string.Join(',', report.Losses.Select(l => l.Name))},total,rate,gradientNorm,seconds,dataSeconds");
            _hasHeader = true;
        }
        _writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.Step},{string.Join(',', report.Losses.Select(l => l.Value.ToString("G6", CultureInfo.InvariantCulture)))},{report.Total:G6},{report.Rate:G6},{report.GradientNorm:G5},{report.Seconds:F4},{report.DataSeconds:F4}"));
    }

    /// <summary>The header, and the rows up to a step that are whole: of a killed run the last one may not be.</summary>
    private static IEnumerable<string> Complete(IEnumerable<string> lines, int step)
    {
        int columns = 0;
        foreach (string line in lines)
        {
            int count = line.Split(',').Length;
            if (columns == 0)
            {
                columns = count;
                yield return line;
            }
            else if (count == columns && int.TryParse(line.Split(',')[0], CultureInfo.InvariantCulture, out int number)
                && number <= step)
            {
                yield return line;
            }
        }
    }
}
