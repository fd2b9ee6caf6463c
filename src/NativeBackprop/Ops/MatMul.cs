namespace NativeBackprop.Ops;

/// <summary>
/// The matrix product C = op(A)·op(B), where op may transpose the last two dimensions. A [.., M, K] times one matrix B [K, N] is one
/// product of A's rows, all leading dimensions viewed as one; otherwise there is a product for each position in the leading
/// dimensions, which both share or only one has. The gradients are products again: dA = dC·op(B)ᵀ and dB = op(A)ᵀ·dC, summed over the
/// leading dimensions where the operand does not have them (lecture notes 000 and 002; Giles 2008).
/// </summary>
internal sealed unsafe record MatMul(bool TransposeA = false, bool TransposeB = false) : Op
{
    /// <inheritdoc/>
    public override string Name => "matmul";

    internal override int Arity => 2;

    // The rows of a matrix on the left are rows of the result; a stack of matrices has one product for each.
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => node.Inputs[0].Shape.Rank == 2 && byRow[0]
        ? !TransposeA && !byRow[1]
        : !byRow[1] || node.Inputs[1].Shape.Rank > 2;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape a = inputs[0], b = inputs[1];
        if (a.Rank < 2 || b.Rank < 2)
        {
            throw new ShapeException($"expected matrices or stacks of them, got ranks {a.Rank} and {b.Rank}");
        }

        if (a.Rank > 2 && b.Rank > 2 && !a.Extents[..^2].SequenceEqual(b.Extents[..^2]))
        {
            throw new ShapeException($"the leading dimensions of {a} and {b} must agree");
        }

        (int m, int k) = TransposeA ? (a[-1], a[-2]) : (a[-2], a[-1]);
        (int k2, int n) = TransposeB ? (b[-1], b[-2]) : (b[-2], b[-1]);
        return k == k2
            ? (a.Rank > 2 ? a : b).With(-2, m).With(-1, n)
            : throw new ShapeException(
                $"the inner dimensions must agree, got {Shape.Text(k)} from the left and {Shape.Text(k2)} from the right");
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node a = node.Inputs[0], b = node.Inputs[1];
        if (input == 1 && !TransposeA && a.Shape.Rank > 2 && b.Shape.Rank == 2)
        {
            (a, dy) = (Rows(a), Rows(dy));
        }

        Node gradient = (input, TransposeA, TransposeB) switch
        {
            (0, false, _) => dy.Graph.Add(new MatMul(false, !TransposeB), dy, b),
            (0, true, _) => dy.Graph.Add(new MatMul(TransposeB, true), b, dy),
            (_, _, false) => dy.Graph.Add(new MatMul(!TransposeA, false), a, dy),
            (_, _, true) => dy.Graph.Add(new MatMul(true, TransposeA), dy, a),
        };
        int extra = gradient.Shape.Rank - node.Inputs[input].Shape.Rank;
        return extra > 0 ? gradient.Graph.Add(new Sum(0, extra), gradient) : gradient;
    }

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new MatMulKernel(this, arguments.Inputs[0], arguments.Inputs[1], arguments.Output, arguments.Products);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        Shape a = arguments.Shapes[0], b = arguments.Shapes[1], c = arguments.OutputShape;
        (int m, int n, int k) = (c[-2], c[-1], TransposeA ? a[-2] : a[-1]);
        int matrices = m * n == 0 ? 0 : arguments.Output.Length / (m * n);
        for (int matrix = 0; matrix < matrices; matrix++)
        {
            int atA = a.Rank > 2 ? matrix * m * k : 0, atB = b.Rank > 2 ? matrix * k * n : 0, atC = matrix * m * n;
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    double sum = 0;
                    for (int p = 0; p < k; p++)
                    {
                        sum += arguments.Inputs[0][atA + (TransposeA ? (p * m) + i : (i * k) + p)]
                             * arguments.Inputs[1][atB + (TransposeB ? (j * k) + p : (p * n) + j)];
                    }

                    arguments.Output[atC + (i * n) + j] = sum;
                }
            }
        }
    }

    // [.., M, K] as the matrix [..·M, K].
    private static Node Rows(Node x) => x.Reshape([x.Shape.Product(0, x.Shape.Rank - 1), x.Shape[-1]]);
}

/// <summary>C = op(A)·op(B).</summary>
internal sealed unsafe class MatMulKernel : Kernel
{
    private readonly Gemm _gemm;
    private readonly Operand _a, _b, _c;

    public MatMulKernel(MatMul op, Operand a, Operand b, Operand c, ProductLibrary products)
    {
        _gemm = new Gemm(op.TransposeA, op.TransposeB, a.Shape, b.Shape, products);
        (_a, _b, _c) = (a, b, c);
        (Units, Grain, Flops, Bytes, WorkspacePerThread) = (_gemm.Units, _gemm.Grain, _gemm.Flops, _gemm.Bytes, _gemm.Workspace);
    }

    public override string Call => _gemm.Call;

    public override void Run(int begin, int end, int thread) => 
        _gemm.Run(1, _a.Data, _b.Data, 0, _c.Data, begin, end, WorkspaceOf(thread));
}
