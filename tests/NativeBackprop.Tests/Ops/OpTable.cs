using NativeBackprop.Ops;
using static NativeBackprop.Tests.Ops.Domains;

namespace NativeBackprop.Tests.Ops;

/// <summary>The table: a row for each op. A new op goes here, or the table's own test fails.</summary>
internal static class OpTable
{
    public static IEnumerable<OpRow> Rows => [.. ElementwiseRows, .. BinaryRows, .. OtherRows];

    public static IEnumerable<OpRow> ElementwiseRows =>
    [
        Elementwise(new Abs(), AwayFromZero),
        Elementwise(new Cos()),
        Elementwise(new Elu(0.7f), AwayFromZero),
        Elementwise(new Exp()),
        Elementwise(new Gelu()),
        Elementwise(new GeluTanh()),
        Elementwise(new Identity()),
        Elementwise(new LeakyRelu(0.1f), AwayFromZero),
        Elementwise(new Log(), Positive),
        Elementwise(new Power(3), AwayFromZero),
        Elementwise(new Power(2), AwayFromZero),
        Elementwise(new Power(1), AwayFromZero),
        Elementwise(new Power(0), AwayFromZero),
        Elementwise(new Power(-1), AwayFromZero),
        Elementwise(new Power(-2), AwayFromZero),
        Elementwise(new Power(5), AwayFromZero),
        Elementwise(new Power(0.5f), Positive),
        Elementwise(new Power(-0.5f), Positive),
        Elementwise(new Power(1.7f), Positive),
        Elementwise(new Reciprocal(), AwayFromZero),
        Elementwise(new Relu(), AwayFromZero),
        Elementwise(new Scale(-1.7f)),
        Elementwise(new Shift(0.3f)),
        Elementwise(new Sigmoid()),
        Elementwise(new Silu()),
        Elementwise(new Sin()),
        Elementwise(new Softplus()),
        Elementwise(new Softplus(2.5f)),
        Elementwise(new Sqrt(), Positive),
        Elementwise(new Square()),
        Elementwise(new Tanh()),
    ];

    public static IEnumerable<OpRow> BinaryRows =>
    [
        Binary(new Add(), Normal, Normal),
        Binary(new Subtract(), Normal, Normal),
        Binary(new Multiply(), Normal, Normal),
        Binary(new Divide(), Normal, AwayFromZero),
        Binary(new Maximum(), Distinct(), Distinct(0.5)),
        Binary(new Minimum(), Distinct(), Distinct(0.5)),
        Binary(new Greater(), Distinct(), Distinct(0.5)),
        Binary(new GreaterEqual(), Distinct(), Distinct(0.5)),
        Binary(new Equal(), Distinct(), Distinct(0.5)),
    ];

    private static IEnumerable<OpRow> OtherRows =>
    [
        Row("fill", new Fill(0.4f, [4, 5])) with { IsSerial = true },
        Row("constant", new Constant(new float[] { 1, -2, 3, 0.5f, 0, -0.25f }, [2, 3])) with { IsSerial = true },
        Row("adam_corrections", new AdamCorrections(0.9f, 0.999f), Of(Whole, _ => [1])) with { IsSerial = true, Derivatives = 0 },
        new OpRow("dropout_mask", typeof(DropoutMask), (graph, x) =>
            graph.Add(new DropoutMask(0.3f, 5, [Shape.Batch, 515]), x), Of(Whole, _ => [4])) { Derivatives = 0 },
        Row("custom_forward", new MultiplyGate(), Of(Normal, Batch), Of(Normal, Batch)) with { IsSerial = true, Derivatives = 1 },
        new OpRow("custom_backward", typeof(CustomBackward), (graph, x) =>
            graph.Gradient((graph.Add(new MultiplyGate(), x) * 3f).Sum(), x[0])[0], Of(Normal, Batch), Of(Normal, Batch))
            { IsSerial = true, Derivatives = 0 },
        Row("elementwise_gradient of the argument", new ElementwiseGradient(new Silu()), Of(Normal, Batch), Of(Normal, Batch)),
        Row("elementwise_gradient of the value", new ElementwiseGradient(new Tanh()), Of(Normal, Batch), Of(Normal, Batch)),
        Row("broadcast_to of a column", new BroadcastTo([2, 4, 31]), Of(Normal, _ => [4, 1])),
        new OpRow("broadcast_to of a row", typeof(BroadcastTo), (_, x) => x[0].BroadcastTo([Shape.Batch, .. x[0].Shape]), Of(Normal, n => [n])),
        Row("concatenate", new Concatenate(1), Of(Normal, Batch), Of(Normal, n => [Shape.Batch, n + 2]),
            Of(Normal, Batch)) with { IsSerial = true },
        Row("concatenate inside", new Concatenate(1), Of(Normal, n => [2, n, 3]), Of(Normal, _ => [2, 1, 3])) with { IsSerial = true },
        Row("matmul NN", new MatMul(), Of(Normal, Batch), Of(Normal, n => [n, 37])),
        Row("matmul NT", new MatMul(false, true), Of(Normal, Batch), Of(Normal, n => [37, n])),
        Row("matmul TN", new MatMul(true), Of(Normal, n => [n, Shape.Batch]), Of(Normal, n => [n, 7])),
        Row("matmul TT", new MatMul(true, true), Of(Normal, n => [n, Shape.Batch]), Of(Normal, n => [50, n])),
        Row("max of rows", new Max(1, 1), Of(Distinct(), Batch)),
        Row("max of columns", new Max(0, 1, true), Of(Distinct(), Batch)) with { IsSerial = true },
        Row("max inside", new Max(1, 2), Of(Distinct(), n => [Shape.Batch, 2, 3, n])),
        Row("max_gradient", new MaxGradient(new Max(1, 1)), Of(Normal, _ => [Shape.Batch]), Of(Distinct(), Batch), x => x[1].Max(1)),
        Row("max_select", new MaxSelect(new Max(1, 1)), Of(Normal, Batch), Of(Distinct(), Batch), x => x[1].Max(1)),
        Row("mean of rows", new Mean(1, 1), Of(Normal, Batch)),
        Row("mean of all", new Mean(0, 2), Of(Normal, Batch)) with { IsSerial = true },
        Row("mean of the batch", new Mean(0, 1, true), Of(Normal, Batch)),
        new OpRow("spread", typeof(Spread), (graph, x) =>
            graph.Add(new Spread([Shape.Batch, x[0].Shape[1]], 0, 1), x[0]), Of(Normal, n => [1, n])) { IsSerial = true },
        Row("one_hot", new OneHot(6), Labels(6)) with { Derivatives = 0 },
        new OpRow("reshape", typeof(Reshape), (_, x) =>
            x[0].Reshape([2, Shape.Batch, x[0].Shape[1] / 2]), Of(Normal, n => [Shape.Batch, 2 * n])) { IsSerial = true },
        Row("recompute", new Recompute(), Of(Normal, Batch), Of(Normal, Batch)) with { IsSerial = true },
        Row("slice", new Slice(1, 1, 3), Of(Normal, Batch)),
        Row("slice inside", new Slice(1, 1, 2), Of(Normal, n => [2, 4, n])),
        Row("pad", new Pad(1, 2, 1), Of(Normal, Batch)) with { IsSerial = true },
        Row("softmax", new Softmax(), Of(Normal, Batch)),
        Row("log_sum_exp", new LogSumExp(), Of(Normal, Batch)),
        Row("log_sum_exp of cubes", new LogSumExp(), Of(Normal, n => [2, Shape.Batch, n])),
        Row("softmax_cross_entropy", new SoftmaxCrossEntropyPerExample(false), Of(Normal, Batch), Labels(5)),
        Row("softmax_cross_entropy of probabilities", new SoftmaxCrossEntropyPerExample(true), Of(Normal, Batch), Of(Probabilities, Batch)),
        Row("softmax_cross_entropy_gradient", new SoftmaxCrossEntropyGradient(false), Of(Normal, Batch), Labels(5), Of(Normal, _ => [Shape.Batch])),
        Row("softmax_cross_entropy_gradient of probabilities", new SoftmaxCrossEntropyGradient(true), Of(Normal, Batch),
            Of(Probabilities, Batch), Of(Normal, _ => [Shape.Batch])),
        Row("squared_error", new SquaredError(), Of(Normal, Batch), Of(Normal, Batch)),
        Row("squared_error_gradient", new SquaredErrorGradient(), Of(Normal, Batch), Of(Normal, Batch), Of(Normal, _ => [Shape.Batch])),
        Row("sum of rows", new Sum(1, 1), Of(Normal, Batch)),
        Row("sum of the batch", new Sum(0, 1), Of(Normal, Batch)),
        Row("sum inside", new Sum(1, 2, true), Of(Normal, n => [Shape.Batch, 2, 3, n])),
        Row("transpose", new Transpose([1, 0]), Of(Normal, Batch)),
        Row("transpose of a cube", new Transpose([2, 0, 1]), Of(Normal, n => [Shape.Batch, 3, n])),
    ];

    public static Shape Batch(int n) => [Shape.Batch, n];

    public static RowOperand Of(Domain domain, Func<int, Shape> shape) => new(shape, domain);

    private static OpRow Elementwise(Elementwise function, Domain? domain = null) =>
        Row(function is Power power ? $"power {power.Exponent}" : function is Softplus softplus ? $"softplus {softplus.Beta}" : function.Name, function, Of(domain ?? Normal, Batch));

    private static OpRow Binary(Binary op, Domain a, Domain b) => Row(op.Name, op, Of(a, Batch), Of(b, Batch));

    private static RowOperand Labels(int classes) => new(_ => [Shape.Batch], Normal, classes);

    private static OpRow Row(string name, Op op, params RowOperand[] operands) =>
        new(name, op.GetType(), (graph, x) => graph.Add(op, x), operands);

    // The last input is computed from the operands.
    private static OpRow Row(string name, Op op, RowOperand first, RowOperand second, Func<Node[], Node> last) =>
        new(name, op.GetType(), (graph, x) => graph.Add(op, x[0], x[1], last(x)), first, second);
}
