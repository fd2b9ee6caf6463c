using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>See <see cref="GradientTransform.ClipByValue"/>.</summary>
internal sealed record ClipByValue(float Limit) : GradientTransform
{
    /// <summary>The largest magnitude that an element keeps.</summary>
    public float Limit { get; } = RequirePositive("the clipping limit", Limit);

    /// <inheritdoc/>
    public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients)
    {
        RequireNodes(gradients);
        return [.. gradients.Select(g => g.Maximum(g.Graph.Constant(-Limit)).Minimum(g.Graph.Constant(Limit)))];
    }
}
