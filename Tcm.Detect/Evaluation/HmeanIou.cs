using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Detect.Evaluation;

/// <summary>
/// The protocol "hmean-iou" (training-and-eval.md section 7): detections are matched to texts one to one, first fit, by an
/// intersection over union above 0.5; a detection that lies by more than half on don't-care text does not count. Thread-safe.
/// </summary>
public static class HmeanIou
{
    private const double MatchingOverlap = 0.5, IgnoredShare = 0.5, LeastScore = 0.3;

    /// <summary>
    /// The best result over the thresholds 0.3, 0.4, ... 0.9, the lowest of equals. Detections with a score of 0.3 or less are
    /// discarded.
    /// </summary>
    /// <param name="images">Labels.</param>
    /// <param name="detections">For each picture, in the order of the post-processor.</param>
    public static EvaluationResult BestOverThresholds(IReadOnlyList<AnnotatedImage> images,
        IReadOnlyList<IReadOnlyList<Detection>> detections)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(detections);
        var pictures = Prepare(images, detections, d => d.Score > LeastScore);
        EvaluationResult? best = null;
        for (int i = 3; i < 10; i++)
        {
            var result = At(i * 0.1, pictures);
            best = best is null || result.Hmean > best.Hmean ? result : best;
        }
        return best!;
    }

    /// <summary>The result of all detections as they are: the official ICDAR2015 form.</summary>
    public static EvaluationResult OfFixedSet(IReadOnlyList<AnnotatedImage> images,
        IReadOnlyList<IReadOnlyList<Detection>> detections)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(detections);
        return At(null, Prepare(images, detections, _ => true));
    }

    internal static EvaluationResult At(double? threshold, IReadOnlyList<Picture> pictures) =>
        new(threshold, [.. pictures.Select(p => p.Judge(threshold))]);

    internal static IReadOnlyList<Picture> Prepare(IReadOnlyList<AnnotatedImage> images,
        IReadOnlyList<IReadOnlyList<Detection>> detections, Func<Detection, bool> keep)
    {
        if (images.Count != detections.Count)
        {
            throw new TcmException($"evaluation: {images.Count} pictures with labels, {detections.Count} with detections");
        }
        return [.. images.Zip(detections, (image, found) => new Picture(image, [.. found.Where(keep)]))];
    }

    /// <summary>One picture with the overlaps of its texts and detections, which no threshold changes.</summary>
    internal sealed class Picture
    {
        private readonly AnnotatedImage _image;
        private readonly TextAnnotation[] _care;
        private readonly Detection[] _detections;
        private readonly bool[] _ignored;

        public Picture(AnnotatedImage image, Detection[] detections)
        {
            _image = image;
            _detections = detections;
            _care = [.. image.Texts.Where(t => !t.Ignored)];
            var found = detections.Select(d => new PolygonOverlap(d.Polygon)).ToArray();
            var ignored = image.Texts.Where(t => t.Ignored).Select(t => new PolygonOverlap(t.Polygon)).ToArray();
            _ignored = [.. found.Select(d => d.Area > 0 && ignored.Any(t => t.Intersection(d) / d.Area > IgnoredShare))];
            Overlaps = [.. _care.Select(t => new PolygonOverlap(t.Polygon))
                .Select(t => found.Select(t.IntersectionOverUnion).ToArray())];
        }

        /// <summary>Intersection over union of each text that counts and each detection.</summary>
        public double[][] Overlaps { get; }

        public ImageResult Judge(double? threshold)
        {
            var texts = new bool[_care.Length];
            var hits = new bool[_detections.Length];
            int matched = 0;
            for (int t = 0; t < texts.Length; t++)
            {
                for (int d = 0; d < hits.Length && !texts[t]; d++)
                {
                    if (Counts(d) && !hits[d] && !_ignored[d] && Overlaps[t][d] > MatchingOverlap)
                    {
                        texts[t] = hits[d] = true;
                        matched++;
                    }
                }
            }
            var judged = new List<(Detection, Verdict)>();
            for (int d = 0; d < hits.Length; d++)
            {
                if (Counts(d))
                {
                    judged.Add((_detections[d], hits[d] ? Verdict.Hit : _ignored[d] ? Verdict.Ignored : Verdict.FalsePositive));
                }
            }
            return new ImageResult(_image.Name, matched, texts.Length, judged.Count(j => j.Item2 != Verdict.Ignored), judged,
                [.. _care.Where((_, t) => !texts[t]).Select(t => t.Polygon)]);

            bool Counts(int d) => threshold is null || _detections[d].Score >= threshold;
        }
    }
}
