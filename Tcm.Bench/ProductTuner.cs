using System.Diagnostics;
using System.Globalization;
using Tcm.Kernels.Gpu;

namespace Tcm.Bench;

/// <summary>
/// Tries every plan of every product that a device is asked for: all products of one pass of a network use their next plan in the
/// pass after. Times are whole, with the second pass of a cut product and the launches, the device idle before and after. One
/// thread.
/// </summary>
internal sealed class ProductTuner(GpuBackend backend) : IProductTuner
{
    // The first time compiles; of the others the best counts.
    private const int Repeats = 4, LeastSteps = 4;
    private static readonly int[] parts = [1, 2, 3, 4, 6, 8, 12, 16];

    // A plan that is hardly better than the computed one may be noise.
    private const double Gain = 0.97;

    private readonly Dictionary<ProductShape, Product> _products = [];
    private readonly HashSet<ProductShape> _open = [];
    private int _round;
    private long _start;

    /// <summary>Whether some plan of the passes since <see cref="Close"/> has not been tried often enough.</summary>
    public bool IsOpen => _open.Any(s => _round - _products[s].Since < _products[s].Plans.Count * Repeats);

    /// <summary>Products seen so far.</summary>
    public int Count => _products.Count;

    /// <summary>A pass has ended.</summary>
    public void NextPass() => _round++;

    /// <summary>Passes of other sizes follow; what was measured stays.</summary>
    public void Close() => _open.Clear();

    /// <inheritdoc/>
    public ProductPlan Choose(IProductFamily family, ProductShape shape, int steps, ProductPlan found)
    {
        if (!_products.TryGetValue(shape, out var product))
        {
            var plans = new List<ProductPlan> { found };
            for (int tile = 0; tile < family.Tiles.Count; tile++)
            {
                plans.AddRange(parts.Where(n => n == 1 || (steps / n >= LeastSteps && ProductPlan.Cut(steps, n).Splits == n))
                    .Select(n => new ProductPlan(tile, n)).Where(p => p != found));
            }
            _products[shape] = product = new Product(family, plans, _round);
            _open.Add(shape);
        }
        return product.Plans[(_round - product.Since) % product.Plans.Count];
    }

    /// <inheritdoc/>
    public void Begin()
    {
        backend.Synchronize();
        _start = Stopwatch.GetTimestamp();
    }

    /// <inheritdoc/>
    public void End(ProductShape shape, ProductPlan plan)
    {
        backend.Synchronize();
        double microseconds = Stopwatch.GetElapsedTime(_start).TotalMicroseconds;
        var best = _products[shape].Best;
        best[plan] = Math.Min(microseconds, best.GetValueOrDefault(plan, double.PositiveInfinity));
    }

    /// <summary>Lines of a <see cref="TuningTable"/>: products for which a plan is clearly faster than the computed one.</summary>
    public IEnumerable<string> Lines(string device) =>
        from entry in _products
        let shape = entry.Key
        let product = entry.Value
        let computed = product.Best[product.Plans[0]]
        let best = product.Best.MinBy(b => b.Value)
        where best.Value < Gain * computed
        orderby shape.Family, shape.Precision, shape.M, shape.N, shape.K, shape.Batch
        select string.Create(CultureInfo.InvariantCulture,
            $"{device},{shape.Family},{shape.Precision},{shape.M},{shape.N},{shape.K},{shape.Batch},"
            + $"{TuningTable.Tile(product.Family.Tiles[best.Key.Tile])},{best.Key.Splits},{best.Value:F1},{computed:F1}");

    /// <summary>A table's text with the lines of one device replaced.</summary>
    public static string Merge(string table, string device, IEnumerable<string> lines)
    {
        var others = table.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)
            .Where(l => !l.StartsWith(device + ",", StringComparison.Ordinal));
        return string.Join('\n', [TuningTable.Header, .. others, .. lines, ""]);
    }

    private sealed record Product(IProductFamily Family, List<ProductPlan> Plans, int Since)
    {
        public Dictionary<ProductPlan, double> Best { get; } = [];
    }
}
