using Tcm.Detect.Models;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Training;

/// <summary>
/// Weights to start training from (tcm-model.md section 14): each tensor from the first given file that has it in the right
/// shape (CLIP's under the model's names, see <see cref="ClipInitialization"/>), else random: Kaiming normal convolutions,
/// truncated normal (0.02) linear layers, learnable tokens of standard deviation 1, small gammas. Every tensor has its own
/// stream, so a change of one does not move the others.
/// </summary>
internal sealed class InitialWeights : Checkpoint
{
    private readonly IReadOnlyList<Checkpoint> _files;
    private readonly int _seed;

    /// <param name="config">The model.</param>
    /// <param name="files">Files to take tensors from; owned.</param>
    /// <param name="seed">Of the random tensors.</param>
    public InitialWeights(TcmConfig config, IReadOnlyList<Checkpoint> files, int seed)
    {
        _files = [.. files.Select(f => ClipInitialization.Adapt(f, config))];
        _seed = seed;
        Tensors = TcmParameters.Expected(config);
    }

    /// <inheritdoc/>
    public override string Path => "initial weights";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public override IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>How many tensors come from files.</summary>
    public int FromFiles => Tensors.Count(t => Stored(t) is not null);

    /// <inheritdoc/>
    public override void Read(TensorInfo tensor, Span<float> destination)
    {
        if (Stored(tensor) is var (file, info))
        {
            file.Read(info, destination);
            return;
        }
        var random = new SeededRandom((ulong)_seed, Hash(tensor.Name));
        Fill(tensor, ref random, destination);
    }

    /// <inheritdoc/>
    public override void ReadRows(TensorInfo tensor, int first, int rows, Span<float> destination)
    {
        var all = new float[tensor.Length];
        Read(tensor, all);
        int width = (int)(tensor.Length / tensor.Shape[0]);
        all.AsSpan(first * width, rows * width).CopyTo(destination);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    private (Checkpoint File, TensorInfo Info)? Stored(TensorInfo tensor)
    {
        foreach (var file in _files)
        {
            if (file.Find(tensor.Name) is { } info && info.Shape.SequenceEqual(tensor.Shape))
            {
                return (file, info);
            }
        }
        return null;
    }

    private static void Fill(TensorInfo tensor, ref SeededRandom random, Span<float> values)
    {
        string name = tensor.Name;
        bool bias = name.EndsWith("bias", StringComparison.Ordinal);
        switch (name)
        {
            case "gamma" or "vis_gamma":
                values.Fill(1e-3f);
                return;
            case "logit_scale":
                values.Fill(MathF.Log(1 / 0.07f));
                return;
            case "contexts" or "meta_query":
                Normal(ref random, values, 1);
                return;
            case "text_encoder.positional_embedding":
                Normal(ref random, values, 0.01);
                return;
            case "text_encoder.text_projection":
                Normal(ref random, values, 1 / Math.Sqrt(tensor.Shape[0]));
                return;
            // The last layers of PAN and FCENet: every pixel begins at an even chance.
            case "bbox_head.out_conv.weight" or "bbox_head.out_conv_cls.weight" or "bbox_head.out_conv_reg.weight":
                Normal(ref random, values, 0.01);
                return;
        }
        if (bias || name.EndsWith(".running_mean", StringComparison.Ordinal))
        {
            values.Clear();
        }
        else if (tensor.Shape.Count == 1)
        {
            // Norms; the last one of a residual branch starts at 0, so that deep stacks begin as identities.
            values.Fill(name.Contains(".bn3.", StringComparison.Ordinal) && name.Contains("layer", StringComparison.Ordinal) ? 0 : 1);
            if (name.EndsWith(".running_var", StringComparison.Ordinal))
            {
                values.Fill(1);
            }
        }
        else if (tensor.Shape.Count == 4)
        {
            bool transposed = name is "bbox_head.binarize.3.weight" or "bbox_head.binarize.6.weight"
                or "bbox_head.threshold.3.weight" or "bbox_head.threshold.6.weight";
            long fan = transposed ? tensor.Shape[0] : (long)tensor.Shape[1] * tensor.Shape[2] * tensor.Shape[3];
            Normal(ref random, values, Math.Sqrt(2.0 / fan));
        }
        else if (name.StartsWith("backbone.attnpool", StringComparison.Ordinal))
        {
            Normal(ref random, values, 1 / Math.Sqrt(tensor.Shape[1]));
        }
        else
        {
            Normal(ref random, values, 0.02);
        }
    }

    /// <summary>A normal distribution cut at two standard deviations.</summary>
    private static void Normal(ref SeededRandom random, Span<float> values, double deviation)
    {
        for (int i = 0; i < values.Length; i++)
        {
            double x;
            do
            {
                x = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            }
            while (Math.Abs(x) > 2);
            values[i] = (float)(x * deviation);
        }
    }

    private static ulong Hash(string name)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 0x100000001b3;
        }
        return hash;
    }
}
