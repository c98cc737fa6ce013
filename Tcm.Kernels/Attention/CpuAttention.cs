using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Attention;

/// <summary>
/// Attention on the CPU, with online softmax over blocks of keys (FlashAttention, arXiv 2205.14135). A task is one head and
/// some of its queries, in panels of three vectors. Everything is kept transposed, a lane for each query, so that maximum,
/// exp and sum of the softmax run down the columns and never across lanes:
///   S^T (keys x panel)  = K Q^T            both products by the tile of <see cref="Gemm{T}"/>
///   O^T (width x panel) = O^T * exp(max - max') + V^T exp(S^T - max')
/// Memory of a task: the packed block of K and V, one S^T, and Q^T and O^T of its panels.
/// </summary>
internal sealed unsafe partial class CpuAttention(CpuBackend backend) : MultiHeadAttention
{
    private const int KeyBlock = 128, StateFloats = 48 * 1024, FewQueries = 192;

    private protected override void ForwardCore(AttentionShape shape, Slice q, Slice k, Slice v, Slice y)
    {
        switch (backend.Level)
        {
            case SimdLevel.Portable: Forward<Floats4>(shape, q, k, v, y); break;
            case SimdLevel.Avx2: Forward<Floats8>(shape, q, k, v, y); break;
            default: Forward<Floats16>(shape, q, k, v, y); break;
        }
    }

    private void Forward<T>(AttentionShape shape, Slice q, Slice k, Slice v, Slice y) where T : struct, IFloatVector<T>
    {
        int lanes = Gemm<T>.Columns, panels = (shape.Queries + lanes - 1) / lanes;
        // As many panels as the second-level cache holds; with few heads more tasks are worth packing K and V more than once. The
        // split depends on the shape alone.
        int most = shape.Batch * shape.Heads >= 16 ? StateFloats / (((2 * shape.HeadDim) + 2) * lanes) : FewQueries / lanes;
        int wanted = Math.Max(most, 1), parts = (panels + wanted - 1) / wanted;
        var job = new Job<T>
        {
            Shape = shape,
            Parts = parts,
            PanelsPerPart = (panels + parts - 1) / parts,
            Q = CpuBackend.Pointer(q),
            K = CpuBackend.Pointer(k),
            V = CpuBackend.Pointer(v),
            Y = CpuBackend.Pointer(y),
        };
        int tasks = shape.Batch * shape.Heads * parts;
        if (shape.MultiplyAdds < 100_000)
        {
            for (int task = 0; task < tasks; task++)
            {
                job.Run(task);
            }
            return;
        }
        backend.Team.Run(tasks, ref job);
    }

    private struct Job<T> : IJob where T : struct, IFloatVector<T>
    {
        public AttentionShape Shape;
        public int Parts, PanelsPerPart;
        public float* Q, K, V, Y;

        private static int Lanes => Gemm<T>.Columns;

        public readonly void Run(int task)
        {
            int part = task % Parts, head = task / Parts % Shape.Heads, batch = task / Parts / Shape.Heads;
            int first = part * PanelsPerPart * Lanes;
            int queries = Math.Min(Shape.Queries - first, PanelsPerPart * Lanes);
            if (queries <= 0)
            {
                return;
            }
            int panels = (queries + Lanes - 1) / Lanes, depth = Shape.HeadDim, width = (depth + 3) & ~3;
            int block = (Math.Min(Shape.Keys, KeyBlock) + 3) & ~3;
            // State of a panel: Q^T (depth), O^T (width), maxima and sums, one row of lanes each.
            int state = (depth + width + 2) * Lanes;
            float* keys = Scratch.Get((long)block * (depth + width + Lanes) + (long)panels * state);
            float* values = keys + block * depth, scores = values + block * width, states = scores + block * Lanes;

            float* coefficients = stackalloc float[VectorMath.Exp2Coefficients.Length];
            VectorMath.Exp2Coefficients.CopyTo(new Span<float>(coefficients, VectorMath.Exp2Coefficients.Length));
            long column = (long)head * depth, own = (long)batch * Shape.Keys;
            float* q = Q + ((long)batch * Shape.Queries + first) * Shape.QueryStride + column;
            int last = Shape.Causal ? first + queries : Shape.Keys;
            Prefetch(K + own * Shape.KeyStride + column, Shape.KeyStride, Math.Min(KeyBlock, last), depth);
            Prefetch(V + own * Shape.ValueStride + column, Shape.ValueStride, Math.Min(KeyBlock, last), depth);
            for (int panel = 0; panel < panels; panel++)
            {
                int here = Math.Min(Lanes, queries - panel * Lanes);
                float* rows = q + (long)panel * Lanes * Shape.QueryStride;
                Prefetch(rows + (long)Lanes * Shape.QueryStride, Shape.QueryStride, Math.Min(Lanes, queries - (panel + 1) * Lanes), depth);
                Begin(states + panel * state, rows, here, width);
            }
            for (int start = 0; start < last; start += KeyBlock)
            {
                int count = Math.Min(KeyBlock, last - start), next = Math.Min(KeyBlock, last - start - count);
                long row = (long)batch * Shape.Keys + start;
                Prefetch(K + (row + count) * Shape.KeyStride + column, Shape.KeyStride, next, depth);
                Prefetch(V + (row + count) * Shape.ValueStride + column, Shape.ValueStride, next, depth);
                Gemm<T>.PackStrips(K + row * Shape.KeyStride + column, Shape.KeyStride, 1, count, depth, keys);
                PackValues(values, V + row * Shape.ValueStride + column, Shape.ValueStride, count, depth);
                for (int panel = 0; panel < panels; panel++)
                {
                    int firstQuery = first + panel * Lanes;
                    if (Shape.Causal && start >= firstQuery + Lanes)
                    {
                        continue;
                    }
                    float* s = states + panel * state;
                    Gemm<T>.Tiles((count + 3) / 4, depth, keys, 4 * depth, new Gemm<T>.PanelRows(s), scores, 4 * Lanes, Lanes, first: true);
                    if (Shape.Causal)
                    {
                        Mask(scores, count, firstQuery - start);
                    }
                    float* o = s + depth * Lanes;
                    Softmax(scores, count, o, width, coefficients);
                    Gemm<T>.Tiles(width / 4, count, values, 4 * count, new Gemm<T>.PanelRows(scores), o, 4 * Lanes, Lanes, first: false);
                }
            }
            for (int panel = 0; panel < panels; panel++)
            {
                long row = (long)batch * Shape.Queries + first + panel * Lanes;
                End(states + panel * state + depth * Lanes, Y + row * Shape.Width + column,
                    Math.Min(Lanes, queries - panel * Lanes), width);
            }
        }

        /// <summary>Asks for rows of one head, which are some pages apart.</summary>
        private static void Prefetch(float* first, int stride, int rows, int depth)
        {
            for (int row = 0; row < rows; row++, first += stride)
            {
                CacheLines.FetchForLater(first, depth);
            }
        }

        /// <summary>Q^T = scale * q, O^T = 0, maxima = -infinity, sums = 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Begin(float* state, float* q, int queries, int width)
        {
            int lanes = Lanes, depth = Shape.HeadDim;
            float* o = state + depth * lanes;
            new Span<float>(state, depth * lanes).Clear();
            Transpose(q, Shape.QueryStride, queries, depth, state, lanes);
            T scale = T.Create(Shape.Scale * 1.44269504f);
            for (float* value = state; value < o; value += T.Count)
            {
                (T.Load(value) * scale).Store(value);
            }
            new Span<float>(o, width * lanes).Clear();
            new Span<float>(o + width * lanes, lanes).Fill(float.NegativeInfinity);
            new Span<float>(o + (width + 1) * lanes, lanes).Clear();
        }

        /// <summary>y = O^T / sums, transposed.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void End(float* o, float* y, int queries, int width)
        {
            int lanes = Lanes;
            for (nint column = 0; column < lanes; column += T.Count)
            {
                T scale = T.Create(1f) / T.Load(o + (width + 1) * lanes + column);
                for (nint d = 0; d < width; d++)
                {
                    float* value = o + d * lanes + column;
                    (T.Load(value) * scale).Store(value);
                }
            }
            Transpose(o, lanes, Shape.HeadDim, queries, y, Shape.Width);
        }

        /// <summary>target[c * targetStride + r] = source[r * stride + c], for rows r and columns c.</summary>
        private static void Transpose(float* source, nint stride, int rows, int columns, float* target, nint targetStride)
        {
            int wholeRows = rows & ~3, wholeColumns = columns & ~3;
            for (int r = 0; r < rows; r += 4)
            {
                bool whole = r < wholeRows;
                for (int c = 0; whole && c < wholeColumns; c += 4)
                {
                    Floats4.Transpose(source + r * stride + c, stride, target + c * targetStride + r, targetStride);
                }
                for (int row = r; row < Math.Min(r + 4, rows); row++)
                {
                    for (int c = whole ? wholeColumns : 0; c < columns; c++)
                    {
                        target[c * targetStride + row] = source[row * stride + c];
                    }
                }
            }
        }

        /// <summary>V^T in strips (depth/4, keys, 4), padded with zeros.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void PackValues(float* target, float* source, int stride, int rows, int depth)
        {
            for (int row = 0; row < rows; row++, source += stride, target += 4)
            {
                float* tile = target;
                int d = 0;
                for (; d <= depth - 4; d += 4, tile += 4 * rows)
                {
                    Vector128.Load(source + d).Store(tile);
                }
                for (int lane = 0; d < depth && lane < 4; lane++)
                {
                    tile[lane] = d + lane < depth ? source[d + lane] : 0;
                }
            }
        }

        /// <summary>Hides keys behind each query; lane 0 sees keys up to <paramref name="offset"/> of the block.</summary>
        private static void Mask(float* scores, int keys, int offset)
        {
            for (int key = Math.Max(offset + 1, 0); key < keys; key++)
            {
                new Span<float>(scores + key * Lanes, Math.Min(key - offset, Lanes)).Fill(float.NegativeInfinity);
            }
        }

        /// <summary>scores = 2^(scores - new maxima); O^T and sums are rescaled to the new maxima and sums extended.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Softmax(float* scores, nint keys, float* o, nint width, float* coefficients)
        {
            nint lanes = Lanes;
            float* maxima = o + width * lanes, sums = maxima + lanes, end = scores + keys * lanes;
            TileRow<T> max = TileRow<T>.Load(maxima), before = max;
            for (float* s = scores; s < end; s += lanes)
            {
                max.X = T.Max(T.Load(s), max.X);
                max.Y = T.Max(T.Load(s + T.Count), max.Y);
                max.Z = T.Max(T.Load(s + 2 * T.Count), max.Z);
            }
            max.Store(maxima);
            T x = VectorMath.Exp2(before.X - max.X), y = VectorMath.Exp2(before.Y - max.Y), z = VectorMath.Exp2(before.Z - max.Z);
            for (float* value = o; value < maxima; value += lanes)
            {
                (T.Load(value) * x).Store(value);
                (T.Load(value + T.Count) * y).Store(value + T.Count);
                (T.Load(value + 2 * T.Count) * z).Store(value + 2 * T.Count);
            }
            Weigh(scores, end, max.X, x, sums, coefficients);
            Weigh(scores + T.Count, end, max.Y, y, sums + T.Count, coefficients);
            Weigh(scores + 2 * T.Count, end, max.Z, z, sums + 2 * T.Count, coefficients);
        }

        /// <summary>A column: scores = 2^(scores - max), and sums = sums * rescale + what they add up to.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Weigh(float* s, float* end, T max, T rescale, float* sums, float* coefficients)
        {
            nint lanes = Lanes;
            // As VectorMath.Exp2. Coefficients come from memory, so that they stay in registers: constants are read with every use.
            T c0 = T.Create(coefficients[0]), c1 = T.Create(coefficients[1]), c2 = T.Create(coefficients[2]);
            T c3 = T.Create(coefficients[3]), c4 = T.Create(coefficients[4]), c5 = T.Create(coefficients[5]);
            T floor = T.Create(-125f), magic = T.Create(VectorMath.Magic);
            T total = T.Load(sums) * rescale;
            for (; s < end; s += lanes)
            {
                T score = T.Max(floor, T.Load(s) - max), biasedN = score + magic, r = score - (biasedN - magic);
                T p = T.MultiplyAdd(c0, r, c1);
                p = T.MultiplyAdd(p, r, c2);
                p = T.MultiplyAdd(p, r, c3);
                p = T.MultiplyAdd(p, r, c4);
                p = T.MultiplyAdd(p, r, c5);
                T weight = T.ScaleNormal(T.MultiplyAdd(p, r, T.Create(1f)), biasedN);
                weight.Store(s);
                total += weight;
            }
            total.Store(sums);
        }
    }
}
