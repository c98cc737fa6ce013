namespace Tcm.Cli.Synthesis;

/// <summary>What a polygon of the labels surrounds.</summary>
internal enum TextLevel
{
    /// <summary>A word, as ICDAR2015 labels them.</summary>
    Word,

    /// <summary>A line, as MSRA-TD500 labels them; scenes also have larger, longer and more turned text, and more Chinese.</summary>
    Line,
}

/// <summary>What scenes are made of. Equal options, fonts and backgrounds give equal scenes.</summary>
internal sealed record SceneOptions
{
    private static readonly (int, int)[] CommonSizes = [(640, 480), (640, 640), (800, 600), (1024, 768), (1280, 720), (1280, 720)];

    /// <summary>The smallest side of a scene, in pixels.</summary>
    public const int MinSide = 64;

    /// <summary>The largest side of a scene, in pixels.</summary>
    public const int MaxSide = 4096;

    /// <summary>With the number of the scene, decides everything in it.</summary>
    public long Seed { get; init; }

    /// <summary>Width and height in pixels; null draws one of the common sizes from 640x480 to 1280x720.</summary>
    public (int Width, int Height)? Size { get; init; }

    /// <summary>What polygons surround.</summary>
    public TextLevel Level { get; init; } = TextLevel.Word;

    /// <summary>Folders with pictures to place text on, searched with those below; none: backgrounds are drawn.</summary>
    public IReadOnlyList<string> BackgroundFolders { get; init; } = [];

    /// <summary>Folders with font files, searched with those below; none: the folders of the system.</summary>
    public IReadOnlyList<string> FontFolders { get; init; } = [];

    /// <summary>Whether blur, noise, shadows, darkness and compression are applied; tests compare pixels without them.</summary>
    public bool Effects { get; init; } = true;

    /// <summary>The size of a scene.</summary>
    public (int Width, int Height) ChooseSize(SceneRandom random)
    {
        var common = random.Pick(CommonSizes);
        return Size ?? common;
    }
}
