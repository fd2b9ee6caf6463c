using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// max(0, x) + a·min(0, x) with a learned slope a; the subgradient at 0 is a (lecture notes 002, relu generalizations; He et al.
/// 2015). Parameter: <c>weight</c>, of shape [1], or [features] for a slope per feature.
/// </summary>
public sealed class Prelu : Layer
{
    private readonly float _slope;

    /// <param name="features">Width of the input for a slope per feature; null for one slope.</param>
    /// <param name="slope">What every slope starts from.</param>
    /// <exception cref="OptionException">The width is below 1.</exception>
    public Prelu(int? features = null, float slope = 0.25f)
    {
        if (features < 1)
        {
            throw new OptionException($"a prelu layer's width must be at least 1, got {features}");
        }

        (InputWidth, _slope) = (features, slope);
        Weight = new Parameter("weight", [features ?? 1]);
    }

    /// <summary>a.</summary>
    public Parameter Weight { get; }

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnParameters => [Weight];

    /// <inheritdoc/>
    protected internal override int? InputWidth { get; }

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode)
    {
        if (InputWidth is { } width && (input.Shape.Rank == 0 || input.Shape[-1] != width))
        {
            throw new ShapeException($"{Weight.Name}: a prelu layer of {width} features needs an input of shape [B, {width}], got {input.Shape} from {input}");
        }

        // min routes its gradient to x at a tie and relu passes none at 0, which makes the slope at 0 a.
        return input.Relu() + (input.Graph.Variable(Weight) * input.Minimum(input.Graph.Constant(0)));
    }

    /// <inheritdoc/>
    protected internal override void Initialize(RandomSource random) => Weight.Span.Fill(_slope);
}
