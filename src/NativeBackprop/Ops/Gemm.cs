using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// C = alpha · op(A)·op(B) + beta · C on row-major matrices: the only caller of <c>cblas_sgemm</c>. A range of rows or of
/// columns of C can be computed alone, which is how threads share one product.
/// </summary>
internal sealed unsafe class Gemm
{
    // OpenBLAS's micro-kernels are 16 columns wide; a split inside one would compute it twice.
    private const int SplitGrain = 16;

    private readonly bool _transposeA, _transposeB;
    private readonly int _m, _n, _k, _lda, _ldb;

    public Gemm(bool transposeA, bool transposeB, Shape a, Shape b)
    {
        (_transposeA, _transposeB, _lda, _ldb) = (transposeA, transposeB, Math.Max(1, a[1]), Math.Max(1, b[1]));
        (_m, _k) = transposeA ? (a[1], a[0]) : (a[0], a[1]);
        _n = transposeB ? b[0] : b[1];
        SplitsColumns = _n >= 2 * SplitGrain || _m < _n;
    }

    private Gemm(Gemm other)
    {
        (_transposeA, _transposeB, _lda, _ldb) = (other._transposeA, other._transposeB, other._lda, other._ldb);
        (_m, _n, _k) = (other._m, other._n, other._k);
    }

    /// <summary>True when threads share the columns of C (what the forward product and dX want), false for its rows.</summary>
    public bool SplitsColumns { get; private init; }

    public int Rows => _m;

    public int Columns => _n;

    public int Units => SplitsColumns ? _n : _m;

    public int Grain => SplitGrain;

    public long Flops => 2L * _m * _n * _k;

    public long Bytes => sizeof(float) * ((long)_m * _k + (long)_k * _n + (long)_m * _n);

    public string Call => $"cblas_sgemm {(_transposeA ? 'T' : 'N')}{(_transposeB ? 'T' : 'N')} {_m}x{_n}x{_k}";

    /// <summary>The same product, its columns shared between threads.</summary>
    public Gemm ByColumns() => new(this) { SplitsColumns = true };

    /// <summary>The same product, its rows shared between threads.</summary>
    public Gemm ByRows() => new(this) { SplitsColumns = false };

    /// <summary>Computes the units (columns or rows of C) from <paramref name="begin"/> to <paramref name="end"/>.</summary>
    public void Run(float alpha, float* a, float* b, float beta, float* c, int begin, int end)
    {
        int m = _m, n = _n, ldc = _n;
        if (SplitsColumns)
        {
            n = end - begin;
            b += (long)begin * (_transposeB ? _ldb : 1);
            c += begin;
        }
        else
        {
            m = end - begin;
            a += (long)begin * (_transposeA ? 1 : _lda);
            c += (long)begin * ldc;
        }

        if (m > 0 && n > 0)
        {
            Cblas.cblas_sgemm(
                CBLAS_ORDER.CblasRowMajor,
                _transposeA ? CBLAS_TRANSPOSE.CblasTrans : CBLAS_TRANSPOSE.CblasNoTrans,
                _transposeB ? CBLAS_TRANSPOSE.CblasTrans : CBLAS_TRANSPOSE.CblasNoTrans,
                m, n, _k, alpha, a, _lda, b, _ldb, beta, c, ldc);
        }
    }
}
