using System.Runtime.CompilerServices;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Normalization;

/// <summary>
/// BatchNorm2d on the CPU; a task is a channel. Forward: mean, then squared distances (planes of one image at a time, their
/// sums added in double), then one pass for result, residual and ReLU. Backward: one pass that masks dy and sums, one for dx.
/// </summary>
internal sealed unsafe class CpuBatchNormalization(CpuBackend backend) : BatchNormalization
{
    private protected override void ForwardCore(BatchNormShape shape, Activation activation, Slice x, Slice gamma, Slice beta,
        Slice? residual, Slice runningMean, Slice runningVar, Slice y, Slice mean, Slice invStd)
    {
        var job = new Pointers
        {
            Shape = shape,
            Relu = activation == Activation.Relu,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
            Residual = residual is { } r ? CpuBackend.Pointer(r) : null,
            Gamma = CpuBackend.Pointer(gamma),
            Beta = CpuBackend.Pointer(beta),
            Mean = CpuBackend.Pointer(mean),
            InvStd = CpuBackend.Pointer(invStd),
            RunningMean = CpuBackend.Pointer(runningMean),
            RunningVar = CpuBackend.Pointer(runningVar),
        };
        switch (backend.Level)
        {
            case SimdLevel.Portable: Run(new Forward<Floats4> { P = job }); break;
            case SimdLevel.Avx2: Run(new Forward<Floats8> { P = job }); break;
            default: Run(new Forward<Floats16> { P = job }); break;
        }

        void Run<TJob>(TJob channels) where TJob : struct, IJob => backend.Team.Run(shape.C, ref channels);
    }

    private protected override void BackwardCore(BatchNormShape shape, Activation activation, Slice x, Slice y, Slice gamma,
        Slice mean, Slice invStd, Slice dy, Slice dx, Slice dgamma, Slice dbeta)
    {
        var job = new Pointers
        {
            Shape = shape,
            Relu = activation == Activation.Relu,
            X = CpuBackend.Pointer(x),
            Y = CpuBackend.Pointer(y),
            Gamma = CpuBackend.Pointer(gamma),
            Mean = CpuBackend.Pointer(mean),
            InvStd = CpuBackend.Pointer(invStd),
            Dy = CpuBackend.Pointer(dy),
            Dx = CpuBackend.Pointer(dx),
            Dgamma = CpuBackend.Pointer(dgamma),
            Dbeta = CpuBackend.Pointer(dbeta),
        };
        switch (backend.Level)
        {
            case SimdLevel.Portable: Run(new Backward<Floats4> { P = job }); break;
            case SimdLevel.Avx2: Run(new Backward<Floats8> { P = job }); break;
            default: Run(new Backward<Floats16> { P = job }); break;
        }

        void Run<TJob>(TJob channels) where TJob : struct, IJob => backend.Team.Run(shape.C, ref channels);
    }

    private struct Pointers
    {
        public BatchNormShape Shape;
        public bool Relu;
        public float* X, Y, Residual, Gamma, Beta, Mean, InvStd, RunningMean, RunningVar, Dy, Dx, Dgamma, Dbeta;

        public readonly long Plane(int image, int channel) => (((long)image * Shape.C) + channel) * Shape.Pixels;
    }

    private struct Forward<T> : IJob where T : struct, IFloatVector<T>
    {
        public Pointers P;

        public readonly void Run(int channel)
        {
            var shape = P.Shape;
            double mean, variance;
            if (shape.Training)
            {
                long count = (long)shape.N * shape.Pixels;
                double sum = 0, squares = 0;
                for (int image = 0; image < shape.N; image++)
                {
                    sum += RowSums.Sum<T>(P.X + P.Plane(image, channel), shape.Pixels);
                }
                mean = sum / count;
                for (int image = 0; image < shape.N; image++)
                {
                    squares += RowSums.SquaredDistance<T>(P.X + P.Plane(image, channel), shape.Pixels, (float)mean);
                }
                variance = squares / count;
                P.RunningMean[channel] += shape.Momentum * ((float)mean - P.RunningMean[channel]);
                P.RunningVar[channel] += shape.Momentum * ((float)(squares / (count - 1)) - P.RunningVar[channel]);
            }
            else
            {
                mean = P.RunningMean[channel];
                variance = P.RunningVar[channel];
            }
            double invStd = 1 / Math.Sqrt(variance + shape.Eps);
            P.Mean[channel] = (float)mean;
            P.InvStd[channel] = (float)invStd;
            float scale = (float)(P.Gamma[channel] * invStd), shift = (float)(P.Beta[channel] - (mean * P.Gamma[channel] * invStd));
            for (int image = 0; image < shape.N; image++)
            {
                long plane = P.Plane(image, channel);
                Apply(P.X + plane, P.Residual == null ? null : P.Residual + plane, P.Y + plane, shape.Pixels, scale, shift, P.Relu);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Apply(float* x, float* residual, float* y, nint count, float scale, float shift, bool relu)
        {
            T a = T.Create(scale), b = T.Create(shift), floor = T.Create(relu ? 0 : float.NegativeInfinity);
            for (nint i = 0; i < count; i += T.Count)
            {
                T v = T.MultiplyAdd(T.Load(x + i), a, b);
                if (residual != null)
                {
                    v += T.Load(residual + i);
                }
                v = T.Max(floor, v);
                if (count - i >= T.Count)
                {
                    v.Store(y + i);
                }
                else
                {
                    v.StorePart(y + i, count - i);
                }
            }
        }
    }

    private struct Backward<T> : IJob where T : struct, IFloatVector<T>
    {
        public Pointers P;

        public readonly void Run(int channel)
        {
            var shape = P.Shape;
            float mean = P.Mean[channel], invStd = P.InvStd[channel];
            double sum = 0, product = 0;
            for (int image = 0; image < shape.N; image++)
            {
                long plane = P.Plane(image, channel);
                var (s, p) = MaskAndSum(P.X + plane, P.Relu ? P.Y + plane : null, P.Dy + plane, shape.Pixels, mean);
                sum += s;
                product += p;
            }
            product *= invStd;
            P.Dbeta[channel] = (float)sum;
            P.Dgamma[channel] = (float)product;
            // dx = gamma invStd (dy - mean(dy) - xhat mean(dy xhat)); with fixed statistics the means are no part of it.
            double count = shape.Training ? (double)shape.N * shape.Pixels : double.PositiveInfinity;
            double factor = P.Gamma[channel] * (double)invStd;
            float a = (float)factor, b = (float)(-factor * product / count * invStd);
            float c = (float)((-factor * sum / count) - (b * (double)mean));
            for (int image = 0; image < shape.N; image++)
            {
                long plane = P.Plane(image, channel);
                Combine(P.Dy + plane, P.X + plane, P.Dx + plane, shape.Pixels, a, b, c);
            }
        }

        /// <summary>dy = y > 0 ? dy : 0 (where y is given); sums of dy and of dy * (x - mean).</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static (float Sum, float Product) MaskAndSum(float* x, float* y, float* dy, nint count, float mean)
        {
            T zero = T.Create(0), centre = T.Create(mean), s0 = zero, s1 = zero, p0 = zero, p1 = zero;
            nint i = 0;
            for (; i <= count - (2 * T.Count); i += 2 * T.Count)
            {
                T d0 = T.Load(dy + i), d1 = T.Load(dy + i + T.Count);
                if (y != null)
                {
                    d0 = T.SelectGreater(T.Load(y + i), zero, d0, zero);
                    d1 = T.SelectGreater(T.Load(y + i + T.Count), zero, d1, zero);
                    d0.Store(dy + i);
                    d1.Store(dy + i + T.Count);
                }
                s0 += d0;
                s1 += d1;
                p0 = T.MultiplyAdd(d0, T.Load(x + i) - centre, p0);
                p1 = T.MultiplyAdd(d1, T.Load(x + i + T.Count) - centre, p1);
            }
            float sum = T.Sum(s0 + s1), product = T.Sum(p0 + p1);
            for (; i < count; i++)
            {
                dy[i] = y == null || y[i] > 0 ? dy[i] : 0;
                sum += dy[i];
                product += dy[i] * (x[i] - mean);
            }
            return (sum, product);
        }

        /// <summary>dx = a dy + b x + c</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Combine(float* dy, float* x, float* dx, nint count, float a, float b, float c)
        {
            T va = T.Create(a), vb = T.Create(b), vc = T.Create(c);
            for (nint i = 0; i < count; i += T.Count)
            {
                T v = T.MultiplyAdd(T.Load(dy + i), va, T.MultiplyAdd(T.Load(x + i), vb, vc));
                if (count - i >= T.Count)
                {
                    v.Store(dx + i);
                }
                else
                {
                    v.StorePart(dx + i, count - i);
                }
            }
        }
    }
}
