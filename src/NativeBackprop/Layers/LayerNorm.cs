using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// y = (x − mean)/√(variance + ε) ⊙ weight + bias, mean and biased variance over the features of each example (Ba et al. 2016).
/// Parameters: <c>weight</c> [features], ones at first, and <c>bias</c> [features], zeros at first.
/// </summary>
public sealed class LayerNorm : Layer
{
    /// <param name="features">Width of the input, at least 1.</param>
    /// <param name="epsilon">ε, above 0, which bounds what constant features are divided by.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public LayerNorm(int features, float epsilon = 1e-5f)
    {
        if (features < 1)
        {
            throw new OptionException($"a layer norm's width must be at least 1, got {features}");
        }

        Epsilon = epsilon > 0 && float.IsFinite(epsilon)
            ? epsilon
            : throw new OptionException($"a layer norm's epsilon must be a finite number above 0, got {epsilon}");
        (Weight, Bias) = (new Parameter("weight", [features]), new Parameter("bias", [features]));
    }

    /// <summary>ε.</summary>
    public float Epsilon { get; }

    /// <summary>The scale of each feature.</summary>
    public Parameter Weight { get; }

    /// <summary>The offset of each feature.</summary>
    public Parameter Bias { get; }

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnParameters => [Weight, Bias];

    /// <inheritdoc/>
    protected internal override int? InputWidth => Weight.Shape[0];

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode)
    {
        if (input.Shape.Rank != 2 || input.Shape[1] != Weight.Shape[0])
        {
            throw new ShapeException($"{Weight.Name}: a layer norm of {Weight.Shape[0]} features needs an input of shape [B, {Weight.Shape[0]}], got {input.Shape} from {input}");
        }

        Node centred = input - input.Mean(1, keepDimensions: true);
        Node deviation = (centred.Square().Mean(1, keepDimensions: true) + Epsilon).Sqrt();
        return (centred / deviation * input.Graph.Variable(Weight)) + input.Graph.Variable(Bias);
    }

    /// <inheritdoc/>
    protected internal override void Initialize(RandomSource random)
    {
        Weight.Span.Fill(1);
        Bias.Span.Clear();
    }
}
