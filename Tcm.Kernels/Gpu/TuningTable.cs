using System.Globalization;
using System.Reflection;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Plans that were measured, by device and shape. The shipped one is <c>Tcm.Kernels/Gpu/tuning.csv</c>, which
/// <c>Tcm.Bench -- tune</c> writes; a shape or device that it does not list gets the plan that the family computes from the shape.
/// Nothing is measured at run time. Immutable.
/// </summary>
internal sealed class TuningTable
{
    /// <summary>The first line of a table.</summary>
    public const string Header = "device,family,precision,m,n,k,batch,tile,splits,microseconds,computed_microseconds";

    private readonly Dictionary<(string Device, ProductShape Shape), (string Tile, int Splits)> _plans = [];

    private static readonly Lazy<TuningTable> shipped = new(() =>
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Tcm.Kernels.Gpu.tuning.csv")!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd());
    });

    /// <summary>The table of this build.</summary>
    public static TuningTable Shipped => shipped.Value;

    /// <summary>Its entries.</summary>
    public IEnumerable<(string Device, ProductShape Shape, string Tile, int Splits)> Entries =>
        _plans.Select(p => (p.Key.Device, p.Key.Shape, p.Value.Tile, p.Value.Splits));

    /// <summary>What a table calls a CUDA device: its architecture and multiprocessors.</summary>
    public static string Device(int major, int minor, int multiprocessors) =>
        string.Create(CultureInfo.InvariantCulture, $"sm_{major}{minor}x{multiprocessors}");

    /// <summary>What a table calls a tile.</summary>
    public static string Tile((int M, int N) size) => string.Create(CultureInfo.InvariantCulture, $"{size.M}x{size.N}");

    /// <exception cref="FormatException">A line is no entry, or comes twice.</exception>
    public static TuningTable Parse(string text)
    {
        var table = new TuningTable();
        string[] lines = text.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0 || lines[0] != Header)
        {
            throw new FormatException($"tuning table: the first line is not '{Header}'");
        }
        foreach (string line in lines[1..])
        {
            string[] f = line.Split(',');
            var culture = CultureInfo.InvariantCulture;
            if (f.Length != 11 || !Enum.TryParse(f[2], out Precision precision) || !int.TryParse(f[3], culture, out int m)
                || !int.TryParse(f[4], culture, out int n) || !int.TryParse(f[5], culture, out int k)
                || !int.TryParse(f[6], culture, out int batch) || !int.TryParse(f[8], culture, out int splits) || splits < 1
                || !table._plans.TryAdd((f[0], new ProductShape(f[1], precision, m, n, k, batch)), (f[7], splits)))
            {
                throw new FormatException($"tuning table: '{line}'");
            }
        }
        return table;
    }

    /// <summary>The plan of a shape, where the table has it and the family still has its tile.</summary>
    public ProductPlan? Find(string device, IProductFamily family, ProductShape shape)
    {
        if (_plans.Count > 0 && _plans.TryGetValue((device, shape), out var entry))
        {
            for (int tile = 0; tile < family.Tiles.Count; tile++)
            {
                if (Tile(family.Tiles[tile]) == entry.Tile)
                {
                    return new ProductPlan(tile, entry.Splits);
                }
            }
        }
        return null;
    }
}
