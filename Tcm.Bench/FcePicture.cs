using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Heads.Fce;

namespace Tcm.Bench;

/// <summary>What FCENet's network might say of a made picture: maps (positions, 26) without the network.</summary>
internal static class FcePicture
{
    private const float Sure = 4;

    /// <summary>
    /// Every pixel of a text votes for its outline, each a little differently, as a network does; elsewhere is no text.
    /// </summary>
    /// <param name="texts">Outlines in pixels of the network's input.</param>
    /// <param name="width">Columns of the network's input, a multiple of 32.</param>
    /// <param name="height">Rows of the network's input, a multiple of 32.</param>
    public static float[] Of(IEnumerable<Vector2[]> texts, int width, int height)
    {
        TextAnnotation[] labels = [.. texts.Select(t => new TextAnnotation(t, false))];
        var random = new Random(2);
        var maps = new float[FceLevel.Positions(height, width) * FceLevel.Values];
        var rest = maps.AsSpan();
        for (int level = 0; level < FceLevel.Strides.Count; level++)
        {
            int plane = height / FceLevel.Strides[level] * (width / FceLevel.Strides[level]);
            var target = new float[FceTargets.Channels * plane];
            FceTargets.DrawLevel(labels, height, width, level, target);
            for (int at = 0; at < plane; at++)
            {
                bool isText = target[at] > 0;
                var pixel = rest.Slice(at * FceLevel.Values, FceLevel.Values);
                Classify(pixel, isText, random);
                for (int part = 0; isText && part < FourierContour.Parts; part++)
                {
                    pixel[FceLevel.Classes + part] = target[((3 + part) * plane) + at] + Noise(random, 0.05f);
                }
            }
            rest = rest[(plane * FceLevel.Values)..];
        }
        return maps;
    }

    /// <summary>The worst case: every pixel of every level is text and votes for a slanted oval of its own around itself.</summary>
    /// <param name="width">Columns of the network's input, a multiple of 32.</param>
    /// <param name="height">Rows of the network's input, a multiple of 32.</param>
    /// <param name="noise">Of the higher frequencies, in pixels of the level; outlines cross themselves where it is large.</param>
    public static float[] Flooded(int width, int height, float noise)
    {
        var random = new Random(3);
        var maps = new float[FceLevel.Positions(height, width) * FceLevel.Values];
        for (int i = 0; i < maps.Length; i += FceLevel.Values)
        {
            var pixel = maps.AsSpan(i, FceLevel.Values);
            Classify(pixel, true, random);
            var real = pixel.Slice(FceLevel.Classes, FourierContour.Coefficients);
            var imaginary = pixel[(FceLevel.Classes + FourierContour.Coefficients)..];
            for (int j = 0; j < FourierContour.Coefficients; j++)
            {
                (real[j], imaginary[j]) = (Noise(random, noise), Noise(random, noise));
            }
            // c_1 e^(it) + c_-1 e^(-it): an ellipse with half axes |c_1| + |c_-1| and |c_1| - |c_-1|.
            real[FourierContour.Degree + 1] += 3;
            var (sin, cos) = MathF.SinCos(random.NextSingle() * MathF.PI);
            real[FourierContour.Degree - 1] += 2 * cos;
            imaginary[FourierContour.Degree - 1] += 2 * sin;
        }
        return maps;
    }

    private static void Classify(Span<float> pixel, bool isText, Random random)
    {
        // Scores differ, so that there is an order.
        float logit = isText ? Sure + Noise(random, 1) : -Sure;
        (pixel[1], pixel[3]) = (logit, logit);
    }

    private static float Noise(Random random, float most) => ((random.NextSingle() * 2) - 1) * most;
}
