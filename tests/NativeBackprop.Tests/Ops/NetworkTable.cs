using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using static NativeBackprop.Tests.Ops.Domains;

namespace NativeBackprop.Tests.Ops;

/// <summary>Rows for layers and losses: graphs of several ops, tried as an op is, with respect to their parameters too.</summary>
internal static class NetworkTable
{
    public static IEnumerable<OpRow> Layers =>
    [
        Layer(n => new Linear(n, 7)),
        Layer(n => new Linear(n, 40, bias: false), "without bias"),
        Layer(n => new LowRankLinear(n, 6, 3)),
        Layer(n => new LowRankLinear(n, 6, 3, bias: false), "without bias"),
        Layer(_ => new Prelu(), domain: AwayFrom(0)),
        Layer(n => new Prelu(n), "per channel", AwayFrom(0)),
        Layer(_ => new Maxout(3), domain: Distinct(), width: n => 3 * n),
        Layer(n => new LayerNorm(n)),
        Layer(n => new Residual(new Linear(n, 4), new Tanh(), new Linear(4, n))),
        Layer(n => new Gated([new Linear(n, 4)], [new Linear(n, 4), new Sigmoid()])),
        Layer(_ => new SoftmaxLayer()),
        Layer(_ => new Dropout(0.3f), "in evaluation", mode: BuildMode.Evaluation),
        Layer(_ => new Activation(new Gelu())),
        Sequence(n => new Rnn(n, 4)),
        Sequence(n => new Rnn(n, 2, layers: 2, bidirectional: true, bias: false), "deep, in both directions, without bias"),
        Sequence(n => new Rnn(n, 3, output: RecurrentOutput.Last), "of the last state"),
        Sequence(n => new Lstm(n, 4)),
        Sequence(n => new Lstm(n, 2, layers: 2, bidirectional: true), "deep, in both directions"),
        Sequence(n => new Lstm(n, 3, bias: false, bidirectional: true, output: RecurrentOutput.Last), "of the last states, without bias"),
        Sequence(n => new Gru(n, 4)),
        Sequence(n => new Gru(n, 2, layers: 2, bidirectional: true), "deep, in both directions"),
        Sequence(n => new Gru(n, 3, bias: false, bidirectional: true, output: RecurrentOutput.Last), "of the last states, without bias"),
        new OpRow("embedding", typeof(Embedding), (_, x) => Build(new Embedding(6, 3), x[0], BuildMode.Training),
            new RowOperand(_ => [Shape.Batch, 4], Normal, 6)) { IsSerial = null },
        .. ImageLayerTable.Rows,
        Layer(n => new Sequential(new Linear(n, 6), new LayerNorm(6), new Silu(), new Linear(6, 3))),
        Image(new Conv2d(4, 6, 3, padding: Padding.Same)),
        Image(new Conv2d(4, 6, (3, 2), stride: (2, 1), padding: (1, 0), dilation: (1, 2), groups: 2, bias: false), "with every option"),
        Image(new Conv2d(4, 4, 3, groups: 4), "depthwise"),
        Image(new Conv2d(4, 5, 1), "of one pixel"),
        new OpRow("conv1d", typeof(Conv1d), (_, x) => Build(new Conv1d(4, 5, 3, stride: 2, padding: 1),
            x[0].Graph.Add(new AsKind(RowKind.Signal), x[0]), BuildMode.Training), OpTable.Of(Normal, _ => [Shape.Batch, 9, 4]))
            { IsSerial = null },
        Image(new ConvTranspose2d(4, 5, 3)),
        Image(new ConvTranspose2d(4, 6, (3, 4), stride: 2, padding: 1, groups: 2, bias: false, outputPadding: 1), "with every option"),
        Image(new ConvTranspose2d(4, 5, 2, dilation: 3, outputPadding: 2), "with an output padding beyond its stride"),
        Image(new ConvTranspose2d(4, 5, 1), "of one pixel"),
    ];

    private static float[] Weights => [0.5f, 2, 0, 1, 1.5f];

    public static IEnumerable<OpRow> Losses =>
    [
        Loss(new NativeBackprop.Losses.SoftmaxCrossEntropy(), 5, classes: 5),
        Loss(new NativeBackprop.Losses.SoftmaxCrossEntropy(), 5, Probabilities, 5, name: "of probabilities"),
        Loss(new MeanSquaredError(), 5, Normal, 5),
        Loss(new SigmoidCrossEntropy(), 5, Probabilities, 5),
        Loss(new NativeBackprop.Losses.SoftmaxCrossEntropy(labelSmoothing: 0.2f), 5, classes: 5, name: "smoothed"),
        Loss(new NativeBackprop.Losses.SoftmaxCrossEntropy(labelSmoothing: 0.2f, classWeights: Weights), 5, classes: 5,
            name: "smoothed, weighed"),
        Loss(new NativeBackprop.Losses.SoftmaxCrossEntropy(classWeights: Weights), 5, Probabilities, 5, name: "of probabilities, weighed"),
        Loss(new NativeBackprop.Losses.SoftmaxCrossEntropy(), 5, classes: 5, name: "of weighed samples", isWeighed: true),
        Loss(new MeanSquaredError(), 5, Normal, 5, name: "of weighed samples", isWeighed: true),
        Loss(new MeanAbsoluteError(), 5, Distinct(0.5), 5, outputs: Distinct()),
        Loss(new Huber(0.7f), 1, Distinct(0.5), 1, outputs: Distinct()),
        Loss(new MulticlassHinge(), 5, classes: 5),
        Loss(new GaussianNll(), 6, Normal, 3),
    ];

    private static OpRow Layer(Func<int, Layer> create, string name = "", Domain? domain = null, Func<int, int>? width = null,
        BuildMode mode = BuildMode.Training)
    {
        Type type = create(6).GetType();
        return new OpRow($"{Operation.SnakeCase(type.Name)} {name}".TrimEnd(), type, (_, x) =>
            Build(create(x[0].Shape[1]), x[0], mode), OpTable.Of(
                domain ?? Normal, n => [Shape.Batch, width?.Invoke(n) ?? n])) { IsSerial = null };
    }

    // Three steps of n features.
    private static OpRow Sequence(Func<int, Layer> create, string name = "")
    {
        Type type = create(6).GetType();
        return new OpRow($"{Operation.SnakeCase(type.Name)} {name}".TrimEnd(), type, (_, x) =>
            Build(create(x[0].Shape[2]), x[0], BuildMode.Training), OpTable.Of(Normal, n => [Shape.Batch, 3, n])) { IsSerial = null };
    }

    private static OpRow Image(Layer layer, string name = "") =>
        new($"{Operation.SnakeCase(layer.GetType().Name)} {name}".TrimEnd(), layer.GetType(), (_, x) =>
            Build(layer.Clone(), x[0], BuildMode.Training), OpTable.Of(Normal, _ => [Shape.Batch, 5, 6, 4])) { IsSerial = null };

    // With parameters away from the zeros and ones that an error could hide behind.
    public static Node Build(Layer layer, Node x, BuildMode mode)
    {
        var model = new Sequential(layer);
        model.Initialize(3);
        var random = new RandomSource(4);
        foreach (Parameter parameter in model.Parameters)
        {
            foreach (ref float value in parameter.Span)
            {
                value += (float)(0.2 * random.NextNormal());
            }
        }

        return model.Build(x, mode);
    }

    private static OpRow Loss(
        Loss loss, int width, Domain? targets = null, int targetWidth = 0, int classes = 0, string name = "",
        Domain? outputs = null, bool isWeighed = false)
    {
        RowOperand target = classes > 0 ? new(_ => [Shape.Batch], Normal, classes) : OpTable.Of(targets!, _ => [Shape.Batch, targetWidth]);
        RowOperand[] operands = [OpTable.Of(outputs ?? Normal, _ => [Shape.Batch, width]), target];
        return new OpRow($"loss {loss.Name} {name}".TrimEnd(), loss.GetType(), (_, x) => loss.Build(x[0], x[1], isWeighed ? x[2] : null),
            isWeighed ? [.. operands, OpTable.Of(Positive, _ => [Shape.Batch])] : operands) { IsSerial = null };
    }
}
