using System.ComponentModel.DataAnnotations;

namespace Tcm.Samples.Service;

/// <summary>Section <c>Service</c> of the configuration: <c>--Service:Workers 4</c>, or <c>Service__Workers=4</c> in the environment.</summary>
internal sealed class ServiceOptions
{
    /// <summary>Weights; the shipped model where there are none.</summary>
    public string? Weights { get; set; }

    /// <summary><c>cpu</c>, <c>cuda:i</c>, <c>opencl:i</c> or <c>auto</c>.</summary>
    public string Device { get; set; } = "cpu";

    /// <summary>Threads of the CPU, 0 for one a core.</summary>
    public int Threads { get; set; }

    /// <summary>Pictures are resized so that the shorter side has this many pixels ...</summary>
    public int ShortSide { get; set; } = 736;

    /// <summary>... unless the longer side would have more than this many.</summary>
    public int MaxSide { get; set; } = 2048;

    /// <summary>Bytes of one picture.</summary>
    [Range(1, 1 << 30)]
    public int MaxFileBytes { get; set; } = 20 << 20;

    /// <summary>Pixels of one picture; decoded, each takes 7 bytes for a moment.</summary>
    [Range(1, 200_000_000)]
    public long MaxPixels { get; set; } = 40_000_000;

    /// <summary>Pictures of one request.</summary>
    [Range(1, 100)]
    public int MaxFiles { get; set; } = 8;

    /// <summary>Pictures that are decoded and detected in at a time. The network uses all cores for each; with two, one is decoded
    /// while the other is in the network.</summary>
    [Range(1, 256)]
    public int Workers { get; set; } = 2;

    /// <summary>Requests that may wait, their pictures in memory; those beyond are answered with 503 at once.</summary>
    [Range(0, 10_000)]
    public int Queue { get; set; } = 16;

    /// <summary>Seconds in which a picture of <see cref="MaxFileBytes"/> must be able to arrive: the slowest sender that is waited for.</summary>
    [Range(1, 3600)]
    public int UploadSeconds { get; set; } = 30;

    /// <summary>Pictures whose maps are kept for the page's sliders, some 4 MB each; the oldest goes first.</summary>
    [Range(0, 10_000)]
    public int KeptPictures { get; set; } = 16;

    /// <summary>Minutes after which maps go when nobody asked for them.</summary>
    [Range(1, 1440)]
    public int KeptMinutes { get; set; } = 15;
}
