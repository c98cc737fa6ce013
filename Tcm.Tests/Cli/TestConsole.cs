using System.Numerics;
using System.Text;
using Tcm.Cli;
using Tcm.Detect;

namespace Tcm.Tests.Cli;

/// <summary>Runs command lines in this process, with captured streams and a detector that needs no weights.</summary>
internal sealed class TestConsole : IDisposable
{
    private readonly MemoryStream _output = new();
    private readonly StringWriter _error = new();

    /// <summary>A folder of its own, removed at the end.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("tcm-cli-").FullName;

    /// <summary>What was written to standard output.</summary>
    public string Output => Encoding.UTF8.GetString(_output.ToArray());

    /// <summary>What was written to standard error.</summary>
    public string Error => _error.ToString();

    /// <summary>Stands in for the detector; by default one region in every picture.</summary>
    public Func<ImageBuffer, CancellationToken, DetectionResult> Detector { get; set; } = (image, _) => OneRegion(image);

    /// <summary>Stands in for loading weights.</summary>
    public Action<string, TextDetectorOptions> OnOpen { get; set; } = (_, _) => { };

    /// <summary>Null for the fake detector, true for the real one.</summary>
    public bool RealDetector { get; init; }

    public static DetectionResult OneRegion(ImageBuffer image)
    {
        Vector2[] corners = [new(1.25f, 2), new(20, 2), new(20, 10), new(1.25f, 10)];
        return new DetectionResult(image.Width, image.Height, [new TextRegion(corners, corners, 0.5f)],
            new DetectionTimings(1, 2, 3));
    }

    /// <summary>The detector stops the run at a picture of this width, as Ctrl+C would.</summary>
    public void InterruptAt(int width, CancellationTokenSource stop) => Detector = (image, cancellation) =>
    {
        if (image.Width == width)
        {
            stop.Cancel();
            cancellation.ThrowIfCancellationRequested();
        }
        return OneRegion(image);
    };

    public int Run(params string[] arguments) => Run(CancellationToken.None, arguments);

    public int Run(CancellationToken cancellation, params string[] arguments)
    {
        _output.SetLength(0);
        _error.GetStringBuilder().Clear();
        var host = RealDetector
            ? new CliHost(_output, _error) { ProgramFolder = Folder }
            : new CliHost(_output, _error)
            {
                ProgramFolder = Folder,
                OpenDetector = (weights, options) =>
                {
                    OnOpen(weights, options);
                    return new Fake(this);
                },
            };
        return CommandLineApp.Run(arguments, host, cancellation);
    }

    public string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private sealed class Fake(TestConsole owner) : IPictureDetector
    {
        public DetectionResult Detect(ImageBuffer image, CancellationToken cancellation) =>
            owner.Detector(image, cancellation);

        public void Dispose() { }
    }
}
