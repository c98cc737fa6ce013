using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Convolution;

/// <summary>
/// A chain whose links run on bands of rows, one band through all of them before the next, so that what lies between two links
/// stays in the second-level cache. Links ask for their input rows backwards: where a band does not hold what a link needs, it
/// keeps the rows that are still needed and has the others computed behind them. A task is a segment of the output, from whose
/// first row on it goes down; only at the seams are rows computed twice, by two tasks.
///   row r of channel c of a band lies at band + c * plane + (r - first row held) * columns
/// </summary>
internal sealed unsafe class CpuConvolutionChain : ConvolutionChain
{
    /// <summary>
    /// What the bands together may take, and the packed filters. Bands may be somewhat larger than a second-level cache: of more rows
    /// at a time fewer are moved on to the next step, and they fill Winograd's blocks of tiles better (5 % of a stage).
    /// </summary>
    private const int BandFloats = 280 * 1024, FilterBytes = 400 * 1024;

    /// <summary>Segments of an image, and the rows of one that make up for those which it computes twice.</summary>
    private const int Segments = 12, MinRowsPerSegment = 16;

    private readonly CpuBackend _backend;
    private readonly IRowStep[]? _steps;
    private readonly int _residualStep;
    private readonly bool _suits;

    public CpuConvolutionChain(CpuBackend backend, ReadOnlySpan<ConvolutionLink> links, ConvolutionChain? shortcut) : base(links, shortcut)
    {
        _backend = backend;
        var steps = new List<IRowStep>();
        int channels = C;
        foreach (var (convolution, pooling, upsampled) in links)
        {
            if (convolution is not null)
            {
                steps.Add(upsampled ? Summed((CpuPreparedConvolution)convolution) : (CpuPreparedConvolution)convolution);
                _residualStep = upsampled ? steps.Count - 1 : _residualStep;
                channels = convolution.Filter.K;
            }
            if (pooling > 1)
            {
                steps.Add(backend.Level switch
                {
                    SimdLevel.Portable => new RowPooling<Floats4>(channels, pooling),
                    SimdLevel.Avx2 => new RowPooling<Floats8>(channels, pooling),
                    _ => new RowPooling<Floats16>(channels, pooling),
                });
            }
        }
        _residualStep = AddsUpsampled ? _residualStep : steps.Count - 1;
        _steps = steps.All(s => s.RowGranularity > 0) ? [.. steps] : null;
        // Deep layers stream their filters from memory: for more pixels at a time than a band has.
        _suits = _steps?.Length > 1 && PackedBytes + (shortcut?.PackedBytes ?? 0) <= FilterBytes
            && (shortcut is null || ((CpuConvolutionChain)shortcut)._steps?[^1].RowGranularity == 1);
    }

    /// <summary>Whether bands pay for images of this size.</summary>
    public bool RunsInBands(ImageBatch input) => _suits && OutputSize(input.H, input.W).P >= 2 * MinRowsPerSegment;

    public override bool WritesEarly(ImageBatch input) => RunsInBands(input) || base.WritesEarly(input);

    private IRowStep Summed(CpuPreparedConvolution convolution) => _backend.Level switch
    {
        SimdLevel.Portable => new UpsampledSum<Floats4>(convolution),
        SimdLevel.Avx2 => new UpsampledSum<Floats8>(convolution),
        _ => new UpsampledSum<Floats16>(convolution),
    };

    /// <summary>Only where <see cref="RunsInBands"/>.</summary>
    public void RunInBands(ImageBatch input, Slice x, Slice y, Slice? residual)
    {
        var shortcut = (CpuConvolutionChain?)Shortcut;
        var bands = stackalloc Band[_steps!.Length];
        var besides = stackalloc Band[shortcut?._steps!.Length ?? 0];
        var (p, q) = OutputSize(input.H, input.W);
        int step = 2 * MinRowsPerSegment;
        long floats, beside, scratch;
        do
        {
            step /= 2;
            scratch = 0;
            floats = Layout(_steps, input, step, bands, ref scratch);
            beside = shortcut is null ? 0 : Layout(shortcut._steps!, input, step, besides, ref scratch);
        }
        while (step > _steps[^1].RowGranularity && floats + beside > BandFloats);
        int rows = Math.Max((p + Segments - 1) / Segments, MinRowsPerSegment);
        rows = (rows + step - 1) / step * step;
        CountMultiplyAdds(input);
        shortcut?.CountMultiplyAdds(input);
        var job = new Job
        {
            Chain = Rows(_steps, bands, input, x, y),
            Shortcut = shortcut is null ? default : Rows(shortcut._steps!, besides, input, x, y),
            ShortcutMemory = floats,
            ScratchMemory = floats + beside,
            Floats = floats + beside + scratch,
            Step = step,
            RowsPerTask = rows,
            Segments = (p + rows - 1) / rows,
            P = p,
        };
        // What the shortcut has written is the residual.
        job.Chain.Residual = shortcut is not null ? job.Chain.Y : residual is { } r ? CpuBackend.Pointer(r) : null;
        job.Chain.ResidualStep = _residualStep;
        job.Chain.ResidualImage =
            (long)_steps[_residualStep].Channels * bands[_residualStep].P * bands[_residualStep].Q / (AddsUpsampled ? 4 : 1);
        _backend.Team.Run(input.N * job.Segments, ref job);
    }

    private RowChain Rows(IRowStep[] steps, Band* bands, ImageBatch input, Slice x, Slice y) => new()
    {
        Steps = steps,
        Bands = bands,
        X = CpuBackend.Pointer(x),
        Y = CpuBackend.Pointer(y),
        InputImage = (long)C * input.H * input.W,
        OutputImage = (long)K * bands[steps.Length - 1].P * bands[steps.Length - 1].Q,
    };

    private void CountMultiplyAdds(ImageBatch input)
    {
        foreach (var (convolution, pooling, _) in Links)
        {
            if (convolution is not null)
            {
                Backend.CountMultiplyAdds(convolution.MultiplyAdds(input));
            }
            var (h, w) = convolution?.OutputSize(input.H, input.W) ?? (input.H, input.W);
            input = new ImageBatch(input.N, h / pooling, w / pooling);
        }
    }

    /// <summary>Fills in the bands for <paramref name="step"/> output rows at a time; returns the floats of all of them.</summary>
    private static long Layout(IRowStep[] steps, ImageBatch input, int step, Band* bands, ref long scratch)
    {
        int h = input.H, w = input.W, count = steps.Length;
        for (int i = 0; i < count; i++)
        {
            (bands[i].H, bands[i].W) = (h, w);
            (h, w) = steps[i].OutputSize(h, w);
            (bands[i].P, bands[i].Q) = (h, w);
        }
        // Rows that a band holds: what the next link reads for one step, and what is computed beyond because rows come in groups.
        int rows = step;
        for (int i = count - 1; i >= 0; i--)
        {
            int group = steps[i].RowGranularity;
            bands[i].Rows = (rows + (2 * (group - 1))) / group * group;
            var (first, last) = steps[i].InputRows(0, bands[i].Rows);
            rows = last - first;
        }
        long start = 0;
        for (int i = 0; i < count; i++)
        {
            bands[i].Start = start;
            // An odd number of lines, so that channels do not share cache sets, after room for what is read beyond the last row.
            bands[i].Plane = ((((bands[i].Rows * (long)bands[i].Q) + 48 + 15) / 16) | 1) * 16;
            start += i == count - 1 ? 0 : (bands[i].Plane * steps[i].Channels) + 64;
            scratch = Math.Max(scratch, steps[i].RowScratchFloats(bands[i].W));
        }
        return start;
    }

    /// <summary>A link's sizes, and where its result's rows lie: after the bands of the links before.</summary>
    private struct Band
    {
        public int H, W, P, Q, Rows;
        public long Start, Plane;
    }

    /// <summary>The rows that a band holds now.</summary>
    private struct Held
    {
        public int First, End;
    }

    /// <summary>A task: a segment of the output, step by step.</summary>
    private struct Job : IJob
    {
        public RowChain Chain, Shortcut;
        public long ShortcutMemory, ScratchMemory, Floats;
        public int Step, RowsPerTask, Segments, P;

        public readonly void Run(int task)
        {
            int image = task / Segments, links = Chain.Steps.Length, besides = Shortcut.Steps?.Length ?? 0;
            int first = task % Segments * RowsPerTask, last = Math.Min(first + RowsPerTask, P);
            var held = stackalloc Held[links + besides];
            new Span<Held>(held, links + besides).Clear();
            float* memory = Scratch.Get(Floats), scratch = memory + ScratchMemory;
            for (int row = first; row < last; row += Step)
            {
                int end = Math.Min(row + Step, last);
                if (besides > 0)
                {
                    Shortcut.Produce(besides - 1, image, row, end, held + links, memory + ShortcutMemory, scratch);
                }
                Chain.Produce(links - 1, image, row, end, held, memory, scratch);
            }
        }
    }

    /// <summary>Links with their bands, from one map to another.</summary>
    private struct RowChain
    {
        public IRowStep[] Steps;
        public Band* Bands;
        public float* X, Y, Residual;
        public long InputImage, OutputImage, ResidualImage;
        public int ResidualStep;

        /// <summary>Output rows [first, last) of link i.</summary>
        public readonly void Produce(int i, int image, int first, int last, Held* held, float* memory, float* scratch)
        {
            ref readonly var band = ref Bands[i];
            var step = Steps[i];
            bool begins = i == 0, ends = i == Steps.Length - 1;
            if (!begins)
            {
                var (from, to) = step.InputRows(first, last);
                Provide(i - 1, image, Math.Max(from, 0), Math.Min(to, band.H), held, memory, scratch);
            }
            var call = new CpuConvolutionCall
            {
                X = begins ? X + (image * InputImage) : Origin(i - 1, held, memory),
                XBand = begins ? 0 : (nint)Bands[i - 1].Plane,
                Y = ends ? Y + (image * OutputImage) : Origin(i, held, memory),
                YBand = ends ? 0 : (nint)band.Plane,
                Residual = i == ResidualStep && Residual != null ? Residual + (image * ResidualImage) : null,
            };
            step.Rows(step.Describe(call, band.H, band.W), first, last, scratch);
        }

        /// <summary>Makes the band of link i hold rows [first, last).</summary>
        private readonly void Provide(int i, int image, int first, int last, Held* held, float* memory, float* scratch)
        {
            ref readonly var band = ref Bands[i];
            ref var rows = ref held[i];
            if (first >= rows.First && last <= rows.End)
            {
                return;
            }
            int group = Steps[i].RowGranularity, kept = Math.Max(rows.End - first, 0), q = band.Q;
            if (kept == 0)
            {
                first = first / group * group;
                rows.End = first;
            }
            else
            {
                float* source = memory + band.Start + ((long)(first - rows.First) * q), target = memory + band.Start;
                for (int c = Steps[i].Channels; c > 0; c--, source += band.Plane, target += band.Plane)
                {
                    new ReadOnlySpan<float>(source, kept * q).CopyTo(new Span<float>(target, kept * q));
                }
            }
            rows.First = first;
            int end = Math.Min((last + group - 1) / group * group, band.P), begin = rows.End;
            rows.End = end;
            Produce(i, image, begin, end, held, memory, scratch);
        }

        /// <summary>Where row 0 of the first channel would lie.</summary>
        private readonly float* Origin(int i, Held* held, float* memory) =>
            memory + Bands[i].Start - ((long)held[i].First * Bands[i].Q);
    }
}
