using NativeBackprop.Ops;
using static NativeBackprop.Tests.Ops.Domains;
using static NativeBackprop.Tests.Ops.OpTable;

namespace NativeBackprop.Tests.Ops;

/// <summary>Rows for normalisation by the channel. What is derived from operands is computed from them.</summary>
internal static class NormTable
{
    private const float Epsilon = 0.1f;

    public static IEnumerable<OpRow> Rows =>
    [
        Row("batch_statistics", new BatchStatistics(), OpTable.Of(Normal, Batch)),
        Row("batch_statistics of images", new BatchStatistics(), OpTable.Of(Normal, Image)),
        Row("unbiased_variance", new UnbiasedVariance(), OpTable.Of(Positive, Channel), OpTable.Of(Normal, Batch)) with { IsSerial = true },
        Row("normalize", new Normalize(Epsilon), OpTable.Of(Normal, Batch), OpTable.Of(Normal, Channel), OpTable.Of(Positive, Channel),
            OpTable.Of(Normal, Channel), OpTable.Of(Normal, Channel)),
        .. Of("", Batch),
        .. Of(" of images", Image),
    ];

    private static Shape Image(int n) => [Shape.Batch, 2, 3, n];

    private static Shape Channel(int n) => [n];

    private static IEnumerable<OpRow> Of(string name, Func<int, Shape> shape)
    {
        RowOperand x = OpTable.Of(Normal, shape), channel = OpTable.Of(Normal, Channel);
        yield return new OpRow($"batch_normalize{name}", typeof(BatchNormalize), (graph, operands) =>
            graph.Add(new BatchNormalize(Epsilon), operands[0], Statistics(operands[0]), operands[1], operands[2]), x, channel, channel);
        yield return new OpRow($"batch_normalize_sums{name}", typeof(BatchNormalizeSums), (_, operands) =>
            Sums(operands[0], operands[1]), x, x);
        yield return new OpRow($"batch_normalize_gradient{name}", typeof(BatchNormalizeGradient), (graph, operands) => graph.Add(
            new BatchNormalizeGradient(Epsilon), operands[0], operands[1], Statistics(operands[1]), Sums(operands[0], operands[1]),
            operands[2]), x, x, channel);
    }

    private static Node Statistics(Node x) => x.Graph.Add(new BatchStatistics(), x);

    private static Node Sums(Node dy, Node x) => x.Graph.Add(new BatchNormalizeSums(Epsilon), dy, x, Statistics(x));
}
