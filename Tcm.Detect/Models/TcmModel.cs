using Tcm.Detect.Clip;
using Tcm.Detect.Heads;
using Tcm.Kernels;
using Tcm.Nn;
using Tcm.Nn.Autograd;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Models;

/// <summary>
/// The network of "Turning a CLIP Model into a Scene Text Detector" at inference: the trunk (CLIP image encoder, text
/// encoder, prompt generators, instance-language matching) and a detector's head. Which parts are there is
/// <see cref="TcmConfig"/>'s to say. May be used from many threads when its backend may.
/// </summary>
public sealed class TcmModel : IDisposable
{
    private readonly ClipResNet _backbone;
    private readonly TextBranch? _text;
    private readonly bool _trained;

    /// <summary>Builds the model and packs its weights for a backend.</summary>
    /// <param name="checkpoint">The tensors, under the names of the official checkpoints; may be disposed afterwards.</param>
    /// <param name="config">What the model consists of.</param>
    /// <param name="backend">Where it will run; must outlive the model.</param>
    /// <param name="store">Receives the parameters of a model that is to be trained; null for inference.</param>
    /// <exception cref="WeightFormatException">A tensor is missing or has another shape.</exception>
    public TcmModel(Checkpoint checkpoint, TcmConfig config, Backend backend, ParameterStore? store = null)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(backend);
        Config = config;
        Backend = backend;
        _trained = store is not null;
        var weights = new Weights(checkpoint, backend, store);
        _backbone = new ClipResNet(weights / "backbone", config.BackboneWidth, config.BackboneBlocks);
        _text = config.HasTextBranch ? new TextBranch(weights, config) : null;
        Head = HeadRegistry.Find(config.Head).CreateHead(weights, config);
    }

    /// <summary>What the model consists of.</summary>
    public TcmConfig Config { get; }

    /// <summary>Where it runs.</summary>
    public Backend Backend { get; }

    /// <summary>Whether the backbone's stages are computed twice in training, so that less has to be kept.</summary>
    public bool GradientCheckpointing { get; init; }

    internal DetectionHead Head { get; }

    /// <summary>
    /// Runs the network on normalised pictures (B,3,H,W) whose sides are multiples of 32. Where the backend has
    /// <see cref="Backend.HalfImages"/>, images stay in half precision in between. The result, floats, is what the head's
    /// post-processing reads; for DB the probability map (B,1,H,W).
    /// </summary>
    /// <exception cref="ShapeException">Another shape.</exception>
    public Tensor Forward(Tensor input, ForwardObserver? observer = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var scope = TensorScope.Begin();
        // Layers in training keep floats.
        bool half = Backend.HalfImages is not null && !_trained;
        var (stages, _) = Features(half ? Functional.ToHalfImage(input) : input, observer);
        return scope.Keep(Functional.ToFloat(Head.Forward(stages, observer)));
    }

    /// <summary>
    /// Stages x0 (stride 4) to x3 (stride 32), x3 with the score map as its last channel, and the score map S (B,1,h,w) where
    /// the model has a text branch. The caller's scope owns them.
    /// </summary>
    internal (Tensor[] Stages, Tensor? Score) Features(Tensor input, ForwardObserver? observer)
    {
        var s = input.Shape;
        if (s.Rank != 4 || s[1] != 3 || s[2] % 32 != 0 || s[3] % 32 != 0)
        {
            throw new ShapeException($"TcmModel: input {s}, expected (B,3,H,W) with H and W multiples of 32");
        }
        observer?.Stage("input", input);
        observer?.BeginBlock("stem");
        var x = _backbone.Stem(input);
        observer?.EndBlock();
        var stages = new Tensor[4];
        for (int i = 0; i < stages.Length; i++)
        {
            observer?.BeginBlock($"layer{i + 1}");
            int stage = i;
            var next = GradientCheckpointing ? Checkpointing.Run(x, t => _backbone.Stage(stage, t)) : _backbone.Stage(i, x);
            observer?.EndBlock();
            if (i == 0)
            {
                x.Dispose();
            }
            stages[i] = x = next;
            observer?.Stage($"x{i}", x);
        }
        if (_text is null)
        {
            return (stages, null);
        }
        var score = _text.ScoreMap(stages[3], observer);
        stages[3] = Functional.Concat(stages[3], score);
        return (stages, score);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _backbone.Dispose();
        _text?.Dispose();
        Head.Dispose();
    }
}
