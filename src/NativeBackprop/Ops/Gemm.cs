using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// C = alpha · op(A)·op(B) + beta · C on row-major matrices, or on stacks of them: the only caller of <c>cblas_sgemm</c>. A range
/// of rows or of columns of C, or of the matrices of a stack, can be computed alone, which is how one product is split between threads.
/// </summary>
internal sealed unsafe class Gemm
{
    // The tiles of OpenBLAS are 16 columns wide, and a split inside one would compute it twice. A panel of ours has 32 columns; heights of
    // 24 rows divide into the tiles of every instruction set.
    private const int OpenBlasGrain = 16, OwnColumnGrain = 32, OwnRowGrain = 24;

    private readonly ProductLibrary _library;
    private readonly bool _transposeA, _transposeB, _isPacked;
    private readonly int _m, _n, _k, _lda, _ldb, _matrices;
    private readonly long _nextA, _nextB;

    public Gemm(bool transposeA, bool transposeB, Shape a, Shape b, ProductLibrary products)
    {
        (_transposeA, _transposeB, _lda, _ldb) = (transposeA, transposeB, Math.Max(1, a[-1]), Math.Max(1, b[-1]));
        (_m, _k) = transposeA ? (a[-1], a[-2]) : (a[-2], a[-1]);
        _n = transposeB ? b[-2] : b[-1];
        if (!transposeA && b.Rank == 2)
        {
            (_m, _matrices) = (a.Product(0, a.Rank - 1), 1);
        }
        else
        {
            Shape stack = a.Rank > 2 ? a : b;
            _matrices = stack.Product(0, stack.Rank - 2);
            _nextA = a.Rank > 2 ? (long)a[-2] * a[-1] : 0;
            _nextB = b.Rank > 2 ? (long)b[-2] * b[-1] : 0;
        }

        _library = ProductRule.Choose(products, transposeA, _m, _n);
        SplitsColumns = _matrices == 1 && (_n >= 2 * ColumnGrain || _m < _n);
        if (_library == ProductLibrary.Own)
        {
            Workspace = NativeProduct.Workspace(Product());
        }
    }

    // Of a right operand that has been packed, for which there are only our own products.
    private Gemm(bool transposeA, Shape a, int columns)
    {
        (_transposeA, _isPacked, _library, _lda, _matrices) = (transposeA, true, ProductLibrary.Own, Math.Max(1, a[-1]), 1);
        (_m, _k) = transposeA ? (a[-1], a[-2]) : (a.Product(0, a.Rank - 1), a[-1]);
        _n = columns;
        SplitsColumns = _n >= 2 * ColumnGrain || _m < _n;
        Workspace = NativeProduct.Workspace(Product());
    }

    private Gemm(Gemm other)
    {
        (_transposeA, _transposeB, _isPacked) = (other._transposeA, other._transposeB, other._isPacked);
        (_lda, _ldb) = (other._lda, other._ldb);
        (_m, _n, _k, _matrices, _nextA, _nextB) = (other._m, other._n, other._k, other._matrices, other._nextA, other._nextB);
        (_library, Workspace) = (other._library, other.Workspace);
    }

    /// <summary>
    /// True when the columns of C are split between threads (what the forward product and dX want), false for its rows, or for whole
    /// matrices where there are several.
    /// </summary>
    public bool SplitsColumns { get; private init; }

    /// <summary>The rows of C, of all matrices of a stack together.</summary>
    public int Rows => _m * _matrices;

    public int Columns => _n;

    public int Units => SplitsColumns ? _n : _matrices == 1 ? _m : _matrices;

    public int Grain => SplitsColumns ? ColumnGrain : _matrices == 1 ? RowGrain : 1;

    public long Flops => 2L * _m * _n * _k * _matrices;

    public long Bytes => sizeof(float) * (((long)_m * _k) + ((long)_k * _n) + ((long)_m * _n)) * _matrices;

    /// <summary>Bytes of workspace that <see cref="Run"/> wants on each thread.</summary>
    public long Workspace { get; }

    public string Call
    {
        get
        {
            string function = _library == ProductLibrary.Own ? "nb_product_run" : "cblas_sgemm";
            string stack = _matrices == 1 ? "" : $"{_matrices} of ";
            return $"{function} {(_transposeA ? 'T' : 'N')}{(_isPacked ? 'P' : _transposeB ? 'T' : 'N')} {stack}{_m}x{_n}x{_k}";
        }
    }

    /// <summary>op(A)·B with B as <see cref="PackedRight"/> has packed it.</summary>
    public static Gemm OfPacked(bool transposeA, Shape a, int columns) => new(transposeA, a, columns);

    /// <summary>The same product, its columns split between threads.</summary>
    public Gemm ByColumns() => new(this) { SplitsColumns = true };

    /// <summary>The same product, its rows (or its matrices) split between threads.</summary>
    public Gemm ByRows() => new(this) { SplitsColumns = false };

    /// <summary>Where the units from <paramref name="begin"/> to <paramref name="end"/> lie in C.</summary>
    public Slab Slab(int begin, int end)
    {
        int rows = _matrices == 1 ? 1 : _m;
        return SplitsColumns
            ? new(begin, begin, (nuint)Rows, (nuint)(end - begin), (nuint)_n)
            : new((long)begin * rows * _n, 0, (nuint)((end - begin) * rows), (nuint)_n, (nuint)_n);
    }

    /// <summary>Computes the units from <paramref name="begin"/> to <paramref name="end"/>: columns, rows or matrices of C.</summary>
    public void Run(float alpha, float* a, float* b, float beta, float* c, int begin, int end, float* workspace)
    {
        if (_library == ProductLibrary.Own)
        {
            RunOwn(alpha, a, b, beta, c, begin, end, workspace);
        }
        else
        {
            RunOpenBlas(alpha, a, b, beta, c, begin, end);
        }
    }

    private int ColumnGrain => _library == ProductLibrary.Own ? OwnColumnGrain : OpenBlasGrain;

    private int RowGrain => _library == ProductLibrary.Own ? OwnRowGrain : OpenBlasGrain;

    private nb_product Product() => new()
    {
        m = (nuint)_m,
        n = (nuint)_n,
        k = (nuint)_k,
        a_form = _transposeA ? nb_operand.NB_OPERAND_TRANSPOSED : nb_operand.NB_OPERAND_PLAIN,
        b_form = _isPacked ? nb_operand.NB_OPERAND_PACKED
            : _transposeB ? nb_operand.NB_OPERAND_TRANSPOSED : nb_operand.NB_OPERAND_PLAIN,
        lda = (nuint)_lda,
        ldb = (nuint)_ldb,
        ldc = (nuint)Math.Max(1, _n),
    };

    private void RunOwn(float alpha, float* a, float* b, float beta, float* c, int begin, int end, float* workspace)
    {
        nb_product product = Product();
        (product.alpha, product.beta) = (alpha, beta);
        Part part = PartOf(begin, end);
        for (int i = part.FirstMatrix; i < part.EndMatrix; i++)
        {
            product.a = a + (i * _nextA);
            product.b = b + (i * _nextB);
            product.c = c + ((long)i * _m * _n);
            NativeProduct.Run(&product, part.Row, part.Rows, part.Column, part.Columns, workspace);
        }
    }

    private void RunOpenBlas(float alpha, float* a, float* b, float beta, float* c, int begin, int end)
    {
        Part part = PartOf(begin, end);
        if (part.Rows == 0 || part.Columns == 0)
        {
            return;
        }

        a += (long)part.Row * (_transposeA ? 1 : _lda);
        b += (long)part.Column * (_transposeB ? _ldb : 1);
        c += ((long)part.Row * _n) + part.Column;
        for (int i = part.FirstMatrix; i < part.EndMatrix; i++)
        {
            Cblas.cblas_sgemm(
                CBLAS_ORDER.CblasRowMajor,
                _transposeA ? CBLAS_TRANSPOSE.CblasTrans : CBLAS_TRANSPOSE.CblasNoTrans,
                _transposeB ? CBLAS_TRANSPOSE.CblasTrans : CBLAS_TRANSPOSE.CblasNoTrans,
                part.Rows, part.Columns, _k, alpha, a + (i * _nextA), _lda, b + (i * _nextB), _ldb, beta, c + ((long)i * _m * _n), _n);
        }
    }

    // Which matrices of a stack some units are, and which rows and columns of each.
    private Part PartOf(int begin, int end) =>
        SplitsColumns ? new(0, _matrices, 0, _m, begin, end - begin)
        : _matrices == 1 ? new(0, 1, begin, end - begin, 0, _n)
        : new(begin, end, 0, _m, 0, _n);

    private readonly record struct Part(int FirstMatrix, int EndMatrix, int Row, int Rows, int Column, int Columns);
}

/// <summary>The part of a product's result that one thread computes, as an elementwise kernel sees it.</summary>
internal readonly record struct Slab(long Start, int Column, nuint Rows, nuint Columns, nuint Stride);
