using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tcm.Kernels.Cpu;

namespace Tcm.Kernels.Attention;

/// <summary>
/// Attention on the CPU, with online softmax over blocks of keys (FlashAttention, arXiv 2205.14135). A task is one head and
/// some of its queries, in panels of three vectors. Everything is kept transposed, a lane for each query, so that maximum,
/// exp and sum of the softmax run down the columns and never across lanes:
///   S^T (keys x panel)  = K Q^T            both products by one register-tiled kernel, 4 x 3 vectors
///   O^T (width x panel) = O^T * exp(max - max') + V^T exp(S^T - max')
/// Memory of a task: the packed block of K and V, one S^T, and Q^T and O^T of its panels.
/// </summary>
internal sealed unsafe partial class CpuAttention(CpuBackend backend) : MultiHeadAttention
{
    private const int KeyBlock = 128;

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
        int panels = (shape.Queries + 3 * T.Count - 1) / (3 * T.Count);
        // With few heads more tasks are worth packing K and V more than once. The split depends on the shape alone.
        int wanted = Math.Max((shape.Batch * shape.Heads >= 16 ? 480 : 192) / (3 * T.Count), 1);
        int parts = (panels + wanted - 1) / wanted;
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

        private static int Lanes => 3 * T.Count;

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

            long column = (long)head * depth;
            float* q = Q + ((long)batch * Shape.Queries + first) * Shape.QueryStride + column;
            for (int panel = 0; panel < panels; panel++)
            {
                Begin(states + panel * state, q + (long)panel * Lanes * Shape.QueryStride,
                    Math.Min(Lanes, queries - panel * Lanes), width);
            }
            int last = Shape.Causal ? first + queries : Shape.Keys;
            for (int start = 0; start < last; start += KeyBlock)
            {
                int count = Math.Min(KeyBlock, last - start);
                long row = (long)batch * Shape.Keys + start;
                PackKeys(keys, K + row * Shape.KeyStride + column, Shape.KeyStride, count, depth);
                PackValues(values, V + row * Shape.ValueStride + column, Shape.ValueStride, count, depth);
                for (int panel = 0; panel < panels; panel++)
                {
                    int firstQuery = first + panel * Lanes;
                    if (Shape.Causal && start >= firstQuery + Lanes)
                    {
                        continue;
                    }
                    float* s = states + panel * state;
                    Product((count + 3) & ~3, depth, keys, depth, 1, s, scores, accumulate: false);
                    if (Shape.Causal)
                    {
                        Mask(scores, count, firstQuery - start);
                    }
                    float* o = s + depth * Lanes;
                    Softmax(scores, count, o, width);
                    Product(width, count, values, 1, 4, scores, o, accumulate: true);
                }
            }
            for (int panel = 0; panel < panels; panel++)
            {
                long row = (long)batch * Shape.Queries + first + panel * Lanes;
                End(states + panel * state + depth * Lanes, Y + row * Shape.Width + column,
                    Math.Min(Lanes, queries - panel * Lanes), width);
            }
        }

        /// <summary>Q^T = scale * q, O^T = 0, maxima = -infinity, sums = 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Begin(float* state, float* q, int queries, int width)
        {
            int lanes = Lanes, depth = Shape.HeadDim;
            for (int lane = 0; lane < lanes; lane++)
            {
                float* row = q + (long)lane * Shape.QueryStride, target = state + lane;
                for (int d = 0; d < depth; d++, target += lanes)
                {
                    *target = lane < queries ? row[d] * (Shape.Scale * 1.44269504f) : 0;
                }
            }
            float* o = state + depth * lanes;
            new Span<float>(o, width * lanes).Clear();
            new Span<float>(o + width * lanes, lanes).Fill(float.NegativeInfinity);
            new Span<float>(o + (width + 1) * lanes, lanes).Clear();
        }

        /// <summary>y = O^T / sums, transposed.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void End(float* o, float* y, int queries, int width)
        {
            int lanes = Lanes, depth = Shape.HeadDim;
            for (int lane = 0; lane < queries; lane++)
            {
                float* source = o + lane, row = y + (long)lane * Shape.Width;
                float scale = 1 / source[(width + 1) * lanes];
                for (int d = 0; d < depth; d++, source += lanes)
                {
                    row[d] = *source * scale;
                }
            }
        }

        /// <summary>(keys, depth), rows side by side and padded with zeros to a multiple of 4.</summary>
        private static void PackKeys(float* target, float* source, int stride, int rows, int depth)
        {
            for (int row = 0; row < rows; row++, source += stride, target += depth)
            {
                new ReadOnlySpan<float>(source, depth).CopyTo(new Span<float>(target, depth));
            }
            new Span<float>(target, (((rows + 3) & ~3) - rows) * depth).Clear();
        }

        /// <summary>(depth/4, keys, 4), padded with zeros: what a tile of the product reads lies together, where whole rows
        /// of 64 floats would all fall on the same few lines of the first-level cache.</summary>
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

        /// <summary>scores = exp(scores - new maxima); O^T and sums are rescaled to the new maxima and sums extended.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Softmax(float* scores, int keys, float* o, int width)
        {
            int lanes = Lanes;
            for (int column = 0; column < lanes; column += T.Count)
            {
                float* s = scores + column, maxima = o + width * lanes + column, sums = maxima + lanes;
                T before = T.Load(maxima), max = before, other = before;
                int key = 0;
                for (; key <= keys - 2; key += 2)
                {
                    max = T.Max(T.Load(s + key * lanes), max);
                    other = T.Max(T.Load(s + (key + 1) * lanes), other);
                }
                for (; key < keys; key++)
                {
                    max = T.Max(T.Load(s + key * lanes), max);
                }
                max = T.Max(max, other);
                max.Store(maxima);
                T rescale = VectorMath.Exp2(before - max), total = T.Load(sums) * rescale;
                for (int d = 0; d < width; d++)
                {
                    float* value = o + d * lanes + column;
                    (T.Load(value) * rescale).Store(value);
                }
                for (key = 0; key < keys; key++)
                {
                    T weight = VectorMath.Exp2(T.Load(s + key * lanes) - max);
                    weight.Store(s + key * lanes);
                    total += weight;
                }
                total.Store(sums);
            }
        }

        /// <summary>
        /// c (block x lanes) = a b, or += with <paramref name="accumulate"/>: b (depth x lanes). A tile of 4 rows
        /// of a is 4*depth floats, its elements at row*aRow + k*aColumn.
        /// It keeps 12 accumulators in registers; each step loads 3 vectors and broadcasts 4 floats.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Product(int block, int depth, float* a, nint aRow, nint aColumn, float* b, float* c, bool accumulate)
        {
            nint lanes = Lanes;
            for (int row = 0; row < block; row += 4, a += 4 * depth, c += 4 * lanes)
            {
                T c00 = default, c01 = default, c02 = default, c10 = default, c11 = default, c12 = default;
                T c20 = default, c21 = default, c22 = default, c30 = default, c31 = default, c32 = default;
                if (accumulate)
                {
                    (c00, c01, c02) = (T.Load(c), T.Load(c + T.Count), T.Load(c + 2 * T.Count));
                    (c10, c11, c12) = (T.Load(c + lanes), T.Load(c + lanes + T.Count), T.Load(c + lanes + 2 * T.Count));
                    float* c2 = c + 2 * lanes;
                    (c20, c21, c22) = (T.Load(c2), T.Load(c2 + T.Count), T.Load(c2 + 2 * T.Count));
                    float* c3 = c2 + lanes;
                    (c30, c31, c32) = (T.Load(c3), T.Load(c3 + T.Count), T.Load(c3 + 2 * T.Count));
                }
                float* left = a, right = b;
                for (int k = depth; k > 0; k--)
                {
                    T b0 = T.Load(right), b1 = T.Load(right + T.Count), b2 = T.Load(right + 2 * T.Count);
                    T value = T.Create(left[0]);
                    c00 = T.MultiplyAdd(value, b0, c00);
                    c01 = T.MultiplyAdd(value, b1, c01);
                    c02 = T.MultiplyAdd(value, b2, c02);
                    value = T.Create(left[aRow]);
                    c10 = T.MultiplyAdd(value, b0, c10);
                    c11 = T.MultiplyAdd(value, b1, c11);
                    c12 = T.MultiplyAdd(value, b2, c12);
                    value = T.Create(left[2 * aRow]);
                    c20 = T.MultiplyAdd(value, b0, c20);
                    c21 = T.MultiplyAdd(value, b1, c21);
                    c22 = T.MultiplyAdd(value, b2, c22);
                    value = T.Create(left[3 * aRow]);
                    c30 = T.MultiplyAdd(value, b0, c30);
                    c31 = T.MultiplyAdd(value, b1, c31);
                    c32 = T.MultiplyAdd(value, b2, c32);
                    left += aColumn;
                    right += lanes;
                }
                float* row2 = c + 2 * lanes, row3 = row2 + lanes;
                c00.Store(c);
                c01.Store(c + T.Count);
                c02.Store(c + 2 * T.Count);
                c10.Store(c + lanes);
                c11.Store(c + lanes + T.Count);
                c12.Store(c + lanes + 2 * T.Count);
                c20.Store(row2);
                c21.Store(row2 + T.Count);
                c22.Store(row2 + 2 * T.Count);
                c30.Store(row3);
                c31.Store(row3 + T.Count);
                c32.Store(row3 + 2 * T.Count);
            }
        }
    }
}
