namespace NativeBackprop.Ops;

/// <summary>
/// r ← (1 − momentum)·r + momentum·batch for a running mean and a running variance, in place, and one more on a count of batches.
/// Inputs: the running mean and variance [C], the count [], the <see cref="BatchStatistics"/> [2, C], of which the mean is read, and the
/// unbiased variance [C]. The result is the running mean's memory afterwards.
/// </summary>
internal sealed record RunningStatistics(float Momentum) : Op
{
    private const float MostCounted = 1 << 24;

    public float Momentum { get; } = Momentum is >= 0 and <= 1
        ? Momentum
        : throw new OptionException($"a batch norm's momentum must lie in [0, 1], got {Momentum}");

    internal override int Arity => 5;

    // Asked for twice it is done twice: a layer that is used twice has seen two batches.
    internal override bool IsPure => false;

    internal override bool IsTransparent => true;

    internal override bool Updates(int input) => input <= 2;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape channels = inputs[0];
        if (channels.Rank != 1)
        {
            throw new ShapeException($"a running mean must be a vector of one number a channel, got {channels}");
        }

        Channels.Require("a running variance", channels, inputs[1]);
        Channels.Require("a count of batches", Shape.Scalar, inputs[2]);
        Channels.Require("the statistics of a batch", [2, channels[0]], inputs[3]);
        Channels.Require("an unbiased variance", channels, inputs[4]);
        return channels;
    }

    internal override Node? Gradient(Node node, int input, Node dy) =>
        throw new GraphException($"{node}: running statistics have no gradient");

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand variance, Operand count) = (arguments.Inputs[1], arguments.Inputs[2]);
        (Operand batch, Operand batchVariance) = (arguments.Inputs[3], arguments.Inputs[4]);
        double momentum = Precise.AsWritten(Momentum);
        return new ActionKernel("running_statistics", arguments.Output, mean =>
        {
            Follow(mean, batch.Span[..mean.Length], momentum);
            Follow(variance.Span, batchVariance.Span, momentum);
            count.Span[0] = Math.Min(MostCounted, count.Span[0] + 1);
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double momentum = Precise.AsWritten(Momentum);
        (double[] mean, double[] variance, double[] count) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        for (int c = 0; c < mean.Length; c++)
        {
            arguments.Output[c] = mean[c] = ((1 - momentum) * mean[c]) + (momentum * arguments.Inputs[3][c]);
            variance[c] = ((1 - momentum) * variance[c]) + (momentum * arguments.Inputs[4][c]);
        }

        count[0] = Math.Min(MostCounted, count[0] + 1);
    }

    private static void Follow(Span<float> running, ReadOnlySpan<float> batch, double momentum)
    {
        for (int c = 0; c < running.Length; c++)
        {
            running[c] = (float)(((1 - momentum) * running[c]) + (momentum * batch[c]));
        }
    }
}
