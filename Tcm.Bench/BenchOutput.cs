using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tcm.Bench;

/// <summary>Tables on the console and JSON files, the same for every benchmark.</summary>
internal static class BenchOutput
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Prints columns wide enough for their longest cell; the first is aligned left, the others right.</summary>
    public static void Table(string[] header, IEnumerable<string[]> rows)
    {
        string[][] lines = [header, .. rows];
        int[] widths = [.. header.Select((_, i) => lines.Max(l => l[i].Length))];
        foreach (string[] line in lines)
        {
            Console.WriteLine(string.Join("  ",
                line.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))));
        }
    }

    public static void WriteJson(FileInfo? file, object value)
    {
        if (file is not null)
        {
            File.WriteAllText(file.FullName, JsonSerializer.Serialize(value, Json) + "\n");
        }
    }

    /// <summary>Comma-separated values; texts with a comma are quoted, numbers have four digits.</summary>
    public static void WriteCsv(FileInfo? file, string[] header, IEnumerable<object[]> rows)
    {
        if (file is not null)
        {
            File.WriteAllLines(file.FullName, [string.Join(',', header), .. rows.Select(r => string.Join(',', r.Select(Cell)))]);
        }

        static string Cell(object value) => value is double number ? number.ToString("G4", CultureInfo.InvariantCulture)
            : value.ToString()!.Contains(',', StringComparison.Ordinal) ? $"\"{value}\"" : value.ToString()!;
    }

    public static string Number(double value, int digits = 2) =>
        value.ToString("F" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    public static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        int n = sorted.Count;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }

    public static double GeometricMean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
