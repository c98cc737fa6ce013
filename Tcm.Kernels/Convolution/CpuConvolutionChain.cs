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
    /// <summary>What the bands together may take, and the packed filters: beyond, they leave no room for each other.</summary>
    private const int BandFloats = 120 * 1024, FilterBytes = 400 * 1024;

    /// <summary>Segments of an image, and the rows of one that make up for those which it computes twice.</summary>
    private const int Segments = 12, MinRowsPerSegment = 16;

    private readonly CpuBackend _backend;
    private readonly IRowStep[]? _steps;
    private readonly int _residualStep;

    public CpuConvolutionChain(CpuBackend backend, ReadOnlySpan<ConvolutionLink> links) : base(links)
    {
        _backend = backend;
        var steps = new List<IRowStep>();
        long bytes = 0;
        int channels = C;
        foreach (var (convolution, pooling, upsampled) in links)
        {
            if (convolution is not null)
            {
                steps.Add(upsampled ? Summed((CpuPreparedConvolution)convolution) : (CpuPreparedConvolution)convolution);
                _residualStep = upsampled ? steps.Count - 1 : _residualStep;
                bytes += convolution.PackedBytes;
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
        // Deep layers stream their filters from memory: for more pixels at a time than a band has.
        _steps = steps.Count > 1 && bytes <= FilterBytes && steps.All(s => s.RowGranularity > 0) ? [.. steps] : null;
    }

    public override bool WritesEarly(ImageBatch input) =>
        _steps is not null && OutputSize(input.H, input.W).P >= 2 * MinRowsPerSegment;

    private IRowStep Summed(CpuPreparedConvolution convolution) => _backend.Level switch
    {
        SimdLevel.Portable => new UpsampledSum<Floats4>(convolution),
        SimdLevel.Avx2 => new UpsampledSum<Floats8>(convolution),
        _ => new UpsampledSum<Floats16>(convolution),
    };

    /// <summary>Only where <see cref="WritesEarly"/>.</summary>
    public void RunInBands(ImageBatch input, Slice x, Slice y, Slice? residual)
    {
        int count = _steps!.Length;
        var bands = stackalloc Band[count];
        var (p, q) = OutputSize(input.H, input.W);
        int step = 2 * MinRowsPerSegment;
        long scratch;
        do
        {
            step /= 2;
            scratch = Layout(input, step, bands);
        }
        while (step > _steps[^1].RowGranularity && bands[count - 1].Start > BandFloats);
        int rows = Math.Max((p + Segments - 1) / Segments, MinRowsPerSegment);
        rows = (rows + step - 1) / step * step;
        CountMultiplyAdds(input);
        int shrunk = AddsUpsampled ? 4 : 1;
        var job = new Job
        {
            Steps = _steps,
            Bands = bands,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
            Residual = residual is { } r ? CpuBackend.Pointer(r) : null,
            ResidualStep = _residualStep,
            ResidualImage = (long)_steps[_residualStep].Channels * bands[_residualStep].P * bands[_residualStep].Q / shrunk,
            InputImage = (long)C * input.H * input.W,
            OutputImage = (long)K * p * q,
            Step = step,
            RowsPerTask = rows,
            Segments = (p + rows - 1) / rows,
            ScratchFloats = scratch,
        };
        _backend.Team.Run(input.N * job.Segments, ref job);
    }

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

    /// <summary>Fills in the bands for <paramref name="step"/> output rows at a time; returns the floats of a task.</summary>
    private long Layout(ImageBatch input, int step, Band* bands)
    {
        int h = input.H, w = input.W, count = _steps!.Length;
        for (int i = 0; i < count; i++)
        {
            (bands[i].H, bands[i].W) = (h, w);
            (h, w) = _steps[i].OutputSize(h, w);
            (bands[i].P, bands[i].Q) = (h, w);
        }
        // Rows that a band holds: what the next link reads for one step, and what is computed beyond because rows come in groups.
        int rows = step;
        for (int i = count - 1; i >= 0; i--)
        {
            int group = _steps[i].RowGranularity;
            bands[i].Rows = (rows + (2 * (group - 1))) / group * group;
            var (first, last) = _steps[i].InputRows(0, bands[i].Rows);
            rows = last - first;
        }
        long start = 0, scratch = 0;
        for (int i = 0; i < count; i++)
        {
            bands[i].Start = start;
            // An odd number of lines, so that channels do not share cache sets, after room for what is read beyond the last row.
            bands[i].Plane = ((((bands[i].Rows * (long)bands[i].Q) + 48 + 15) / 16) | 1) * 16;
            start += i == count - 1 ? 0 : (bands[i].Plane * _steps[i].Channels) + 64;
            scratch = Math.Max(scratch, _steps[i].RowScratchFloats(bands[i].W));
        }
        return start + scratch;
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

    private struct Job : IJob
    {
        public IRowStep[] Steps;
        public Band* Bands;
        public float* X, Y, Residual;
        public long InputImage, OutputImage, ResidualImage, ScratchFloats;
        public int ResidualStep, Step, RowsPerTask, Segments;

        public readonly void Run(int task)
        {
            int image = task / Segments, count = Steps.Length, p = Bands[count - 1].P;
            int first = task % Segments * RowsPerTask, last = Math.Min(first + RowsPerTask, p);
            var held = stackalloc Held[count];
            float* memory = Scratch.Get(ScratchFloats);
            for (int i = 0; i < count; i++)
            {
                held[i] = new Held { First = 0, End = 0 };
            }
            for (int row = first; row < last; row += Step)
            {
                Produce(count - 1, image, row, Math.Min(row + Step, last), held, memory);
            }
        }

        /// <summary>Output rows [first, last) of link i.</summary>
        private readonly void Produce(int i, int image, int first, int last, Held* held, float* memory)
        {
            ref readonly var band = ref Bands[i];
            var step = Steps[i];
            bool begins = i == 0, ends = i == Steps.Length - 1;
            if (!begins)
            {
                var (from, to) = step.InputRows(first, last);
                Provide(i - 1, image, Math.Max(from, 0), Math.Min(to, band.H), held, memory);
            }
            var call = new CpuConvolutionCall
            {
                X = begins ? X + (image * InputImage) : Origin(i - 1, held, memory),
                XBand = begins ? 0 : (nint)Bands[i - 1].Plane,
                Y = ends ? Y + (image * OutputImage) : Origin(i, held, memory),
                YBand = ends ? 0 : (nint)band.Plane,
                Residual = i == ResidualStep && Residual != null ? Residual + (image * ResidualImage) : null,
            };
            step.Rows(step.Describe(call, band.H, band.W), first, last, memory + Bands[Steps.Length - 1].Start);
        }

        /// <summary>Makes the band of link i hold rows [first, last).</summary>
        private readonly void Provide(int i, int image, int first, int last, Held* held, float* memory)
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
            Produce(i, image, begin, end, held, memory);
        }

        /// <summary>Where row 0 of the first channel would lie.</summary>
        private readonly float* Origin(int i, Held* held, float* memory) =>
            memory + Bands[i].Start - ((long)held[i].First * Bands[i].Q);
    }
}
