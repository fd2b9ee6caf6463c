using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// In training, sets every element to 0 with probability p and multiplies the others by 1/(1 − p), so that the expectation stays; in evaluation, the
/// identity (Srivastava et al. 2014). The masks come from a stream that counts its runs: the same seed gives the same masks.
/// </summary>
public sealed class Dropout : Layer
{
    private readonly Parameter _stream = Parameter.Zeros("stream", DropoutMask.StreamShape);

    /// <param name="probability">p in [0, 1), the probability that an element is dropped.</param>
    /// <exception cref="OptionException">p lies outside [0, 1).</exception>
    public Dropout(float probability = 0.5f)
    {
        Probability = probability is >= 0 and < 1
            ? probability
            : throw new OptionException($"dropout's p must lie in [0, 1), got {probability}");
    }

    /// <summary>p.</summary>
    public float Probability { get; }

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnState => [_stream];

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode)
    {
        if (mode == BuildMode.Evaluation || Probability == 0)
        {
            return input;
        }

        Graph graph = input.Graph;
        Node stream = graph.Add(new Counter(2), graph.Variable(_stream));

        // The position tells apart the masks of a layer that stands in the network twice.
        return input * graph.Add(new DropoutMask(Probability, graph.Nodes.Count, input.Shape), stream);
    }

    /// <inheritdoc/>
    protected internal override void Reseed(RandomSource random)
    {
        _stream.Span.Clear();
        _stream.Span[2] = random.NextUInt64() >> 40;
        _stream.Span[3] = random.NextUInt64() >> 40;
    }
}
