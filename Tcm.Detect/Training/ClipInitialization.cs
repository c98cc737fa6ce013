using Tcm.Detect.Models;
using Tcm.Nn.Checkpoints;

namespace Tcm.Detect.Training;

/// <summary>
/// CLIP's own weights under the names and in the shapes of a TCM model (tcm-model.md sections 2.4 and 5.1): the image encoder is
/// the backbone, text tensors go below <c>text_encoder</c>. The grid of positions is resized to the model's, the text's positions
/// are cut to its length, and of the token table the rows are taken that the model keeps. Reading is thread-safe.
/// </summary>
internal sealed class ClipInitialization : Checkpoint
{
    private const string GridPositions = "backbone.attnpool.positional_embedding", TextPositions = "text_encoder.positional_embedding",
        TokenTable = "text_encoder.token_embedding.weight";

    private readonly Checkpoint _clip;
    private readonly TcmConfig _config;

    private ClipInitialization(Checkpoint clip, TcmConfig config)
    {
        (_clip, _config) = (clip, config);
        Tensors = [.. TcmParameters.Expected(config).Where(t => Source(t.Name) is { } source && Fits(t, source))];
    }

    /// <inheritdoc/>
    public override string Path => _clip.Path;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata => _clip.Metadata;

    /// <summary>Those of the model that CLIP has.</summary>
    public override IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>The file as it is, or seen so if it holds CLIP's weights; owned.</summary>
    public static Checkpoint Adapt(Checkpoint file, TcmConfig config) =>
        file.Find("visual.conv1.weight") is null ? file : new ClipInitialization(file, config);

    /// <inheritdoc/>
    public override void Read(TensorInfo tensor, Span<float> destination)
    {
        var source = Source(tensor.Name)!;
        int width = tensor.Shape.Count > 0 ? tensor.Shape[^1] : 1;
        if (tensor.Name == TokenTable && _config.StoredTokenIds.Count > 0)
        {
            for (int i = 0; i < _config.StoredTokenIds.Count; i++)
            {
                _clip.ReadRows(source, _config.StoredTokenIds[i], 1, destination.Slice(i * width, width));
            }
        }
        else if (tensor.Name == TextPositions)
        {
            _clip.ReadRows(source, 0, tensor.Shape[0], destination);
        }
        else if (tensor.Name == GridPositions)
        {
            var stored = new float[source.Length];
            _clip.Read(source, stored);
            // The first row belongs to the mean token.
            stored.AsSpan(0, width).CopyTo(destination);
            ResizeGrid(stored.AsSpan(width), Side(source.Shape[0]), destination[width..], Side(tensor.Shape[0]), width);
        }
        else
        {
            _clip.Read(source, destination);
        }
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
    public override void Dispose() => _clip.Dispose();

    /// <summary>(side, side, width) to (newSide, newSide, width), bilinear, half-pixel centres, edges repeated.</summary>
    internal static void ResizeGrid(ReadOnlySpan<float> grid, int side, Span<float> result, int newSide, int width)
    {
        for (int i = 0; i < newSide; i++)
        {
            var (top, bottom, down) = Neighbours(i, side, newSide);
            for (int j = 0; j < newSide; j++)
            {
                var (left, right, across) = Neighbours(j, side, newSide);
                for (int c = 0; c < width; c++)
                {
                    float a = grid[(((top * side) + left) * width) + c], b = grid[(((top * side) + right) * width) + c];
                    float d = grid[(((bottom * side) + left) * width) + c], e = grid[(((bottom * side) + right) * width) + c];
                    float upper = a + (across * (b - a)), lower = d + (across * (e - d));
                    result[(((i * newSide) + j) * width) + c] = upper + (down * (lower - upper));
                }
            }
        }
    }

    private static (int First, int Second, float Share) Neighbours(int index, int size, int newSize)
    {
        float at = Math.Max(0, ((index + 0.5f) * size / newSize) - 0.5f);
        int first = Math.Min((int)at, size - 1);
        return (first, Math.Min(first + 1, size - 1), at - first);
    }

    private static int Side(int rows) => (int)Math.Round(Math.Sqrt(rows - 1));

    private bool Fits(TensorInfo tensor, TensorInfo source)
    {
        bool table = tensor.Shape.Count == 2 && source.Shape.Count == 2 && source.Shape[1] == tensor.Shape[1];
        return tensor.Name switch
        {
            TokenTable when _config.StoredTokenIds.Count > 0 => table && _config.StoredTokenIds.All(id => id < source.Shape[0]),
            TextPositions => table && source.Shape[0] >= tensor.Shape[0],
            GridPositions => table && (Side(source.Shape[0]) * Side(source.Shape[0])) + 1 == source.Shape[0],
            _ => source.Shape.SequenceEqual(tensor.Shape),
        };
    }

    /// <summary>CLIP's tensor for one of the model's, or null.</summary>
    private TensorInfo? Source(string name) =>
        name.StartsWith("backbone.", StringComparison.Ordinal) ? _clip.Find("visual." + name["backbone.".Length..])
        : name.StartsWith("text_encoder.", StringComparison.Ordinal) ? _clip.Find(name["text_encoder.".Length..]) : null;
}
