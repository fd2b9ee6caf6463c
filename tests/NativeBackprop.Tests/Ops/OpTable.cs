using NativeBackprop.Ops;
using static NativeBackprop.Tests.Ops.Domains;

namespace NativeBackprop.Tests.Ops;

/// <summary>The table: a row for each op. A new op goes here, or the table's own test fails.</summary>
internal static class OpTable
{
    public static IEnumerable<OpRow> Rows => [.. ElementwiseRows, .. BinaryRows, .. OtherRows, .. ConvolutionTable.Rows];

    /// <summary>Every function, with every value of its parameter that its row wants tried.</summary>
    public static IEnumerable<OpRow> ElementwiseRows =>
        Functions.All.SelectMany(row => (row.Parameter?.Tested ?? [0]).Select(parameter => Elementwise(row.Create(parameter))));

    public static IEnumerable<OpRow> BinaryRows => Binary.All.Select(OfBinary);

    private static IEnumerable<OpRow> OtherRows =>
    [
        Row("fill", new Fill(0.4f, [4, 5])) with { IsSerial = true },
        Row("constant", new Constant(new float[] { 1, -2, 3, 0.5f, 0, -0.25f }, [2, 3])) with { IsSerial = true },
        Row("adam_corrections", new AdamCorrections(0.9f, 0.999f), Of(Whole, _ => [1])) with { IsSerial = true, Derivatives = 0 },
        new OpRow("dropout_mask", typeof(DropoutMask), (graph, x) =>
            graph.Add(new DropoutMask(0.3f, 5, [Shape.Batch, 515]), x), Of(Whole, _ => [2])) { Derivatives = 0 },
        Row("custom_forward", new MultiplyGate(), Of(Normal, Batch), Of(Normal, Batch)) with { IsSerial = true, Derivatives = 1 },
        new OpRow("custom_backward", typeof(CustomBackward), (graph, x) =>
            graph.Gradient((graph.Add(new MultiplyGate(), x) * 3f).Sum(), x[0])[0], Of(Normal, Batch), Of(Normal, Batch))
            { IsSerial = true, Derivatives = 0 },
        Row("elementwise_gradient of the argument", new ElementwiseGradient(new Silu()), Of(Normal, Batch), Of(Normal, Batch)),
        Row("elementwise_gradient of the value", new ElementwiseGradient(new Tanh()), Of(Normal, Batch), Of(Normal, Batch)),
        Row("broadcast_to of a column", new BroadcastTo([2, 4, 31]), Of(Normal, _ => [4, 1])),
        new OpRow("broadcast_to of a row", typeof(BroadcastTo), (_, x) => x[0].BroadcastTo([Shape.Batch, .. x[0].Shape]),
            Of(Normal, n => [n])),
        Row("concatenate", new Concatenate(1), Of(Normal, Batch), Of(Normal, n => [Shape.Batch, n + 2]),
            Of(Normal, Batch)) with { IsSerial = true },
        Row("concatenate inside", new Concatenate(1), Of(Normal, n => [2, n, 3]), Of(Normal, _ => [2, 1, 3])) with { IsSerial = true },
        Row("matmul NN", new MatMul(), Of(Normal, Batch), Of(Normal, n => [n, 37])),
        Row("matmul NT", new MatMul(false, true), Of(Normal, Batch), Of(Normal, n => [37, n])),
        Row("matmul TN", new MatMul(true), Of(Normal, n => [n, Shape.Batch]), Of(Normal, n => [n, 7])),
        Row("matmul TT", new MatMul(true, true), Of(Normal, n => [n, Shape.Batch]), Of(Normal, n => [50, n])),
        Row("matmul of a stack by a matrix", new MatMul(), Of(Normal, n => [3, Shape.Batch, n]), Of(Normal, n => [n, 37])),
        Row("matmul NT of a stack by a matrix", new MatMul(false, true), Of(Normal, n => [Shape.Batch, 3, n]), Of(Normal, n => [7, n])),
        Row("matmul TN of a stack by a matrix", new MatMul(true), Of(Normal, n => [Shape.Batch, n, 3]), Of(Normal, n => [n, 7])),
        Row("matmul TT of a matrix by a stack", new MatMul(true, true), Of(Normal, n => [n, 3]), Of(Normal, n => [Shape.Batch, 7, n])),
        Row("matmul of a matrix by a stack", new MatMul(), Of(Normal, n => [3, n]), Of(Normal, n => [Shape.Batch, n, 7])),
        Row("matmul of stacks", new MatMul(), Of(Normal, n => [2, Shape.Batch, 3, n]), Of(Normal, n => [2, Shape.Batch, n, 5])),
        Row("matmul NT of stacks", new MatMul(false, true), Of(Normal, n => [Shape.Batch, 3, n]), Of(Normal, n => [Shape.Batch, 5, n])),
        Row("matmul TN of stacks", new MatMul(true), Of(Normal, n => [Shape.Batch, n, 3]), Of(Normal, n => [Shape.Batch, n, 5])),
        Row("matmul TT of stacks", new MatMul(true, true), Of(Normal, n => [Shape.Batch, n, 3]), Of(Normal, n => [Shape.Batch, 5, n])),
        Row("max of rows", new Max(1, 1), Of(Distinct(), Batch)),
        Row("max of columns", new Max(0, 1, true), Of(Distinct(), Batch)) with { IsSerial = true },
        Row("max inside", new Max(1, 2), Of(Distinct(), n => [Shape.Batch, 2, 3, n])),
        Row("sum over several batches", new Sum(0, 1), Of(Normal, n => [Shape.Batches(3), n])),
        Row("max_gradient", new MaxGradient(new Max(1, 1)), Of(Normal, _ => [Shape.Batch]), Of(Distinct(), Batch), x => x[1].Max(1)),
        Row("max_select", new MaxSelect(new Max(1, 1)), Of(Normal, Batch), Of(Distinct(), Batch), x => x[1].Max(1)),
        .. PoolTable.Rows,
        .. NormTable.Rows,
        Row("mean of rows", new Mean(1, 1), Of(Normal, Batch)),
        Row("mean of all", new Mean(0, 2), Of(Normal, Batch)) with { IsSerial = true },
        Row("mean of the batch", new Mean(0, 1, true), Of(Normal, Batch)),
        new OpRow("spread", typeof(Spread), (graph, x) =>
            graph.Add(new Spread([Shape.Batch, x[0].Shape[1]], 0, 1), x[0]), Of(Normal, n => [1, n])) { IsSerial = true },
        Row("gather", new Gather(), Of(Normal, n => [7, n]), new RowOperand(_ => [Shape.Batch, 5], Normal, 7)),
        Row("gather of single rows", new Gather(), Of(Normal, n => [4, n]), Labels(4)),
        Row("gather_gradient", new GatherGradient(7), Of(Normal, n => [Shape.Batch, 5, n]),
            new RowOperand(_ => [Shape.Batch, 5], Normal, 6)),
        Row("step_select", new StepSelect(2), Of(Normal, Batch), Of(Normal, Batch), Labels(5)),
        Row("sequence_mask", new SequenceMask(false), Of(Normal, n => [Shape.Batch, 5, n]), Labels(5)),
        Row("sequence_mask of steps first", new SequenceMask(true), Of(Normal, n => [5, Shape.Batch, n]), Labels(5)),
        Row("lstm_state", new LstmCell(LstmResult.State), Of(Normal, n => Batch(4 * n)), Of(Normal, Batch)),
        Row("lstm_output", new LstmCell(LstmResult.Output), Of(Normal, n => Batch(4 * n)), Of(Normal, Batch)),
        Row("lstm_state_gradient of the gates", new LstmCellGradient(LstmResult.State, 0), Of(Normal, Batch),
            Of(Normal, n => Batch(4 * n)), Of(Normal, Batch)),
        Row("lstm_state_gradient of the state", new LstmCellGradient(LstmResult.State, 1), Of(Normal, Batch),
            Of(Normal, n => Batch(4 * n)), Of(Normal, Batch)),
        Row("lstm_output_gradient of the gates", new LstmCellGradient(LstmResult.Output, 0), Of(Normal, Batch),
            Of(Normal, n => Batch(4 * n)), Of(Normal, Batch)),
        Row("lstm_output_gradient of the state", new LstmCellGradient(LstmResult.Output, 1), Of(Normal, Batch),
            Of(Normal, n => Batch(4 * n)), Of(Normal, Batch)),
        Row("gru_cell", new GruCell(), Of(Normal, n => Batch(3 * n)), Of(Normal, n => Batch(3 * n)), Of(Normal, Batch)),
        Row("gru_cell_gradient of the input", new GruCellGradient(0), Of(Normal, Batch), Of(Normal, n => Batch(3 * n)),
            Of(Normal, n => Batch(3 * n)), Of(Normal, Batch)),
        Row("gru_cell_gradient of the product", new GruCellGradient(1), Of(Normal, Batch), Of(Normal, n => Batch(3 * n)),
            Of(Normal, n => Batch(3 * n)), Of(Normal, Batch)),
        Row("gru_cell_gradient of the state", new GruCellGradient(2), Of(Normal, Batch), Of(Normal, n => Batch(3 * n)),
            Of(Normal, n => Batch(3 * n)), Of(Normal, Batch)),
        Row("one_hot", new OneHot(6), Labels(6)) with { Derivatives = 0 },
        new OpRow("reshape", typeof(Reshape), (_, x) =>
            x[0].Reshape([2, Shape.Batch, x[0].Shape[1] / 2]), Of(Normal, n => [Shape.Batch, 2 * n])) { IsSerial = true },
        new OpRow("reshape to several batches", typeof(Reshape), (_, x) => x[0].Reshape([Shape.Batches(3), x[0].Shape[2]]),
            Of(Normal, n => [3, Shape.Batch, n])) { IsSerial = true },
        Row("as_kind", new AsKind(RowKind.Signal), Of(Normal, n => [Shape.Batch, 2, n])) with { IsSerial = true },
        Row("as_of", new AsOf(), Of(Normal, Batch)) with { IsSerial = true },
        Row("recompute", new Recompute(), Of(Normal, Batch), Of(Normal, Batch)) with { IsSerial = true },
        Row("slice", new Slice(1, 1, 3), Of(Normal, Batch)),
        Row("slice of the leading axis", new Slice(0, 1, 2), Of(Normal, n => [4, Shape.Batch, n])) with { IsSerial = true },
        Row("concatenate along the leading axis", new Concatenate(0), Of(Normal, n => [1, Shape.Batch, n]),
            Of(Normal, n => [3, Shape.Batch, n])),
        Row("pad of the leading axis", new Pad(0, 2, 1), Of(Normal, n => [2, Shape.Batch, n])),
        Row("slice inside", new Slice(1, 1, 2), Of(Normal, n => [2, 4, n])),
        Row("pad", new Pad(1, 2, 1), Of(Normal, Batch)) with { IsSerial = true },
        Row("softmax", new Softmax(), Of(Normal, Batch)),
        Row("log_sum_exp", new LogSumExp(), Of(Normal, Batch)),
        Row("log_sum_exp of cubes", new LogSumExp(), Of(Normal, n => [2, Shape.Batch, n])),
        Row("softmax_cross_entropy", new SoftmaxCrossEntropyPerExample(false), Of(Normal, Batch), Labels(5)),
        Row("softmax_cross_entropy of probabilities", new SoftmaxCrossEntropyPerExample(true), Of(Normal, Batch), Of(Probabilities, Batch)),
        Row("softmax_cross_entropy_gradient", new RowLossGradient(new SoftmaxCrossEntropyPerExample(false)), Of(Normal, Batch), Labels(5),
            Of(Normal, _ => [Shape.Batch])),
        Row("softmax_cross_entropy_gradient of probabilities", new RowLossGradient(new SoftmaxCrossEntropyPerExample(true)),
            Of(Normal, Batch), Of(Probabilities, Batch), Of(Normal, _ => [Shape.Batch])),
        Row("sigmoid_cross_entropy", new SigmoidCrossEntropyPerExample(), Of(Normal, Batch), Of(Probabilities, Batch)),
        Row("sigmoid_cross_entropy_gradient", new RowLossGradient(new SigmoidCrossEntropyPerExample()), Of(Normal, Batch),
            Of(Probabilities, Batch), Of(Normal, _ => [Shape.Batch])),
        Row("squared_error", new SquaredError(), Of(Normal, Batch), Of(Normal, Batch)),
        Row("squared_error_gradient", new RowLossGradient(new SquaredError()), Of(Normal, Batch), Of(Normal, Batch),
            Of(Normal, _ => [Shape.Batch])),
        Row("sum of rows", new Sum(1, 1), Of(Normal, Batch)),
        Row("sum of the batch", new Sum(0, 1), Of(Normal, Batch)),
        Row("sum inside", new Sum(1, 2, true), Of(Normal, n => [Shape.Batch, 2, 3, n])),
        Row("transpose", new Transpose([1, 0]), Of(Normal, Batch)),
        Row("transpose of a cube", new Transpose([2, 0, 1]), Of(Normal, n => [Shape.Batch, 3, n])),
        Row("transpose of a cube back to front", new Transpose([2, 1, 0]), Of(Normal, n => [Shape.Batch, 3, n])),
        Row("transpose of each of a stack", new Transpose([0, 2, 1]), Of(Normal, n => [Shape.Batch, n, 9])),
        Row("transpose of a stack of rows", new Transpose([1, 0, 2]), Of(Normal, n => [Shape.Batch, 5, n])),
        Row("transpose of a stack of images", new Transpose([0, 2, 3, 1]), Of(Normal, n => [Shape.Batch, 3, 2, n])),
        Row("transpose of four dimensions", new Transpose([3, 1, 0, 2]), Of(Normal, n => [Shape.Batch, 3, n, 2])),
    ];

    public static Shape Batch(int n) => [Shape.Batch, n];

    public static RowOperand Of(Domain domain, Func<int, Shape> shape) => new(shape, domain);

    private static OpRow Elementwise(Elementwise function) =>
        Row(function.Row.Parameter is null ? function.Name : $"{function.Name} {function.Parameter}", function,
            Of(SmoothFor(function), Batch));

    // Operands that no two of are equal, and of division one that is not 0.
    private static OpRow OfBinary(Binary op) =>
        Row(op.Name, op, Of(Distinct(), Batch), Of(op == Binary.Divide ? AwayFrom(0) : Distinct(0.5), Batch));

    private static RowOperand Labels(int classes) => new(_ => [Shape.Batch], Normal, classes);

    public static OpRow Row(string name, Op op, params RowOperand[] operands) =>
        new(name, op.GetType(), (graph, x) => graph.Add(op, x), operands);

    // The last input is computed from the operands.
    public static OpRow Row(string name, Op op, RowOperand first, RowOperand second, Func<Node[], Node> last) =>
        new(name, op.GetType(), (graph, x) => graph.Add(op, x[0], x[1], last(x)), first, second);
}
