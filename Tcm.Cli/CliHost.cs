using System.Text;
using Tcm.Detect;

namespace Tcm.Cli;

/// <summary>A detector as the commands see it.</summary>
internal interface IPictureDetector : IDisposable
{
    /// <summary>Finds the text in one picture.</summary>
    DetectionResult Detect(ImageBuffer image, CancellationToken cancellation);
}

/// <summary>The world outside: the commands reach streams and detectors through it, so that tests can stand in for both.</summary>
internal sealed class CliHost
{
    /// <summary>Creates a host.</summary>
    /// <param name="output">Standard output: data only.</param>
    /// <param name="error">Standard error: everything else.</param>
    public CliHost(Stream output, TextWriter error)
    {
        OutputStream = output;
        Output = new StreamWriter(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n", AutoFlush = true };
        Error = TextWriter.Synchronized(error);
    }

    /// <summary>Standard output as bytes.</summary>
    public Stream OutputStream { get; }

    /// <summary>Standard output as text.</summary>
    public TextWriter Output { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether a person watches standard error.</summary>
    public bool Interactive { get; init; }

    /// <summary>Whether unexpected exceptions are shown with their stack.</summary>
    public bool Verbose { get; init; }

    /// <summary>Where default weights lie.</summary>
    public string ProgramFolder { get; init; } = AppContext.BaseDirectory;

    /// <summary>Opens a detector.</summary>
    public Func<string, TextDetectorOptions, IPictureDetector> OpenDetector { get; init; } =
        (weights, options) => new LoadedDetector(TextDetector.Load(weights, options));

    private sealed class LoadedDetector(TextDetector detector) : IPictureDetector
    {
        public DetectionResult Detect(ImageBuffer image, CancellationToken cancellation) =>
            detector.Detect(image, cancellation);

        public void Dispose() => detector.Dispose();
    }
}
