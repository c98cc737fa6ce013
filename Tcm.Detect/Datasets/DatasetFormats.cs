using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>
/// The forms in which each dataset's labels come. <c>tcm eval --dataset</c> and the <c>dataset</c> of a recipe are names of this
/// table; a file is read by the first form that knows its name.
/// </summary>
internal static class DatasetFormats
{
    private static readonly Dictionary<string, LabelFormat[]> Table = new(StringComparer.OrdinalIgnoreCase)
    {
        ["icdar2013"] = [new Icdar2013Format()],
        ["icdar2015"] = [new Icdar2015Format()],
        ["mlt2017"] = [new Mlt2017Format()],
        ["td500"] = [new Td500Format(), new PolygonFlagFormat()],
        ["tr400"] = [new Td500Format(), new PolygonFlagFormat()],
        ["ctw1500"] = [new Ctw1500XmlFormat(), new Ctw1500TextFormat()],
        ["totaltext"] = [new TotalTextMatFormat(), new TotalTextFormat()],
        ["synthtext"] = [new SynthTextFormat()],
        ["curvedsyntext"] = [new CurvedSynTextFormat()],
        ["jsonl"] = [new JsonLinesFormat()],
    };

    /// <summary>Names of the datasets.</summary>
    public static IReadOnlyCollection<string> Names => Table.Keys;

    /// <summary>The forms of a dataset.</summary>
    /// <exception cref="TcmException">Nobody knows it.</exception>
    public static IReadOnlyList<LabelFormat> Find(string dataset) => Table.TryGetValue(dataset, out var forms) ? forms
        : throw new TcmException($"unknown dataset '{dataset}'; known: {string.Join(", ", Names)}");
}
