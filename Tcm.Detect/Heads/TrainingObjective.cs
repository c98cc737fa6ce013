using Tcm.Detect.Datasets;
using Tcm.Nn;

namespace Tcm.Detect.Heads;

/// <summary>One term of a loss, its weight included: one number on the device.</summary>
internal readonly record struct LossTerm(string Name, Tensor Value);

/// <summary>
/// What a detector is trained on: the maps that are drawn from labels, and the losses between them and the network's maps.
/// Each method has one beside its head, made by its <see cref="DetectionMethod"/>. Drawing may run on many threads.
/// </summary>
internal abstract class TrainingObjective
{
    /// <summary>Shapes of the target maps of one picture, for a network input of height x width.</summary>
    public abstract IReadOnlyList<Shape> TargetShapes(int height, int width);

    /// <summary>Draws the target maps of one picture.</summary>
    /// <param name="texts">Its labels, in pixels of the network's input.</param>
    /// <param name="height">Rows of the network's input.</param>
    /// <param name="width">Columns.</param>
    /// <param name="maps">One for each of <see cref="TargetShapes"/>, overwritten.</param>
    public abstract void DrawTargets(IReadOnlyList<TextAnnotation> texts, int height, int width,
        IReadOnlyList<Memory<float>> maps);

    /// <summary>The terms whose sum is minimised.</summary>
    /// <param name="maps">The head's training maps.</param>
    /// <param name="score">The score map S (B,1,h,w), already scaled where the model scales it; null without a text branch.</param>
    /// <param name="targets">(B, ...) for each target shape.</param>
    public abstract IReadOnlyList<LossTerm> Losses(IReadOnlyList<Tensor> maps, Tensor? score, IReadOnlyList<Tensor> targets);
}
