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

    /// <summary>c = a b, or c += a b unless <paramref name="first"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile(nint kc, float* a, float* b, nint ldb, float* c, nint ldc, bool first)
    {
        int v = T.Count;
        T c00 = default, c01 = default, c02 = default, c10 = default, c11 = default, c12 = default;
        T c20 = default, c21 = default, c22 = default, c30 = default, c31 = default, c32 = default;
        if (!first)
        {
            c00 = T.Load(c);
            c01 = T.Load(c + v);
            c02 = T.Load(c + (2 * v));
            c10 = T.Load(c + ldc);
            c11 = T.Load(c + ldc + v);
            c12 = T.Load(c + ldc + (2 * v));
            c20 = T.Load(c + (2 * ldc));
            c21 = T.Load(c + (2 * ldc) + v);
            c22 = T.Load(c + (2 * ldc) + (2 * v));
            c30 = T.Load(c + (3 * ldc));
            c31 = T.Load(c + (3 * ldc) + v);
            c32 = T.Load(c + (3 * ldc) + (2 * v));
        }
        for (; kc > 0; kc--)
        {
            T b0 = T.Load(b), b1 = T.Load(b + v), b2 = T.Load(b + (2 * v));
            T r = T.Create(a[0]);
            c00 = T.MultiplyAdd(r, b0, c00);
            c01 = T.MultiplyAdd(r, b1, c01);
            c02 = T.MultiplyAdd(r, b2, c02);
            r = T.Create(a[1]);
            c10 = T.MultiplyAdd(r, b0, c10);
            c11 = T.MultiplyAdd(r, b1, c11);
            c12 = T.MultiplyAdd(r, b2, c12);
            r = T.Create(a[2]);
            c20 = T.MultiplyAdd(r, b0, c20);
            c21 = T.MultiplyAdd(r, b1, c21);
            c22 = T.MultiplyAdd(r, b2, c22);
            r = T.Create(a[3]);
            c30 = T.MultiplyAdd(r, b0, c30);
            c31 = T.MultiplyAdd(r, b1, c31);
            c32 = T.MultiplyAdd(r, b2, c32);
            a += Rows;
            b += ldb;
        }
        c00.Store(c);
        c01.Store(c + v);
        c02.Store(c + (2 * v));
        c10.Store(c + ldc);
        c11.Store(c + ldc + v);
        c12.Store(c + ldc + (2 * v));
        c20.Store(c + (2 * ldc));
        c21.Store(c + (2 * ldc) + v);
        c22.Store(c + (2 * ldc) + (2 * v));
        c30.Store(c + (3 * ldc));
        c31.Store(c + (3 * ldc) + v);
        c32.Store(c + (3 * ldc) + (2 * v));
    }

    /// <summary>
    /// y = a b + bias + residual, and not less than 0 with <paramref name="relu"/>: a whole tile of a result, for which a way
    /// through memory is spared. Rows of y and of the residual (null: none) are <paramref name="pitch"/> apart.
    /// The bias (null: none) has a value for each of the 4 rows, or for each column.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TileTo<TRows>(nint kc, float* a, TRows b, float* bias, bool biasOfColumns, float* residual, float* y,
        nint pitch, bool relu) where TRows : struct, IRows
    {
        int v = T.Count;
        T c00 = default, c01 = default, c02 = default, c10 = default, c11 = default, c12 = default;
        T c20 = default, c21 = default, c22 = default, c30 = default, c31 = default, c32 = default;
        if (bias != null && biasOfColumns)
        {
            c00 = c10 = c20 = c30 = T.Load(bias);
            c01 = c11 = c21 = c31 = T.Load(bias + v);
            c02 = c12 = c22 = c32 = T.Load(bias + (2 * v));
        }
        else if (bias != null)
        {
            c00 = c01 = c02 = T.Create(bias[0]);
            c10 = c11 = c12 = T.Create(bias[1]);
            c20 = c21 = c22 = T.Create(bias[2]);
            c30 = c31 = c32 = T.Create(bias[3]);
        }
        for (; kc > 0; kc--)
        {
            float* row = b.Next();
            T b0 = T.Load(row), b1 = T.Load(row + v), b2 = T.Load(row + (2 * v));
            T r = T.Create(a[0]);
            c00 = T.MultiplyAdd(r, b0, c00);
            c01 = T.MultiplyAdd(r, b1, c01);
            c02 = T.MultiplyAdd(r, b2, c02);
            r = T.Create(a[1]);
            c10 = T.MultiplyAdd(r, b0, c10);
            c11 = T.MultiplyAdd(r, b1, c11);
            c12 = T.MultiplyAdd(r, b2, c12);
            r = T.Create(a[2]);
            c20 = T.MultiplyAdd(r, b0, c20);
            c21 = T.MultiplyAdd(r, b1, c21);
            c22 = T.MultiplyAdd(r, b2, c22);
            r = T.Create(a[3]);
            c30 = T.MultiplyAdd(r, b0, c30);
            c31 = T.MultiplyAdd(r, b1, c31);
            c32 = T.MultiplyAdd(r, b2, c32);
            a += Rows;
        }
        if (residual != null)
        {
            float* r1 = residual + pitch, r2 = r1 + pitch, r3 = r2 + pitch;
            (c00, c01, c02) = (c00 + T.Load(residual), c01 + T.Load(residual + v), c02 + T.Load(residual + (2 * v)));
            (c10, c11, c12) = (c10 + T.Load(r1), c11 + T.Load(r1 + v), c12 + T.Load(r1 + (2 * v)));
            (c20, c21, c22) = (c20 + T.Load(r2), c21 + T.Load(r2 + v), c22 + T.Load(r2 + (2 * v)));
            (c30, c31, c32) = (c30 + T.Load(r3), c31 + T.Load(r3 + v), c32 + T.Load(r3 + (2 * v)));
        }
        if (relu)
        {
            T zero = default;
            (c00, c01, c02) = (T.Max(c00, zero), T.Max(c01, zero), T.Max(c02, zero));
            (c10, c11, c12) = (T.Max(c10, zero), T.Max(c11, zero), T.Max(c12, zero));
            (c20, c21, c22) = (T.Max(c20, zero), T.Max(c21, zero), T.Max(c22, zero));
            (c30, c31, c32) = (T.Max(c30, zero), T.Max(c31, zero), T.Max(c32, zero));
        }
        c00.Store(y);
        c01.Store(y + v);
        c02.Store(y + (2 * v));
        y += pitch;
        c10.Store(y);
        c11.Store(y + v);
        c12.Store(y + (2 * v));
        y += pitch;
        c20.Store(y);
        c21.Store(y + v);
        c22.Store(y + (2 * v));
        y += pitch;
        c30.Store(y);
        c31.Store(y + v);
        c32.Store(y + (2 * v));
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
        float* Next();
    }

    /// <summary>A packed panel: rows follow each other.</summary>
    public struct PanelRows(float* b) : IRows
    {
        private float* _row = b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float* Next()
        {
            float* row = _row;
            _row += Columns;
            return row;
        }
    }

    /// <summary>Rows are some distance apart.</summary>
    public struct StridedRows(float* b, nint distance) : IRows
    {
        private float* _row = b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float* Next()
        {
            float* row = _row;
            _row += distance;
            return row;
        }
    }

    /// <summary>Row i begins at b + offsets[i].</summary>
    public struct OffsetRows(float* b, int* offsets) : IRows
    {
        private int* _offset = offsets;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float* Next() => b + *_offset++;
    }
}
