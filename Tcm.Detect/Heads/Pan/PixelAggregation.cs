using System.Numerics;

namespace Tcm.Detect.Heads.Pan;

/// <summary>
/// Pixel aggregation (PAN, section 3.4; heads.md section 3.3, steps 1 to 5): kernels are labelled, and grow over the pixels
/// of text around them, all at the same speed, as far as the embedding of a pixel is near that of the kernel.
/// The object is a workspace: it keeps its memory from one map to the next and serves one thread at a time.
/// </summary>
internal sealed class PixelAggregation
{
    /// <summary>Not text. The frame around the map is like that, too, so that neighbours need no test of the edges.</summary>
    private const int Background = -1;

    /// <summary>Text that no kernel has reached.</summary>
    private const int Unreached = 0;

    /// <summary>Part of a kernel that was not labelled yet.</summary>
    private const int Kernel = -2;

    private readonly List<AggregatedRegion> _regions = [];
    private int[] _labels = [];
    private Pixel[] _queue = [];
    private Vector4[] _means = [];
    private int _width, _height, _stride;

    /// <summary>What was found, labels 1, 2, ... in the order of the first pixels of their kernels.</summary>
    public IReadOnlyList<AggregatedRegion> Regions => _regions;

    /// <summary>Labels of row <paramref name="y"/> of the map: 1 and more; others belong to no region.</summary>
    public ReadOnlySpan<int> Row(int y) => _labels.AsSpan((y + 1) * _stride + 1, _width);

    /// <summary>Labels the pixels of one map.</summary>
    /// <param name="maps">The planes that <see cref="PanMaps"/> names, each height x width.</param>
    /// <param name="width">Columns of a plane.</param>
    /// <param name="height">Rows of a plane.</param>
    /// <param name="options">Thresholds and distance.</param>
    public void Run(ReadOnlySpan<float> maps, int width, int height, PanPostProcessingOptions options)
    {
        Begin(width, height);
        Threshold(maps, options);
        _regions.Clear();
        if (LabelKernels() > 0)
        {
            Grow(maps, SeedQueue(maps), options.Distance * options.Distance);
            Measure(maps);
        }
    }

    private void Begin(int width, int height)
    {
        _width = width;
        _height = height;
        _stride = width + 2;
        int size = checked(_stride * (height + 2));
        if (_labels.Length < size)
        {
            _labels = new int[size];
            _queue = new Pixel[width * height];
        }
        _labels.AsSpan(0, size).Fill(Background);
    }

    private void Threshold(ReadOnlySpan<float> maps, PanPostProcessingOptions options)
    {
        int plane = _width * _height;
        float least = Logit(options.TextThreshold), leastKernel = Logit(options.KernelThreshold);
        for (int y = 0; y < _height; y++)
        {
            var text = maps.Slice((PanMaps.Text * plane) + (y * _width), _width);
            var kernel = maps.Slice((PanMaps.Kernel * plane) + (y * _width), _width);
            var labels = _labels.AsSpan(((y + 1) * _stride) + 1, _width);
            for (int x = 0; x < labels.Length; x++)
            {
                if (text[x] > least)
                {
                    labels[x] = kernel[x] > leastKernel ? Kernel : Unreached;
                }
            }
        }
    }

    private static float Logit(float probability) => (float)Math.Log(probability / (1.0 - probability));

    /// <summary>Gives each 4-connected component of kernel pixels a label; returns their number.</summary>
    private int LabelKernels()
    {
        for (int y = 0; y < _height; y++)
        {
            int row = (y + 1) * _stride + 1;
            for (int x = 0; x < _width; x++)
            {
                if (_labels[row + x] == Kernel)
                {
                    _regions.Add(default);
                    Flood(row + x, _regions.Count);
                }
            }
        }
        return _regions.Count;
    }

    private void Flood(int start, int label)
    {
        int waiting = 0;
        Take(start);
        while (waiting > 0)
        {
            int at = _queue[--waiting].At;
            Take(at - 1);
            Take(at + 1);
            Take(at - _stride);
            Take(at + _stride);
        }

        void Take(int at)
        {
            if (_labels[at] == Kernel)
            {
                _labels[at] = label;
                _queue[waiting++] = new(at, 0);
            }
        }
    }

    /// <summary>
    /// The kernels' mean embeddings, and the queue with those of their pixels, row by row, that have a neighbour outside: the
    /// others have nothing to give. Returns the queue's length.
    /// </summary>
    private int SeedQueue(ReadOnlySpan<float> maps)
    {
        if (_means.Length <= _regions.Count)
        {
            _means = new Vector4[_regions.Count * 2];
        }
        _means.AsSpan(0, _regions.Count + 1).Clear();
        var counts = new int[_regions.Count + 1];
        int waiting = 0;
        for (int y = 0; y < _height; y++)
        {
            int row = (y + 1) * _stride + 1;
            for (int x = 0; x < _width; x++)
            {
                int at = row + x, label = _labels[at];
                if (label <= 0)
                {
                    continue;
                }
                int index = (y * _width) + x;
                _means[label] += Embedding(maps, index);
                counts[label]++;
                if (_labels[at - 1] <= 0 || _labels[at + 1] <= 0 || _labels[at - _stride] <= 0 || _labels[at + _stride] <= 0)
                {
                    _queue[waiting++] = new(at, index);
                }
            }
        }
        for (int i = 1; i < counts.Length; i++)
        {
            _means[i] /= counts[i];
        }
        return waiting;
    }

    private void Grow(ReadOnlySpan<float> maps, int end, float limit)
    {
        for (int next = 0; next < end; next++)
        {
            var (at, index) = _queue[next];
            int label = _labels[at];
            var mean = _means[label];
            // The order decides who gets a pixel that two could have: left, right, up, down.
            end = Take(maps, at - 1, index - 1, label, mean, limit, end);
            end = Take(maps, at + 1, index + 1, label, mean, limit, end);
            end = Take(maps, at - _stride, index - _width, label, mean, limit, end);
            end = Take(maps, at + _stride, index + _width, label, mean, limit, end);
        }
    }

    private int Take(ReadOnlySpan<float> maps, int at, int index, int label, Vector4 mean, float limit, int end)
    {
        if (_labels[at] == Unreached && Vector4.DistanceSquared(Embedding(maps, index), mean) < limit)
        {
            _labels[at] = label;
            _queue[end++] = new(at, index);
        }
        return end;
    }

    private Vector4 Embedding(ReadOnlySpan<float> maps, int index)
    {
        int plane = _width * _height, at = (PanMaps.Embedding * plane) + index;
        return new(maps[at], maps[at + plane], maps[at + (2 * plane)], maps[at + (3 * plane)]);
    }

    private void Measure(ReadOnlySpan<float> maps)
    {
        var regions = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_regions);
        regions.Fill(new AggregatedRegion { Left = int.MaxValue, Top = int.MaxValue });
        for (int y = 0; y < _height; y++)
        {
            var labels = Row(y);
            var text = maps.Slice((PanMaps.Text * _width * _height) + (y * _width), _width);
            for (int x = 0; x < labels.Length; x++)
            {
                if (labels[x] > 0)
                {
                    ref var region = ref regions[labels[x] - 1];
                    region.Count++;
                    region.Sum += 1 / (1 + MathF.Exp(-text[x]));
                    region.Left = Math.Min(region.Left, x);
                    region.Right = Math.Max(region.Right, x);
                    region.Top = Math.Min(region.Top, y);
                    region.Bottom = y;
                }
            }
        }
    }

    /// <param name="At">Index into the labels with their frame.</param>
    /// <param name="Index">Index into a plane of the map.</param>
    private readonly record struct Pixel(int At, int Index);
}
