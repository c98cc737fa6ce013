using Tcm.Detect.Pipeline;
using Tcm.Detect.Preprocessing;
using Tcm.Kernels;
using Tcm.Kernels.Components;

namespace Tcm.Detect.Heads.Db;

/// <summary>
/// DB's candidates from the device: the bits above the threshold, of which the host traces the contours, and the probabilities inside
/// the components' boxes, which are all that scoring reads. About a third of the bytes of the map where text covers little of it.
/// </summary>
internal sealed class DbReduction(DbPostProcessingOptions options) : MapReduction
{
    private readonly DbPostProcessor _processor = new(options);

    public override PictureMaps Begin(Backend backend, Slice maps, NetworkSize size)
    {
        var layout = new ComponentLayout(size.PaddedHeight, size.PaddedWidth);
        using var report = backend.Allocate(layout.Length);
        backend.Components.Report(layout, options.BinaryThreshold, maps, report.All);
        // The next picture overwrites the map before this one is known to fit into the report.
        var whole = backend.Allocate(maps.Length);
        try
        {
            backend.Copy(maps, whole.All);
            return new Candidates(_processor, backend, layout, size, backend.BeginDownload(report.All), whole);
        }
        catch
        {
            whole.Dispose();
            throw;
        }
    }

    private sealed class Candidates(DbPostProcessor processor, Backend backend, ComponentLayout layout, NetworkSize size,
        HostCopy report, Storage whole) : PictureMaps
    {
        public override bool IsCompleted => report.IsCompleted;

        public override void Wait() => report.Wait();

        public override IReadOnlyList<TextRegion> Extract(RegionExtractor extractor)
        {
            var candidates = new ComponentReport(layout, report.Wait().Span);
            if (candidates.IsComplete)
            {
                return processor.Detect(candidates, layout.Width, layout.Height, size.ScaleX, size.ScaleY);
            }
            using var maps = backend.BeginDownload(whole.All);
            return extractor(maps.Wait().Span, size);
        }

        public override void Dispose()
        {
            report.Dispose();
            whole.Dispose();
        }
    }
}
