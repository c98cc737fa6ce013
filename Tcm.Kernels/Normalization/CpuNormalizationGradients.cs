using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Normalization;

/// <summary>Gradients of the row normalisations on the CPU; a task is some rows, and for the parameters of LayerNorm some columns.</summary>
internal sealed unsafe partial class CpuNormalization
{
    private const int ValuesPerGradientTask = 8192;

    private enum Rule
    {
        LayerNorm,
        L2Normalize,
        Softmax,
    }

    private protected override void LayerNormBackwardCore(int rows, int columns, float eps, Slice x, Slice gamma, Slice dy, Slice dx,
        Slice dgamma, Slice dbeta)
    {
        // (rows, 2): mean and 1 / standard deviation, for the sums over rows.
        using var statistics = backend.Allocate(2L * rows);
        var job = Rows(Rule.LayerNorm, rows, columns, eps, x, dy, dx);
        job.Gamma = CpuBackend.Pointer(gamma);
        job.Statistics = CpuBackend.Pointer(statistics.All);
        backend.Team.Run(job.Tasks, ref job);
        var sums = new ColumnJob
        {
            Rows = rows,
            Columns = columns,
            X = job.X,
            Dy = job.Dy,
            Statistics = job.Statistics,
            Dgamma = CpuBackend.Pointer(dgamma),
            Dbeta = CpuBackend.Pointer(dbeta),
        };
        backend.Team.Run((columns + ColumnJob.PerTask - 1) / ColumnJob.PerTask, ref sums);
    }

    private protected override void L2NormalizeBackwardCore(int rows, int columns, float eps, Slice x, Slice dy, Slice dx)
    {
        var job = Rows(Rule.L2Normalize, rows, columns, eps, x, dy, dx);
        backend.Team.Run(job.Tasks, ref job);
    }

    private protected override void SoftmaxBackwardCore(int rows, int columns, Slice y, Slice dy, Slice dx)
    {
        var job = Rows(Rule.Softmax, rows, columns, 0, y, dy, dx);
        backend.Team.Run(job.Tasks, ref job);
    }

    private static RowJob Rows(Rule rule, int rows, int columns, float eps, Slice x, Slice dy, Slice dx) => new()
    {
        Rule = rule,
        Rows = rows,
        Columns = columns,
        PerTask = Math.Clamp(ValuesPerGradientTask / columns, 1, rows),
        Eps = eps,
        X = CpuBackend.Pointer(x),
        Dy = CpuBackend.Pointer(dy),
        Dx = CpuBackend.Pointer(dx),
    };

    private struct RowJob : IJob
    {
        public Rule Rule;
        public int Rows, Columns, PerTask;
        public float Eps;
        public float* X, Gamma, Dy, Dx, Statistics;

        public readonly int Tasks => (Rows + PerTask - 1) / PerTask;

        public readonly void Run(int task)
        {
            int end = Math.Min(Rows, (task + 1) * PerTask);
            for (int row = task * PerTask; row < end; row++)
            {
                long offset = (long)row * Columns;
                ReadOnlySpan<float> x = new(X + offset, Columns), dy = new(Dy + offset, Columns);
                var dx = new Span<float>(Dx + offset, Columns);
                switch (Rule)
                {
                    case Rule.LayerNorm: LayerNorm(row, x, dy, dx); break;
                    case Rule.L2Normalize: L2Normalize(x, dy, dx); break;
                    default: Softmax(x, dy, dx); break;
                }
            }
        }

        private readonly void LayerNorm(int row, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dx)
        {
            double sum = 0, squares = 0;
            foreach (float v in x)
            {
                sum += v;
            }
            double mean = sum / Columns;
            foreach (float v in x)
            {
                squares += (v - mean) * (v - mean);
            }
            double invStd = 1 / Math.Sqrt((squares / Columns) + Eps), total = 0, product = 0;
            for (int i = 0; i < x.Length; i++)
            {
                double d = (double)dy[i] * Gamma[i];
                total += d;
                product += d * ((x[i] - mean) * invStd);
            }
            total /= Columns;
            product /= Columns;
            for (int i = 0; i < x.Length; i++)
            {
                dx[i] = (float)((((double)dy[i] * Gamma[i]) - total - ((x[i] - mean) * invStd * product)) * invStd);
            }
            Statistics[2 * row] = (float)mean;
            Statistics[(2 * row) + 1] = (float)invStd;
        }

        private readonly void L2Normalize(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dx)
        {
            double squares = 0, product = 0;
            for (int i = 0; i < x.Length; i++)
            {
                squares += (double)x[i] * x[i];
                product += (double)x[i] * dy[i];
            }
            double norm = Math.Sqrt(squares), scale = 1 / Math.Max(norm, Eps);
            double along = norm > Eps ? product * scale * scale : 0;
            for (int i = 0; i < x.Length; i++)
            {
                dx[i] = (float)((dy[i] - (x[i] * along)) * scale);
            }
        }

        private static void Softmax(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx)
        {
            double sum = 0;
            for (int i = 0; i < y.Length; i++)
            {
                sum += (double)y[i] * dy[i];
            }
            for (int i = 0; i < y.Length; i++)
            {
                dx[i] = y[i] * (dy[i] - (float)sum);
            }
        }
    }

    private struct ColumnJob : IJob
    {
        public const int PerTask = 64;
        public int Rows, Columns;
        public float* X, Dy, Statistics, Dgamma, Dbeta;

        public readonly void Run(int task)
        {
            int first = task * PerTask, count = Math.Min(PerTask, Columns - first);
            Span<double> gamma = stackalloc double[PerTask], beta = stackalloc double[PerTask];
            gamma.Clear();
            beta.Clear();
            for (int row = 0; row < Rows; row++)
            {
                float mean = Statistics[2 * row], invStd = Statistics[(2 * row) + 1];
                float* x = X + ((long)row * Columns) + first, dy = Dy + ((long)row * Columns) + first;
                for (int i = 0; i < count; i++)
                {
                    gamma[i] += dy[i] * ((x[i] - mean) * invStd);
                    beta[i] += dy[i];
                }
            }
            for (int i = 0; i < count; i++)
            {
                Dgamma[first + i] = (float)gamma[i];
                Dbeta[first + i] = (float)beta[i];
            }
        }
    }
}
