using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// y = (x − mean)/√(variance + ε) ⊙ weight + bias for each channel of features [B, C], a signal [B, L, C] or an image [B, H, W, C]
/// (Ioffe and Szegedy 2015): PyTorch's <c>nn.BatchNorm1d</c> and <c>nn.BatchNorm2d</c>. In training, mean and biased variance are those
/// of the batch, over all rows and places, and the running ones follow by r ← (1 − momentum)·r + momentum·batch, once a step that
/// succeeds, the variance unbiased; in evaluation, the running ones are used.
/// </summary>
/// <remarks>
/// <para>Parameters: <c>weight</c> [C], ones at first, and <c>bias</c> [C], zeros at first. Buffers: <c>running_mean</c> [C], zeros at
/// first, <c>running_var</c> [C], ones at first, and <c>num_batches_tracked</c> [].</para>
/// <para>In training a batch with one value a channel is refused: it has no variance.</para>
/// <para>Thread safety: as that of every <see cref="Layer"/>.</para>
/// </remarks>
public sealed class BatchNorm : Layer
{
    /// <param name="channels">Channels or features of the input, at least 1.</param>
    /// <param name="epsilon">ε, above 0, which bounds what constant channels are divided by.</param>
    /// <param name="momentum">How far the running statistics move to those of a batch, in [0, 1].</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public BatchNorm(int channels, float epsilon = 1e-5f, float momentum = 0.1f)
    {
        if (channels < 1)
        {
            throw new OptionException($"a batch norm needs at least 1 channel, got {channels}");
        }

        Epsilon = Channels.Positive("a batch norm", epsilon);
        Momentum = new RunningStatistics(momentum).Momentum;
        Weight = AddParameter("weight", [channels], Initializer.Constant(1));
        Bias = AddParameter("bias", [channels], Initializer.Constant());
        RunningMean = AddBuffer("running_mean", [channels]);
        RunningVariance = AddBuffer("running_var", [channels], initial: 1);
        BatchesTracked = AddBuffer("num_batches_tracked", [], isCount: true);
    }

    /// <summary>ε.</summary>
    public float Epsilon { get; }

    /// <summary>How far the running statistics move to those of a batch.</summary>
    public float Momentum { get; }

    /// <summary>The scale of each channel.</summary>
    public Parameter Weight { get; }

    /// <summary>The offset of each channel.</summary>
    public Parameter Bias { get; }

    /// <summary>The mean of each channel, as evaluation takes it.</summary>
    public Parameter RunningMean { get; }

    /// <summary>The variance of each channel, as evaluation takes it.</summary>
    public Parameter RunningVariance { get; }

    /// <summary>How many batches the running statistics have followed.</summary>
    public Parameter BatchesTracked { get; }

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => Weight.Shape[0];

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "a batch norm", Weight.Shape[0], RowKind.Features, RowKind.Signal, RowKind.Image);
        Graph graph = context.Graph;
        Node weight = context.Variable(Weight), bias = context.Variable(Bias);
        Node mean = context.Variable(RunningMean), variance = context.Variable(RunningVariance);
        if (!context.UsesBatchStatistics)
        {
            return graph.Add(new Normalize(Epsilon), input, mean, variance, weight, bias);
        }

        Node batch = graph.Add(new BatchStatistics(), input);
        batch.Name ??= context.Path.Length == 0 ? "batch statistics" : $"{context.Path}.batch statistics";
        if (context.Mode == BuildMode.Training)
        {
            Node unbiased = graph.Add(new UnbiasedVariance(), Channels.Row(batch, 1), input);
            context.AddUpdate(graph.Add(
                new RunningStatistics(Momentum), mean, variance, context.Variable(BatchesTracked), batch, unbiased));
        }

        return graph.Add(new BatchNormalize(Epsilon), input, batch, weight, bias);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new BatchNorm(Weight.Shape[0], Epsilon, Momentum);
}
