using System.Numerics;

namespace Tcm.Detect.Datasets;

/// <summary>One labelled piece of text. Immutable; safe to share between threads.</summary>
/// <param name="Polygon">Outline in pixels of the stored picture (x right, y down), three corners or more, in either direction.</param>
/// <param name="Ignored">Don't care: neither a hit nor a miss, and no gradient inside.</param>
/// <param name="Transcription">What it says, where the label tells.</param>
public sealed record TextAnnotation(IReadOnlyList<Vector2> Polygon, bool Ignored, string? Transcription = null);

/// <summary>The labels of one picture of a dataset. Immutable; safe to share between threads.</summary>
/// <param name="Name">The picture's name in its dataset, without folder.</param>
/// <param name="ImagePath">Where the picture is, or null when only labels were read.</param>
/// <param name="Texts">Its texts, in the order of the label file.</param>
public sealed record AnnotatedImage(string Name, string? ImagePath, IReadOnlyList<TextAnnotation> Texts);
