using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// max(0, x) + a·min(0, x) with a learned slope a; the subgradient at 0 is a (lecture notes 002, relu generalizations; He et al.
/// 2015). Parameter: <c>weight</c>, of shape [1], or [features] for a slope per feature.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Prelu : Layer
{
    private readonly float _slope;

    /// <param name="features">Width of the input for a slope per feature; null for one slope.</param>
    /// <param name="slope">What every slope starts from, finite.</param>
    /// <exception cref="OptionException">The width is below 1, or the slope not finite.</exception>
    public Prelu(int? features = null, float slope = 0.25f)
    {
        if (features < 1)
        {
            throw new OptionException($"a prelu layer's width must be at least 1, got {features}");
        }

        Features = features;
        _slope = float.IsFinite(slope) ? slope : throw new OptionException($"a prelu layer's slope must be a finite number, got {slope}");
        Weight = AddParameter("weight", [features ?? 1], Initializer.Constant(slope));
    }

    /// <summary>a.</summary>
    public Parameter Weight { get; }

    /// <summary>Width of the input for a slope per feature; null for one slope.</summary>
    public int? Features { get; }

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => Features ?? outputWidth;

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        // On a sequence, PyTorch would give each step a slope: too easily mistaken for a slope a feature.
        if (Features is { } width)
        {
            KindCheck.Require(input, context, "a prelu layer", width, RowKind.Features, RowKind.Signal, RowKind.Image);
        }

        // min routes its gradient to x at a tie and relu passes none at 0, which makes the slope at 0 a.
        return input.Relu() + (context.Variable(Weight) * input.Minimum(input.Graph.Constant(0)));
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Prelu(Features, _slope);
}
