using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// A product that is the first part of a fused operation: of matrices or of patches, alone or plus C, and then it goes on in C's memory
/// where that dies. Inputs A, B, or B as <see cref="PackedRight"/> has packed it, and maybe C.
/// </summary>
internal readonly record struct ProductTerm(Op Product, bool HasAddend, bool IsPacked = false)
{
    public string Name => HasAddend ? $"{Product.Name}_add" : Product.Name;

    /// <summary>True when ranges of columns of the result can be computed alone, which a sum over the rows wants.</summary>
    public bool HasColumns => Product is MatMul;

    /// <summary>The product that an operation is; null when it is none, or more than that.</summary>
    public static ProductTerm? Of(Operation operation) => operation switch
    {
        MatMul or Convolution or ConvolutionInputGradient => new ProductTerm((Op)operation, false),
        AffineActivation { HasBias: false } sum when sum.Function.Row == Functions.Identity => sum.Term,
        _ => null,
    };
}

/// <summary>A <see cref="ProductTerm"/> made for its operands.</summary>
internal abstract unsafe class ProductPart
{
    private readonly Operand _addend;

    private protected ProductPart(ProductTerm term, KernelArguments arguments, Operand c)
    {
        (A, B, C, HasAddend) = (arguments.Inputs[0], arguments.Inputs[1], c, term.HasAddend);
        _addend = HasAddend ? arguments.Inputs[2] : default;
    }

    public abstract int Units { get; }

    public abstract int Grain { get; }

    public abstract long Flops { get; }

    public long Bytes => sizeof(float) * ((long)A.Length + B.Length + ((HasAddend ? 2 : 1) * (long)C.Length));

    public abstract long Workspace { get; }

    public string Call => HasAddend ? $"{Function} beta=1" : Function;

    protected Operand A { get; }

    protected Operand B { get; }

    protected Operand C { get; }

    protected bool HasAddend { get; }

    protected abstract string Function { get; }

    /// <param name="term">The product.</param>
    /// <param name="arguments">The fused operation's operands, the product's first.</param>
    /// <param name="c">Where the product goes.</param>
    /// <param name="byColumns">True where each thread has to have all rows of its columns.</param>
    public static ProductPart Create(ProductTerm term, KernelArguments arguments, Operand c, bool byColumns = false) => term.Product switch
    {
        MatMul matMul => new MatrixPart(term, matMul, arguments, c, byColumns),
        Convolution convolution => new PatchPart(
            term, PatchProduct.Forward(convolution.Geometry, arguments.Inputs[0].Shape, c.Shape), arguments, c),
        ConvolutionInputGradient gradient => new PatchPart(
            term, PatchProduct.Backward(gradient.Geometry, c.Shape, arguments.Inputs[0].Shape), arguments, c),
        _ => throw Refusal.NotSupported($"{term.Product.Name} is not a product"),
    };

    /// <summary>Computes some units, and hands on where the pieces lie in the result as they are made.</summary>
    public abstract void Run(int begin, int end, float* workspace, Action<Slab>? finish);

    // Brings what is added to where it is added.
    private protected void CopyAddend(Slab slab)
    {
        (nuint rows, nuint columns) = slab.Columns == slab.Stride ? (1, slab.Rows * slab.Columns) : (slab.Rows, slab.Columns);
        for (nuint row = 0; HasAddend && !_addend.Aliases(C) && row < rows; row++)
        {
            nuint at = (nuint)slab.Start + (row * slab.Stride), bytes = columns * sizeof(float);
            Buffer.MemoryCopy(_addend.Data + at, C.Data + at, bytes, bytes);
        }
    }

    private sealed class MatrixPart : ProductPart
    {
        private readonly Gemm _gemm;

        public MatrixPart(ProductTerm term, MatMul product, KernelArguments arguments, Operand c, bool byColumns)
            : base(term, arguments, c)
        {
            var gemm = !term.IsPacked
                ? new Gemm(product.TransposeA, product.TransposeB, A.Shape, B.Shape, arguments.Products)
                : Gemm.OfPacked(product.TransposeA, A.Shape, c.Shape[-1]);
            _gemm = byColumns && !gemm.SplitsColumns ? gemm.ByColumns() : gemm;
        }

        public override int Units => _gemm.Units;

        public override int Grain => _gemm.Grain;

        public override long Flops => _gemm.Flops;

        public override long Workspace => _gemm.Workspace;

        protected override string Function => _gemm.Call;

        public override void Run(int begin, int end, float* workspace, Action<Slab>? finish)
        {
            Slab slab = _gemm.Slab(begin, end);
            CopyAddend(slab);
            _gemm.Run(1, A.Data, B.Data, HasAddend ? 1 : 0, C.Data, begin, end, workspace);
            finish?.Invoke(slab);
        }
    }

    private sealed class PatchPart(ProductTerm term, PatchProduct product, KernelArguments arguments, Operand c)
        : ProductPart(term, arguments, c)
    {
        public override int Units => product.Units;

        public override int Grain => product.Grain;

        public override long Flops => product.Flops;

        public override long Workspace => product.Workspace;

        protected override string Function => product.Call;

        public override void Run(int begin, int end, float* workspace, Action<Slab>? finish)
        {
            CopyAddend(product.SlabOf(begin, end));
            product.Run(A.Data, B.Data, HasAddend ? 1 : 0, C.Data, begin, end, workspace, finish);
        }
    }
}
