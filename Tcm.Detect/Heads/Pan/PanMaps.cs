namespace Tcm.Detect.Heads.Pan;

/// <summary>What the network says at each pixel of stride 4: two logits and an embedding, one plane each.</summary>
internal static class PanMaps
{
    /// <summary>Network pixels per pixel of the maps.</summary>
    public const int Stride = 4;

    /// <summary>Logit of "inside a text".</summary>
    public const int Text = 0;

    /// <summary>Logit of "inside the shrunk kernel of a text".</summary>
    public const int Kernel = 1;

    /// <summary>First channel of the embedding, whose distances tell texts from each other.</summary>
    public const int Embedding = 2;

    /// <summary>Channels of the embedding.</summary>
    public const int EmbeddingWidth = 4;

    /// <summary>All channels.</summary>
    public const int Channels = Embedding + EmbeddingWidth;
}
