using System.Numerics;
using Tcm.Detect.Datasets;
using Tcm.Detect.Heads.Db;

namespace Tcm.Bench;

/// <summary>What DBNet's network might say of a made picture: a probability map without the network.</summary>
internal static class DbPicture
{
    private const float Sure = 0.9f;

    /// <summary>Sure inside the shrunk outlines, nothing elsewhere.</summary>
    /// <param name="texts">Outlines in pixels of the network's input.</param>
    /// <param name="width">Columns of the network's input.</param>
    /// <param name="height">Rows of the network's input.</param>
    public static float[] Of(IEnumerable<Vector2[]> texts, int width, int height)
    {
        float[] shrink = new float[width * height], mask = new float[width * height], rest = new float[2 * width * height];
        DbTargets.Draw([.. texts.Select(t => new TextAnnotation(t, false))], height, width, shrink, mask,
            rest.AsSpan(0, width * height), rest.AsSpan(width * height));
        return Array.ConvertAll(shrink, label => label > 0 ? Sure : 0);
    }
}
