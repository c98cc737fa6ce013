using Tcm.Kernels.Resampling;
using Tcm.Nn;
using Tcm.Nn.Layers;

namespace Tcm.Detect.Clip;

/// <summary>
/// CLIP's attention pooling with every token as a query (tcm-model.md section 5): the mean token and the pixels of the
/// last stage attend to each other; token 0 of the result is the image's embedding, the others a dense one.
/// </summary>
internal sealed class AttentionPool2d : IDisposable
{
    private readonly int _channels, _heads;
    private readonly Tensor? _meanPosition, _gridPositions, _positions;
    private readonly int _grid;
    private readonly Linear _qkv, _projection;

    /// <param name="weights">Place of the pool in the checkpoint.</param>
    /// <param name="channels">Channels of the last stage.</param>
    /// <param name="heads">32 in TCM, whatever the width.</param>
    /// <param name="outputWidth">Width of the joint embedding.</param>
    /// <param name="grid">Side of the square grid of the stored position embedding (training resolution / 32).</param>
    public AttentionPool2d(Weights weights, int channels, int heads, int outputWidth, int grid)
    {
        _channels = channels;
        _heads = heads;
        _grid = grid;
        _qkv = Linear.Stack(weights, ["q_proj", "k_proj", "v_proj"], channels, channels);
        _projection = new Linear(weights, "c_proj", outputWidth, channels);
        if (weights.Store is not null)
        {
            _positions = weights.Parameter("positional_embedding", grid * grid + 1, channels);
            return;
        }
        float[] positions = weights.Read("positional_embedding", grid * grid + 1, channels);
        _meanPosition = weights.PersistentFeatures(positions.AsSpan(0, channels), [channels]);
        // Stored by token, kept by plane: planes are what a resize works on.
        var planes = new float[channels * grid * grid];
        for (int t = 0; t < grid * grid; t++)
        {
            for (int c = 0; c < channels; c++)
            {
                planes[(c * grid * grid) + t] = positions[((t + 1) * channels) + c];
            }
        }
        _gridPositions = weights.PersistentFeatures(planes, [1, channels, grid, grid]);
    }

    /// <summary>x (B,C,h,w) to tokens (B, 1+h*w, outputWidth), the global one first.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Begin();
        var s = x.Shape;
        int batch = s[0], h = s[2], w = s[3];
        var (meanPosition, gridPositions) = Positions();
        var mean = Functional.Add(Functional.GlobalMean(x), meanPosition).Reshape([batch, 1, _channels]);
        var positions = Functional.Interpolate(gridPositions, h, w, ResizeMode.Bilinear);
        var pixels = Functional.ImageToTokens(Functional.Add(x, positions));
        var qkv = _qkv.Forward(Functional.Concat(mean, pixels));
        return scope.Keep(_projection.Forward(Functional.PackedAttention(qkv, _heads)));
    }

    /// <summary>Positions of the mean token (C) and of the pixels (1,C,grid,grid).</summary>
    private (Tensor Mean, Tensor Grid) Positions()
    {
        if (_positions is null)
        {
            return (_meanPosition!, _gridPositions!);
        }
        var tokens = _positions.Reshape([1, _grid * _grid + 1, _channels]);
        var planes = Functional.Transpose(Functional.Narrow(tokens, 1, _grid * _grid));
        return (Functional.Narrow(tokens, 0, 1).Reshape([_channels]), planes.Reshape([1, _channels, _grid, _grid]));
    }

    public void Dispose()
    {
        _meanPosition?.Dispose();
        _gridPositions?.Dispose();
        _qkv.Dispose();
        _projection.Dispose();
    }
}
