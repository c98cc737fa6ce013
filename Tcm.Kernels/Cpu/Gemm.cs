using System.Runtime.CompilerServices;

namespace Tcm.Kernels.Cpu;

/// <summary>
/// The register-tiled core of every matrix product on the CPU: a tile of c of 4 rows by 3 vectors lives in 12 registers,
/// with 3 more for b and 1 for a broadcast, which is all that AVX2 has.
///   a: strip of 4 rows, packed (kc, 4)      b: panel of 3 vectors, rows ldb apart      c: rows ldc apart
/// </summary>
internal static unsafe class Gemm<T> where T : struct, IFloatVector<T>
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 4;

    /// <summary>Columns of a tile.</summary>
    public static int Columns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3 * T.Count;
    }

    /// <summary>c = a b, or c += a b unless <paramref name="first"/>, for strips of a one after the other.</summary>
    /// <param name="strips">Tiles below each other.</param>
    /// <param name="kc">Columns of a, rows of b.</param>
    /// <param name="a">(kc, 4) for each strip.</param>
    /// <param name="strideA">Floats from strip to strip of a.</param>
    /// <param name="b">Rows of a panel.</param>
    /// <param name="c">4 rows for each strip, <paramref name="ldc"/> apart.</param>
    /// <param name="strideC">Floats from strip to strip of c.</param>
    /// <param name="ldc">Floats from row to row of c.</param>
    /// <param name="first">Whether c is written and not added to.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tiles<TRows>(int strips, nint kc, float* a, nint strideA, TRows b, float* c, nint strideC, nint ldc, bool first)
        where TRows : struct, IRows
    {
        for (; strips > 0; strips--, a += strideA, c += strideC)
        {
            TileRow<T> c0, c1, c2, c3;
            if (first)
            {
                c0 = c1 = c2 = c3 = default;
            }
            else
            {
                (c0, c1) = (TileRow<T>.Load(c), TileRow<T>.Load(c + ldc));
                (c2, c3) = (TileRow<T>.Load(c + (2 * ldc)), TileRow<T>.Load(c + (3 * ldc)));
            }
            Multiply(kc, a, b, ref c0, ref c1, ref c2, ref c3);
            c0.Store(c);
            c1.Store(c + ldc);
            c2.Store(c + (2 * ldc));
            c3.Store(c + (3 * ldc));
        }
    }

    /// <summary>Tiles side by side, of one strip of a, straight to a result, for which a way through memory is spared.</summary>
    /// <param name="tiles">Tiles.</param>
    /// <param name="kc">Columns of a, rows of b.</param>
    /// <param name="a">(kc, 4)</param>
    /// <param name="b">Rows of the first panel.</param>
    /// <param name="distance">Floats from panel to panel of b.</param>
    /// <param name="output">Where the first tile goes.</param>
    /// <param name="ahead">What is fetched meanwhile.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TilesTo<TRows>(int tiles, nint kc, float* a, TRows b, nint distance, in TileOutput output, ref TileAhead ahead)
        where TRows : struct, IRows
    {
        float* bias = output.Bias, residual = output.Residual, y = output.Y;
        nint pitch = output.Pitch;
        for (; tiles > 0; tiles--, y += Columns, b.Skip(distance))
        {
            ahead.BeforeTile(y, residual, Columns);
            TileRow<T> c0, c1, c2, c3;
            if (bias == null)
            {
                c0 = c1 = c2 = c3 = default;
            }
            else if (output.BiasOfColumns)
            {
                c0 = c1 = c2 = c3 = TileRow<T>.Load(bias);
                bias += Columns;
            }
            else
            {
                (c0, c1) = (TileRow<T>.Create(bias[0]), TileRow<T>.Create(bias[1]));
                (c2, c3) = (TileRow<T>.Create(bias[2]), TileRow<T>.Create(bias[3]));
            }
            Multiply(kc, a, b, ref c0, ref c1, ref c2, ref c3);
            if (residual != null)
            {
                c0.Add(residual);
                c1.Add(residual + pitch);
                c2.Add(residual + (2 * pitch));
                c3.Add(residual + (3 * pitch));
                residual += Columns;
            }
            if (output.Relu)
            {
                c0.Relu();
                c1.Relu();
                c2.Relu();
                c3.Relu();
            }
            c0.Store(y);
            c1.Store(y + pitch);
            c2.Store(y + (2 * pitch));
            c3.Store(y + (3 * pitch));
        }
    }

    /// <summary>As the other, and nothing is fetched meanwhile: what is needed next lies behind what is used.</summary>
    public static void TilesTo<TRows>(int tiles, nint kc, float* a, TRows b, nint distance, in TileOutput output)
        where TRows : struct, IRows
    {
        var nothing = default(TileAhead);
        TilesTo(tiles, kc, a, b, distance, output, ref nothing);
    }

    /// <summary>One of them.</summary>
    public static void TileTo<TRows>(nint kc, float* a, TRows b, in TileOutput output) where TRows : struct, IRows =>
        TilesTo(1, kc, a, b, 0, output);

    /// <summary>
    /// c += a b. Four steps at a time: what counts the loop and moves the pointers is then a twentieth of the instructions. A core
    /// that runs another thread too executes about three a cycle, which is less than the products need otherwise.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TRows>(nint kc, float* a, TRows b, ref TileRow<T> c0, ref TileRow<T> c1, ref TileRow<T> c2,
        ref TileRow<T> c3) where TRows : struct, IRows
    {
        for (; kc >= 4; kc -= 4)
        {
            Step(a, 0, b, ref c0, ref c1, ref c2, ref c3);
            Step(a, 1, b, ref c0, ref c1, ref c2, ref c3);
            Step(a, 2, b, ref c0, ref c1, ref c2, ref c3);
            Step(a, 3, b, ref c0, ref c1, ref c2, ref c3);
            a += 4 * Rows;
            b.Advance(4);
        }
        for (; kc > 0; kc--)
        {
            Step(a, 0, b, ref c0, ref c1, ref c2, ref c3);
            a += Rows;
            b.Advance(1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TRows>(float* a, int k, TRows b, ref TileRow<T> c0, ref TileRow<T> c1, ref TileRow<T> c2,
        ref TileRow<T> c3) where TRows : struct, IRows
    {
        var row = TileRow<T>.Load(b.Row(k));
        c0.AddProduct(a[Rows * k], row);
        c1.AddProduct(a[(Rows * k) + 1], row);
        c2.AddProduct(a[(Rows * k) + 2], row);
        c3.AddProduct(a[(Rows * k) + 3], row);
    }

    /// <summary>
    /// Packs rows [0, rows) and columns [0, k) of a row-major matrix into strips (rows/4, k, 4); missing rows become 0.
    /// Element (i, j) of the matrix is source[i * rowStride + j * columnStride].
    /// </summary>
    public static void PackStrips(float* source, nint rowStride, nint columnStride, int rows, int k, float* target)
    {
        for (int first = 0; first < rows; first += Rows)
        {
            float* r0 = source + (first * rowStride);
            int have = Math.Min(Rows, rows - first);
            if (have == Rows && columnStride == 1)
            {
                Interleave.Rows(r0, rowStride, Rows, k, target, Rows);
                target += (nint)k * Rows;
                continue;
            }
            if (have == Rows)
            {
                float* r1 = r0 + rowStride, r2 = r1 + rowStride, r3 = r2 + rowStride;
                for (nint j = 0; j < k; j++, target += Rows)
                {
                    nint o = j * columnStride;
                    target[0] = r0[o];
                    target[1] = r1[o];
                    target[2] = r2[o];
                    target[3] = r3[o];
                }
                continue;
            }
            for (nint j = 0; j < k; j++, target += Rows)
            {
                for (int i = 0; i < Rows; i++)
                {
                    target[i] = i < have ? r0[(i * rowStride) + (j * columnStride)] : 0;
                }
            }
        }
    }

    /// <summary>Where the rows of b are that a tile is multiplied with.</summary>
    public interface IRows
    {
        float* Row(int i);

        void Advance(int rows);

        /// <summary>To the same rows of another panel.</summary>
        void Skip(nint floats);
    }

    /// <summary>A packed panel: rows follow each other.</summary>
    public struct PanelRows(float* b) : IRows
    {
        private float* _first = b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly float* Row(int i) => _first + (i * Columns);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Advance(int rows) => _first += rows * Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Skip(nint floats) => _first += floats;
    }

    /// <summary>Rows are some distance apart.</summary>
    public struct StridedRows(float* b, nint distance) : IRows
    {
        private float* _first = b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly float* Row(int i) => _first + (i * distance);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Advance(int rows) => _first += rows * distance;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Skip(nint floats) => _first += floats;
    }

    /// <summary>Row i begins at b + offsets[i].</summary>
    public struct OffsetRows(float* b, int* offsets) : IRows
    {
        private float* _first = b;
        private int* _offsets = offsets;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly float* Row(int i) => _first + _offsets[i];

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Advance(int rows) => _offsets += rows;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Skip(nint floats) => _first += floats;
    }
}
