using Tcm.Nn;

namespace Tcm.Detect.Heads.Fce;

/// <summary>The pixels of a batch's level that lie in a text that counts, and what their losses need.</summary>
internal sealed class LevelPixels
{
    private readonly float[] _target;
    private readonly int _plane;
    private readonly List<int> _pixels = [];

    private LevelPixels(float[] target, int plane)
    {
        _target = target;
        _plane = plane;
        for (int i = 0; i < target.Length / (plane * FceTargets.Channels) * plane; i++)
        {
            if (Value(i, 0) > 0 && Value(i, 2) > 0)
            {
                _pixels.Add(i);
            }
        }
    }

    /// <summary>How many there are.</summary>
    public int Count => _pixels.Count;

    /// <summary>Their labelled contours, (count, parts).</summary>
    public float[] Contours => [.. _pixels.SelectMany(i => Enumerable.Range(3, FourierContour.Parts).Select(c => Value(i, c)))];

    /// <param name="target">(B,25,h,w)</param>
    public static LevelPixels Of(Tensor target) => new(target.ToArray(), target.Shape[2] * target.Shape[3]);

    /// <summary>Weights (B,h,w) with which a sum becomes the mean over these pixels and a share of the mean over all others.</summary>
    public float[] CenterWeights(float outsideShare)
    {
        var weights = new float[_target.Length / FceTargets.Channels];
        Array.Fill(weights, outsideShare / Math.Max(weights.Length - Count, 1));
        foreach (int i in _pixels)
        {
            weights[i] = 1f / Count;
        }
        return weights;
    }

    /// <summary>Weights (count, points) with which a sum becomes the mean; pixels off the centre line count half.</summary>
    public float[] ContourWeights(int points)
    {
        var weights = new float[Count * points];
        for (int i = 0; i < Count; i++)
        {
            weights.AsSpan(i * points, points).Fill((Value(_pixels[i], 0) + Value(_pixels[i], 1)) / 2 / weights.Length);
        }
        return weights;
    }

    /// <summary>The values (count, C) of these pixels in maps (B,C,h,w).</summary>
    public Tensor Select(Tensor maps)
    {
        var pixels = FceDetector.Pixels(maps);
        var s = pixels.Shape;
        return Functional.Embedding(pixels.Reshape([s[0] * s[1], s[2]]), [.. _pixels]);
    }

    private float Value(int pixel, int channel) =>
        _target[(((pixel / _plane * FceTargets.Channels) + channel) * _plane) + (pixel % _plane)];
}
