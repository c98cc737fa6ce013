using System.Numerics;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Losses;

internal sealed unsafe partial class CpuPixelLosses
{
    private protected override void SquaredDiceCore(int images, float weight, Slice logits, Slice target, Slice mask, Slice loss,
        Slice gradient)
    {
        var job = new SquaredDiceJob
        {
            Logits = CpuBackend.Pointer(logits),
            Target = CpuBackend.Pointer(target),
            Mask = CpuBackend.Pointer(mask),
            Gradient = CpuBackend.Pointer(gradient),
            Pixels = (int)(logits.Length / images),
            Weight = weight / images,
            Losses = new double[images],
        };
        backend.Team.Run(images, ref job);
        *CpuBackend.Pointer(loss) = (float)job.Losses.Sum();
    }

    private protected override void InstanceCore(bool attraction, InstanceMaps shape, float weight, Slice embeddings, Slice regions,
        Slice kernels, Slice loss, Slice gradient)
    {
        var job = new InstanceJob
        {
            Attraction = attraction,
            Shape = shape,
            Weight = (double)weight / shape.Images,
            Embeddings = CpuBackend.Pointer(embeddings),
            Regions = CpuBackend.Pointer(regions),
            Kernels = CpuBackend.Pointer(kernels),
            Gradient = CpuBackend.Pointer(gradient),
            Losses = new double[shape.Images],
        };
        backend.Team.Run(shape.Images, ref job);
        *CpuBackend.Pointer(loss) = (float)job.Losses.Sum();
    }

    /// <summary>One image a task.</summary>
    private struct SquaredDiceJob : IJob
    {
        private const double Smooth = 0.001;

        public float* Logits, Target, Mask, Gradient;
        public int Pixels;
        public double Weight;
        public double[] Losses;

        public readonly void Run(int task)
        {
            long start = (long)task * Pixels;
            float* z = Logits + start, t = Target + start, m = Mask + start, g = Gradient + start;
            double overlap = Smooth, union = 2 * Smooth;
            for (int i = 0; i < Pixels; i++)
            {
                g[i] = 0;
                if (m[i] > 0)
                {
                    float p = 1 / (1 + MathF.Exp(-z[i]));
                    overlap += t[i] > 0 ? p : 0;
                    union += (p * p) + (t[i] > 0 ? 1 : 0);
                    g[i] = p;
                }
            }
            Losses[task] = Weight * (1 - (2 * overlap / union));
            float share = (float)(2 * overlap / union), scale = (float)(2 * Weight / union);
            for (int i = 0; i < Pixels; i++)
            {
                // d/dp, then dp/dz; where nothing counts p is 0.
                float p = g[i];
                g[i] = scale * ((share * p) - (t[i] > 0 ? 1 : 0)) * p * (1 - p);
            }
        }
    }

    /// <summary>One image a task; instances are few, so their sums are plain arrays.</summary>
    private struct InstanceJob : IJob
    {
        public bool Attraction;
        public InstanceMaps Shape;
        public double Weight;
        public float* Embeddings, Regions, Kernels, Gradient;
        public double[] Losses;

        public readonly void Run(int task)
        {
            var image = new InstanceImage(Shape, task, Embeddings, Regions, Kernels, Gradient);
            Losses[task] = Attraction ? image.Attract(Weight) : image.Repel(Weight);
            image.SpreadOverKernels();
        }
    }
}

/// <summary>The instances of one image: means of their kernels, and the gradient with respect to those.</summary>
internal readonly unsafe struct InstanceImage
{
    private readonly int _pixels, _count;
    private readonly float* _embeddings, _gradient, _regions, _kernels;
    private readonly Vector4[] _means, _slopes;
    private readonly int[] _kernelPixels, _regionPixels;

    public InstanceImage(InstanceMaps shape, int image, float* embeddings, float* regions, float* kernels, float* gradient)
    {
        _pixels = shape.Pixels;
        long pixels = (long)image * _pixels, values = InstanceMaps.Channels * pixels;
        _embeddings = embeddings + values;
        _gradient = gradient + values;
        _regions = regions + pixels;
        _kernels = kernels + pixels;
        int labels = shape.Instances + 1;
        (_means, _slopes) = (new Vector4[labels], new Vector4[labels]);
        (_kernelPixels, _regionPixels) = (new int[labels], new int[labels]);
        for (int i = 0; i < _pixels; i++)
        {
            if (Label(_kernels, i) is > 0 and var kernel)
            {
                _means[kernel] += At(_embeddings, i);
                _kernelPixels[kernel]++;
            }
            if (Label(_regions, i) is > 0 and var region)
            {
                _regionPixels[region]++;
            }
        }
        for (int k = 1; k < labels; k++)
        {
            if (Counts(k))
            {
                _means[k] /= _kernelPixels[k];
                _count++;
            }
        }
        new Span<float>(_gradient, InstanceMaps.Channels * _pixels).Clear();
    }

    /// <summary>The aggregation loss; writes its gradient with respect to the pixels and keeps that of the means.</summary>
    public double Attract(double weight)
    {
        double loss = 0;
        for (int i = 0; i < _pixels; i++)
        {
            int k = Label(_regions, i);
            if (!Counts(k))
            {
                continue;
            }
            var away = At(_embeddings, i) - _means[k];
            float distance = away.Length(), excess = Math.Max(0, distance - InstanceMaps.Inside);
            double scale = weight / ((double)_count * _regionPixels[k]);
            loss += scale * Math.Log(1 + ((double)excess * excess));
            if (excess > 0)
            {
                var slope = away * (float)(scale * 2 * excess / ((1 + ((double)excess * excess)) * distance));
                Add(i, slope);
                _slopes[k] -= slope;
            }
        }
        return loss;
    }

    /// <summary>The discrimination loss; keeps its gradient with respect to the means.</summary>
    public double Repel(double weight)
    {
        double loss = 0, scale = _count < 2 ? 0 : weight / ((double)_count * (_count - 1));
        for (int k = 1; k < _means.Length; k++)
        {
            for (int other = k + 1; other < _means.Length && Counts(k); other++)
            {
                if (!Counts(other))
                {
                    continue;
                }
                var away = _means[k] - _means[other];
                float distance = away.Length(), lack = Math.Max(0, InstanceMaps.Apart - distance);
                loss += scale * Math.Log(1 + ((double)lack * lack));
                if (lack > 0 && distance > 0)
                {
                    var slope = away * (float)(scale * 2 * lack / ((1 + ((double)lack * lack)) * distance));
                    _slopes[k] -= slope;
                    _slopes[other] += slope;
                }
            }
        }
        return loss;
    }

    /// <summary>A mean's gradient goes to the pixels that it is the mean of.</summary>
    public void SpreadOverKernels()
    {
        for (int i = 0; i < _pixels; i++)
        {
            if (Label(_kernels, i) is > 0 and var k && Counts(k))
            {
                Add(i, _slopes[k] / _kernelPixels[k]);
            }
        }
    }

    private bool Counts(int k) => k > 0 && _kernelPixels[k] > 0 && _regionPixels[k] > 0;

    private int Label(float* map, int pixel) => map[pixel] > 0 && map[pixel] < _means.Length ? (int)map[pixel] : 0;

    private Vector4 At(float* planes, int i) => new(planes[i], planes[_pixels + i], planes[(2 * _pixels) + i], planes[(3 * _pixels) + i]);

    private void Add(int i, Vector4 value)
    {
        for (int c = 0; c < InstanceMaps.Channels; c++)
        {
            _gradient[(c * _pixels) + i] += value[c];
        }
    }
}
