using Tcm.Kernels;
using Tcm.Nn.Autograd;
using Tcm.Nn.Optimization;

namespace Tcm.Detect.Training;

/// <summary>From the names in a recipe to optimisers, schedules and averages.</summary>
internal static class OptimizerFactory
{
    /// <summary>The optimiser over the store's parameters; those whose factor is 0 are frozen.</summary>
    public static Optimizer Create(OptimizerSection section, ParameterStore store)
    {
        var groups = new ParameterGroups([.. section.RateFactors.Select(f => new ParameterRule(f.Key, (float)f.Value)),
            new ParameterRule("norm", DecayFactor: 0)]);
        store.Freeze(p => groups.Of(p.Name).RateFactor == 0);
        var tensors = store.Learned.Where(p => !p.IsFrozen)
            .Select(p => groups.Apply(p.Name, p.Value, () => p.HasGradient ? p.Gradient : null)).ToList();
        return section.Name switch
        {
            "sgd" => new Sgd(tensors, section.Momentum, section.Decay),
            "adam" => new Adam(tensors, decay: section.Decay),
            "adamw" => new AdamW(tensors, decay: section.Decay),
            "ranger" => new Ranger(tensors, decay: section.Decay),
            _ => throw new TcmException($"optimizer.name: '{section.Name}', expected sgd, adam, adamw or ranger"),
        };
    }

    /// <summary>The learning rate over steps.</summary>
    public static LearningRateSchedule Schedule(Recipe recipe)
    {
        var section = recipe.Optimizer;
        LearningRateSchedule schedule = section.Schedule switch
        {
            "poly" => new PolynomialDecay(section.Rate, recipe.Steps),
            "cosine" => new CosineDecay(section.Rate, recipe.Steps, section.Rate * 0.01),
            "constant" => new ConstantRate(section.Rate),
            _ => throw new TcmException($"optimizer.schedule: '{section.Schedule}', expected poly, cosine or constant"),
        };
        return section.WarmUp > 0 ? new LinearWarmUp(schedule, section.WarmUp, 0.01) : schedule;
    }

    /// <summary>The moving average of weights and running statistics, or null.</summary>
    public static MovingAverage? Average(OptimizerSection section, ParameterStore store) => section.Average > 0
        ? new MovingAverage(store.All.Where(p => !p.IsFrozen || !p.Learned).Select(p => (p.Name, p.Value)), section.Average)
        : null;
}
