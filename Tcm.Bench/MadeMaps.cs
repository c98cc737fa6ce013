using System.Numerics;

namespace Tcm.Bench;

/// <summary>Maps of a made picture as the network of each head would give them, for measurements without a network.</summary>
internal static class MadeMaps
{
    /// <summary>The maps that a head's post-processing takes.</summary>
    /// <param name="head">Name of the head.</param>
    /// <param name="texts">Outlines in pixels of the network's input.</param>
    /// <param name="width">Columns of the network's input, a multiple of 32.</param>
    /// <param name="height">Rows of the network's input, a multiple of 32.</param>
    public static float[] Of(string head, IEnumerable<Vector2[]> texts, int width, int height) => head switch
    {
        "db" => DbPicture.Of(texts, width, height),
        "pan" => PanPicture.Of(texts, width, height),
        "fce" => FcePicture.Of(texts, width, height),
        _ => throw new NotSupportedException($"no made maps for the head {head}"),
    };
}
