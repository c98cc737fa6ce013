using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Losses;

/// <summary>
/// Losses on the CPU. Tasks are chunks of fixed length, each with its own partial sums, which are added in their order: the
/// result does not depend on the threads.
/// </summary>
internal sealed unsafe partial class CpuPixelLosses(CpuBackend backend) : PixelLosses
{
    private protected override void BalancedCrossEntropyCore(bool logits, NegativeQuota quota, float weight, int images,
        Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        var maps = new LossMaps(prediction, target, mask, gradient, images);
        *CpuBackend.Pointer(loss) = logits
            ? Balanced<LogitEntropy>(maps, quota, weight) : Balanced<ProbabilityEntropy>(maps, quota, weight);
    }

    private float Balanced<TEntropy>(LossMaps maps, NegativeQuota quota, float weight) where TEntropy : struct, IEntropy
    {
        int chunks = CpuBalancedEntropy<Floats4, TEntropy>.Chunks(maps);
        using var workspace = backend.Allocate(chunks * (long)(sizeof(ChunkCount) / sizeof(float)));
        var counts = (ChunkCount*)CpuBackend.Pointer(workspace.All);
        var cut = CpuHardest<TEntropy>.Find(backend.Team, maps, quota, counts, chunks);
        return backend.Level switch
        {
            SimdLevel.Portable => CpuBalancedEntropy<Floats4, TEntropy>.Run(backend.Team, maps, cut, weight, counts, chunks),
            SimdLevel.Avx2 => CpuBalancedEntropy<Floats8, TEntropy>.Run(backend.Team, maps, cut, weight, counts, chunks),
            _ => CpuBalancedEntropy<Floats16, TEntropy>.Run(backend.Team, maps, cut, weight, counts, chunks),
        };
    }

    private protected override void DiceCore(float weight, Slice prediction, Slice target, Slice mask, Slice loss, Slice gradient)
    {
        var sums = Sum<DiceTerms>(prediction, target, mask);
        double union = sums.B + sums.C + 1e-6, overlap = 2 * sums.A / union;
        *CpuBackend.Pointer(loss) = (float)(weight * (1 - overlap));
        Slope(new DiceSlope((float)(weight * overlap / union), (float)(-2 * weight / union)), prediction, target, mask, gradient);
    }

    private protected override void MaskedL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient)
    {
        var sums = Sum<AbsoluteTerms>(prediction, target, mask);
        double count = sums.B + 1e-6;
        *CpuBackend.Pointer(loss) = (float)(weight * sums.A / count);
        Slope(new AbsoluteSlope((float)(weight / count)), prediction, target, mask, gradient);
    }

    private protected override void WeightedCrossEntropyCore(float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient)
    {
        *CpuBackend.Pointer(loss) = (float)(weight * Sum<EntropyTerms>(logits, target, mask).A);
        Slope(new EntropySlope(weight), logits, target, mask, gradient);
    }

    private protected override void WeightedSmoothL1Core(float weight, Slice prediction, Slice target, Slice mask, Slice loss,
        Slice gradient)
    {
        *CpuBackend.Pointer(loss) = (float)(weight * Sum<SmoothTerms>(prediction, target, mask).A);
        Slope(new SmoothSlope(weight), prediction, target, mask, gradient);
    }

    private TermSums Sum<TTerms>(Slice prediction, Slice target, Slice mask) where TTerms : struct, ILossTerms
    {
        int chunks = CpuMapSums<Floats4, TTerms>.Chunks(prediction.Length);
        using var workspace = backend.Allocate(chunks * (long)(sizeof(TermSums) / sizeof(float)));
        var sums = (TermSums*)CpuBackend.Pointer(workspace.All);
        var maps = new LossMaps(prediction, target, mask, prediction, 1);
        switch (backend.Level)
        {
            case SimdLevel.Portable: new CpuMapSums<Floats4, TTerms>(maps, sums).Start(backend.Team, chunks); break;
            case SimdLevel.Avx2: new CpuMapSums<Floats8, TTerms>(maps, sums).Start(backend.Team, chunks); break;
            default: new CpuMapSums<Floats16, TTerms>(maps, sums).Start(backend.Team, chunks); break;
        }
        var total = new TermSums();
        for (int i = 0; i < chunks; i++)
        {
            total = new(total.A + sums[i].A, total.B + sums[i].B, total.C + sums[i].C);
        }
        return total;
    }

    private void Slope<TSlope>(TSlope slope, Slice prediction, Slice target, Slice mask, Slice gradient)
        where TSlope : struct, ILossSlope
    {
        var maps = new LossMaps(prediction, target, mask, gradient, 1);
        switch (backend.Level)
        {
            case SimdLevel.Portable: new CpuMapSlope<Floats4, TSlope>(maps, slope).Start(backend.Team); break;
            case SimdLevel.Avx2: new CpuMapSlope<Floats8, TSlope>(maps, slope).Start(backend.Team); break;
            default: new CpuMapSlope<Floats16, TSlope>(maps, slope).Start(backend.Team); break;
        }
    }
}

/// <summary>The maps of one call. With several images, each of <see cref="Plane"/> values, all pairs are counted.</summary>
internal readonly unsafe struct LossMaps(Slice prediction, Slice target, Slice mask, Slice gradient, int images)
{
    public readonly float* Prediction = CpuBackend.Pointer(prediction), Target = CpuBackend.Pointer(target);
    public readonly float* Mask = CpuBackend.Pointer(mask), Gradient = CpuBackend.Pointer(gradient);
    public readonly long Length = prediction.Length, Plane = prediction.Length / images;
    public readonly int Images = images;
}
