namespace NativeBackprop.Ops;

/// <summary>
/// The matrix product C = op(A)·op(B), where op may transpose. Its gradients are products again:
/// dA = dC·op(B)ᵀ and dB = op(A)ᵀ·dC (lecture notes 000 and 002; Giles 2008).
/// </summary>
internal sealed unsafe record MatMul(bool TransposeA = false, bool TransposeB = false) : Op
{
    /// <inheritdoc/>
    public override string Name => "matmul";

    internal override int Arity => 2;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape a = inputs[0], b = inputs[1];
        if (a.Rank != 2 || b.Rank != 2)
        {
            throw new ShapeException($"expected two matrices, got ranks {a.Rank} and {b.Rank}");
        }

        (int m, int k) = TransposeA ? (a[1], a[0]) : (a[0], a[1]);
        (int k2, int n) = TransposeB ? (b[1], b[0]) : (b[0], b[1]);
        return k == k2
            ? [m, n]
            : throw new ShapeException($"the inner dimensions must agree, got {Shape.Text(k)} from the left and {Shape.Text(k2)} from the right");
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node a = node.Inputs[0], b = node.Inputs[1];
        return (input, TransposeA, TransposeB) switch
        {
            (0, false, _) => dy.Graph.Add(new MatMul(false, !TransposeB), dy, b),
            (0, true, _) => dy.Graph.Add(new MatMul(TransposeB, true), b, dy),
            (_, _, false) => dy.Graph.Add(new MatMul(!TransposeA, false), a, dy),
            (_, _, true) => dy.Graph.Add(new MatMul(true, TransposeA), dy, a),
        };
    }

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new MatMulKernel(this, arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        Shape a = arguments.Shapes[0], b = arguments.Shapes[1];
        (int m, int n) = (arguments.OutputShape[0], arguments.OutputShape[1]);
        int k = TransposeA ? a[0] : a[1];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = 0;
                for (int p = 0; p < k; p++)
                {
                    sum += arguments.Inputs[0][TransposeA ? (p * a[1]) + i : (i * a[1]) + p]
                         * arguments.Inputs[1][TransposeB ? (j * b[1]) + p : (p * b[1]) + j];
                }

                arguments.Output[(i * n) + j] = sum;
            }
        }
    }
}

/// <summary>C = op(A)·op(B).</summary>
internal sealed unsafe class MatMulKernel : Kernel
{
    private readonly Gemm _gemm;
    private readonly Operand _a, _b, _c;

    public MatMulKernel(MatMul op, Operand a, Operand b, Operand c)
    {
        _gemm = new Gemm(op.TransposeA, op.TransposeB, a.Shape, b.Shape);
        (_a, _b, _c) = (a, b, c);
        (Units, Grain, Flops, Bytes) = (_gemm.Units, _gemm.Grain, _gemm.Flops, _gemm.Bytes);
    }

    public override string Call => _gemm.Call;

    public override void Run(int begin, int end, int thread) => _gemm.Run(1, _a.Data, _b.Data, 0, _c.Data, begin, end);
}
