namespace Tcm.Detect;

/// <summary>
/// The small model that comes with Tcm (<c>weights/README.md</c> says what it can do). The build puts it beside every program that
/// references Tcm.Detect. Thread-safe.
/// </summary>
public static class ShippedModel
{
    /// <summary>Name of its file.</summary>
    public const string FileName = "tcm-db-s.safetensors";

    /// <summary>Where it lies, if it is there, else null.</summary>
    /// <param name="folder">Where to look; null for the folder of the program.</param>
    public static string? Find(string? folder = null)
    {
        string path = Path.Combine(folder ?? AppContext.BaseDirectory, FileName);
        return File.Exists(path) ? path : null;
    }
}
