using System.Text.Json;

namespace Tcm.Bench;

/// <summary>Writes figures to files.</summary>
internal static class BenchOutput
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    /// <summary>Does nothing without a file.</summary>
    public static void WriteJson(FileInfo? file, IReadOnlyDictionary<string, object> figures)
    {
        if (file is not null)
        {
            File.WriteAllText(file.FullName, JsonSerializer.Serialize(figures, Format) + "\n");
        }
    }
}
