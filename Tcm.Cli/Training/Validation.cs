using System.Globalization;
using Tcm.Cli.Evaluation;
using Tcm.Cli.Images;
using Tcm.Detect;
using Tcm.Detect.Datasets;
using Tcm.Detect.Evaluation;
using Tcm.Detect.Training;
using Tcm.Kernels;

namespace Tcm.Cli.Training;

/// <summary>
/// Measures the model in training on the recipe's validation sets and keeps the figures in <c>validation.csv</c>, with
/// example pictures in <c>examples/</c>.
/// </summary>
internal sealed class Validation
{
    private const string Header = "step,dataset,precision,recall,hmean,threshold";
    private readonly ValidationSection _section;
    private readonly string _folder, _file;
    private readonly List<(string Name, IReadOnlyList<AnnotatedImage> Images)> _sets = [];

    /// <summary>Reads the labels.</summary>
    /// <param name="recipe">Names the sets.</param>
    /// <param name="folder">The run's folder.</param>
    public Validation(Recipe recipe, string folder)
    {
        _section = recipe.Validation;
        _folder = folder;
        _file = Path.Combine(folder, "validation.csv");
        foreach (var set in _section.Data)
        {
            var images = DatasetReader.Read(set.Dataset, set.Labels ?? throw new TcmException($"validation: '{set.Dataset}' needs labels"),
                set.Images ?? throw new TcmException($"validation: '{set.Dataset}' needs images"), set.Select);
            _sets.Add((set.Dataset, _section.Limit > 0 ? [.. images.Take(_section.Limit)] : images));
        }
    }

    /// <summary>Whether it is time.</summary>
    public bool IsDue(int step) => _section.Every > 0 && step % _section.Every == 0;

    /// <summary>Measures all sets and returns the mean F-measure.</summary>
    /// <param name="trainer">The model of this moment.</param>
    /// <param name="report">Receives a line for each set.</param>
    /// <param name="cancellation">Stops between pictures.</param>
    public double Run(Trainer trainer, Action<string> report, CancellationToken cancellation)
    {
        using var detector = trainer.OpenDetector(new TextDetectorOptions
        {
            ShortSide = _section.ShortSide,
            PostProcessingSettings = _section.PostProcessing,
        });
        double sum = 0;
        var rows = new List<string>();
        foreach (var (name, images) in _sets)
        {
            var detections = new List<IReadOnlyList<Detection>>();
            foreach (var image in images)
            {
                var found = detector.Detect(ImageFile.Read(image.ImagePath!), cancellation);
                detections.Add([.. found.Regions.Select(r => new Detection(r.Polygon, r.Score))]);
            }
            var result = HmeanIou.BestOverThresholds(images, detections);
            sum += result.Hmean;
            rows.Add(string.Create(CultureInfo.InvariantCulture,
                $"{trainer.Step},{name},{result.Precision:F4},{result.Recall:F4},{result.Hmean:F4},{result.Threshold:F1}"));
            report(string.Create(CultureInfo.InvariantCulture,
                $"step {trainer.Step}: {name} precision {result.Precision:F3} recall {result.Recall:F3} hmean {result.Hmean:F3}"));
            int examples = Math.Min(_section.Examples, images.Count);
            if (examples > 0)
            {
                new MistakePainter(Path.Combine(_folder, "examples", $"step-{trainer.Step:D6}-{name}")).Paint(
                    [.. images.Take(examples)], result with { Images = [.. result.Images.Take(examples)] });
            }
        }
        Append(rows, trainer.Step);
        return sum / _sets.Count;
    }

    /// <summary>The measurements so far: step and mean F-measure over the sets.</summary>
    public IReadOnlyList<(int Step, double Hmean)> History() => !File.Exists(_file) ? [] :
        [.. File.ReadLines(_file).Skip(1).Select(line => line.Split(','))
            .GroupBy(f => int.Parse(f[0], CultureInfo.InvariantCulture))
            .Select(g => (g.Key, g.Average(f => double.Parse(f[4], CultureInfo.InvariantCulture))))];

    /// <summary>Adds rows; those of steps that a resumed run takes again are replaced.</summary>
    private void Append(List<string> rows, int step)
    {
        IEnumerable<string> kept = File.Exists(_file)
            ? File.ReadAllLines(_file).Skip(1).Where(l => int.Parse(l.Split(',')[0], CultureInfo.InvariantCulture) < step) : [];
        using var file = new Output.AtomicFile(_file);
        foreach (string line in (string[])[Header, .. kept, .. rows])
        {
            file.Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
        }
        file.Commit();
    }
}
