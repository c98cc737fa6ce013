using Tcm.Detect;

namespace Tcm.Cli.Output;

/// <summary>Takes the results of <c>tcm detect</c> one after the other.</summary>
internal interface IResultWriter : IDisposable
{
    /// <summary>Writes an input that has its result.</summary>
    /// <param name="image">The input as it was named.</param>
    /// <param name="result">What was found.</param>
    /// <param name="decode">Milliseconds that reading it took.</param>
    /// <exception cref="OutputException">The disk is full.</exception>
    void Write(string image, DetectionResult result, double decode);

    /// <summary>Writes an input that failed.</summary>
    /// <exception cref="OutputException">The disk is full.</exception>
    void WriteError(string image, string error);

    /// <summary>Says that no more results come.</summary>
    void Complete();
}
