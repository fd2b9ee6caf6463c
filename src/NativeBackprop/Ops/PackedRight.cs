using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// A product's right operand in the panels that our own product reads, for several products with the same one: the steps of a recurrence
/// share their weights. Input B [K, N], or [N, K] transposed; the output is as long as the panels are.
/// </summary>
internal sealed record PackedRight(bool Transposed) : Operation
{
    // Columns of a panel, where a split between threads may fall.
    private const int Panel = 32;

    public override string Name => "pack";

    /// <summary>
    /// True for a product that can read its right operand packed: one of our own, of one matrix and not of a stack, and of more than one
    /// row, which streams through any operand once. Where an operand lies changes no bit of a product.
    /// </summary>
    public static bool Serves(MatMul product, Shape a, Shape b, ProductLibrary products)
    {
        if (b.Rank != 2 || (a.Rank != 2 && product.TransposeA) || b.Length == 0)
        {
            return false;
        }

        int rows = product.TransposeA ? a[-1] : a.Product(0, a.Rank - 1), columns = product.TransposeB ? b[0] : b[1];
        return rows > 1 && ProductRule.Choose(products, product.TransposeA, rows, columns) == ProductLibrary.Own;
    }

    /// <summary>The shape of the panels of an operand.</summary>
    public Shape ShapeOf(Shape b) => [checked((int)NativeProduct.PackedLength(Columns(b), Depth(b)))];

    internal override Kernel CreateKernel(KernelArguments arguments) => new PackKernel(this, arguments.Inputs[0], arguments.Output);

    private int Columns(Shape b) => Transposed ? b[0] : b[1];

    private int Depth(Shape b) => Transposed ? b[1] : b[0];

    private sealed unsafe class PackKernel : Kernel
    {
        private readonly PackedRight _operation;
        private readonly Operand _b, _packed;

        public PackKernel(PackedRight operation, Operand b, Operand packed)
        {
            (_operation, _b, _packed) = (operation, b, packed);
            (Units, Grain, Bytes) = (operation.Columns(b.Shape), Panel, sizeof(float) * ((long)b.Length + packed.Length));
        }

        public override string Call => "nb_product_pack_f32";

        public override void Run(int begin, int end, int thread)
        {
            var product = new nb_product
            {
                n = (nuint)_operation.Columns(_b.Shape),
                k = (nuint)_operation.Depth(_b.Shape),
                b_form = _operation.Transposed ? nb_operand.NB_OPERAND_TRANSPOSED : nb_operand.NB_OPERAND_PLAIN,
                b = _b.Data,
                ldb = (nuint)Math.Max(1, _b.Shape[1]),
            };
            NativeProduct.PackColumns(&product, begin, end - begin, _packed.Data);
        }
    }
}
