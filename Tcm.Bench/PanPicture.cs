using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Heads.Pan;

namespace Tcm.Bench;

/// <summary>What PAN's network might say of a made picture: maps (6, height/4, width/4) without the network.</summary>
internal static class PanPicture
{
    private const float Sure = 4;

    /// <summary>Logits as the labels are, and for each text an embedding of its own with a little noise.</summary>
    /// <param name="texts">Outlines in pixels of the network's input.</param>
    /// <param name="width">Columns of the network's input, a multiple of 32.</param>
    /// <param name="height">Rows of the network's input, a multiple of 32.</param>
    public static float[] Of(IEnumerable<Vector2[]> texts, int width, int height)
    {
        int columns = width / PanMaps.Stride, rows = height / PanMaps.Stride, plane = columns * rows;
        float[] regions = new float[width * height], kernels = new float[width * height], mask = new float[width * height];
        PanTargets.Draw([.. texts.Select(t => new TextAnnotation(t, false))], height, width, regions, kernels, mask);
        var maps = new float[PanMaps.Channels * plane];
        var noise = new Random(2);
        for (int i = 0; i < plane; i++)
        {
            int at = (i / columns * PanMaps.Stride * width) + (i % columns * PanMaps.Stride);
            maps[(PanMaps.Text * plane) + i] = regions[at] > 0 ? Sure : -Sure;
            maps[(PanMaps.Kernel * plane) + i] = kernels[at] > 0 ? Sure : -Sure;
            var place = new Random((int)regions[at]);
            for (int c = 0; c < PanMaps.EmbeddingWidth; c++)
            {
                maps[((PanMaps.Embedding + c) * plane) + i] = (6 * place.NextSingle()) + (0.1f * noise.NextSingle());
            }
        }
        return maps;
    }
}
