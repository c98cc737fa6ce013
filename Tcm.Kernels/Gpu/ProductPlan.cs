namespace Tcm.Kernels.Gpu;

/// <summary>How a product is computed: the index of a tile in its family, and the parts that k is cut into.</summary>
internal readonly record struct ProductPlan(int Tile, int Splits)
{
    private const int LeastSteps = 8, MostSplits = 16;

    /// <summary>
    /// Parts of k where the tiles of a result leave multiprocessors idle: about two blocks for each, eight steps a part or more.
    /// </summary>
    public static int ChooseSplits(int multiprocessors, long blocks, int steps) => blocks >= multiprocessors ? 1
        : (int)Math.Clamp(Math.Min(2L * multiprocessors / blocks, steps / LeastSteps), 1, MostSplits);

    /// <summary>Steps of each part, so that none is empty, and how many parts that makes.</summary>
    public static (int Steps, int Splits) Cut(int steps, int splits)
    {
        int each = (steps + splits - 1) / splits;
        return (each, (steps + each - 1) / each);
    }
}

/// <summary>What a plan depends on.</summary>
/// <param name="Family">Name of a family of kernels.</param>
/// <param name="Precision">Of the factors.</param>
/// <param name="M">Rows of the result.</param>
/// <param name="N">Columns of the result.</param>
/// <param name="K">Length of the sums.</param>
/// <param name="Batch">Products in one launch.</param>
internal readonly record struct ProductShape(string Family, Precision Precision, int M, int N, int K, int Batch);

/// <summary>A family of product kernels with more than one tile.</summary>
internal interface IProductFamily
{
    /// <summary>Unique among the families.</summary>
    string Name { get; }

    /// <summary>M and N of the tiles, by the index that plans name.</summary>
    IReadOnlyList<(int M, int N)> Tiles { get; }
}

/// <summary>Chooses plans and sees what they cost; for <c>Tcm.Bench -- tune</c>.</summary>
internal interface IProductTuner
{
    /// <summary>The plan to use in place of the one that was found.</summary>
    ProductPlan Choose(IProductFamily family, ProductShape shape, int steps, ProductPlan found);

    /// <summary>A product is about to be queued.</summary>
    void Begin();

    /// <summary>It was queued.</summary>
    void End(ProductShape shape, ProductPlan plan);
}
