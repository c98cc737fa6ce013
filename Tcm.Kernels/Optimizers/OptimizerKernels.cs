using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using Tcm.Kernels.Gpu;

namespace Tcm.Kernels.Optimizers;

// Optimiser steps, one thread a value: bound by memory. Centre takes one group for each row of a gradient, in place.
// Squares sums each block, AddPartials adds the blocks in their order: no float atomics, so that results repeat.
internal static class OptimizerKernels
{
    public const int GroupSize = GroupReduction.GroupSize, Block = 64 * GroupSize;

    public static void Sgd(UpdateArgs args)
    {
        long i = Thread();
        if (i < args.Length)
        {
            float p = args.P[i], v = args.Beta1 * args.M[i] + (args.G[i] + args.Decay * p);
            args.M[i] = v;
            args.P[i] = p - args.Step * v;
        }
    }

    public static void Adam(UpdateArgs args)
    {
        long i = Thread();
        if (i < args.Length)
        {
            float p = args.P[i], g = args.G[i] + args.Decay * p;
            float m = args.Beta1 * args.M[i] + args.Rest1 * g, v = args.Beta2 * args.V[i] + args.Rest2 * g * g;
            args.M[i] = m;
            args.V[i] = v;
            args.P[i] = args.Keep * p - args.Step * m / (XMath.Sqrt(v) * args.Root + args.Eps);
        }
    }

    public static void RectifiedAdam(UpdateArgs args)
    {
        long i = Thread();
        if (i < args.Length)
        {
            float p = args.P[i], g = args.G[i];
            float m = args.Beta1 * args.M[i] + args.Rest1 * g, v = args.Beta2 * args.V[i] + args.Rest2 * g * g;
            float direction = (args.Rectified != 0 ? m / (XMath.Sqrt(v) + args.Eps) : m) + args.Decay * p;
            args.M[i] = args.Rectified != 0 ? m : direction;
            args.V[i] = v;
            args.P[i] = p - args.Step * direction;
        }
    }

    public static void Centre(CentreArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        long start = (long)Grid.IdxX * args.Columns;
        float sum = 0;
        for (int i = Group.IdxX; i < args.Columns; i += GroupSize)
        {
            sum += args.G[start + i];
        }
        float mean = GroupReduction.Sum(shared, sum) / args.Columns;
        for (int i = Group.IdxX; i < args.Columns; i += GroupSize)
        {
            args.G[start + i] -= mean;
        }
    }

    public static void Lookahead(LookaheadArgs args)
    {
        long i = Thread();
        if (i < args.Length)
        {
            float slow = args.Slow[i];
            slow += args.Share * (args.P[i] - slow);
            args.Slow[i] = slow;
            if (args.Assign != 0)
            {
                args.P[i] = slow;
            }
        }
    }

    public static void Squares(SquaresArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        long start = (long)Grid.IdxX * Block;
        float sum = 0;
        for (long i = start + Group.IdxX; i < start + Block && i < args.Length; i += GroupSize)
        {
            sum += args.G[i] * args.G[i];
        }
        sum = GroupReduction.Sum(shared, sum);
        if (Group.IdxX == 0)
        {
            args.Partial[Grid.IdxX] = sum;
        }
    }

    public static void AddPartials(SquaresArgs args)
    {
        var shared = SharedMemory.Allocate<float>(GroupReduction.SharedLength);
        float sum = 0;
        for (int i = Group.IdxX; i < args.Blocks; i += GroupSize)
        {
            sum += args.Partial[i];
        }
        sum = GroupReduction.Sum(shared, sum);
        if (Group.IdxX == 0)
        {
            args.Sum[0] += sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Thread() => (long)Grid.IdxX * Group.DimX + Group.IdxX;

    public static GpuKernel<UpdateArgs> SgdKernel { get; } = new(Sgd);

    public static GpuKernel<UpdateArgs> AdamKernel { get; } = new(Adam);

    public static GpuKernel<UpdateArgs> RectifiedAdamKernel { get; } = new(RectifiedAdam);

    public static GpuKernel<CentreArgs> CentreKernel { get; } = new(Centre, GroupSize);

    public static GpuKernel<LookaheadArgs> LookaheadKernel { get; } = new(Lookahead);

    public static GpuKernel<SquaresArgs> SquaresKernel { get; } = new(Squares, GroupSize);

    public static GpuKernel<SquaresArgs> AddPartialsKernel { get; } = new(AddPartials, GroupSize);

    public static IEnumerable<GpuKernel> All =>
        [SgdKernel, AdamKernel, RectifiedAdamKernel, CentreKernel, LookaheadKernel, SquaresKernel, AddPartialsKernel];
}

/// <summary>Arguments of a step; what the constants mean is the CPU's <see cref="ICpuUpdate"/>'s.</summary>
internal struct UpdateArgs
{
    public ArrayView<float> P, G, M, V;
    public long Length;
    public float Beta1, Rest1, Beta2, Rest2, Eps, Decay, Keep, Step, Root;
    public int Rectified;
}

/// <summary>Arguments of <see cref="OptimizerKernels.Centre"/>.</summary>
internal struct CentreArgs
{
    public ArrayView<float> G;
    public int Columns;
}

/// <summary>Arguments of <see cref="OptimizerKernels.Lookahead"/>.</summary>
internal struct LookaheadArgs
{
    public ArrayView<float> P, Slow;
    public long Length;
    public float Share;
    public int Assign;
}

/// <summary>Arguments of <see cref="OptimizerKernels.Squares"/>.</summary>
internal struct SquaresArgs
{
    public ArrayView<float> G, Partial, Sum;
    public long Length;
    public int Blocks;
}
