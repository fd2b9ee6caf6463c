using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>See <see cref="GradientTransform.ClipByNorm"/>.</summary>
internal sealed record ClipByNorm(float MaxNorm) : GradientTransform
{
    private const float Epsilon = 1e-6f;

    /// <summary>The largest norm that the gradients keep.</summary>
    public float MaxNorm { get; } = RequirePositive("the clipping norm", MaxNorm);

    /// <inheritdoc/>
    public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients)
    {
        RequireNodes(gradients);
        if (gradients.Count == 0)
        {
            return gradients;
        }

        Node norm = gradients.Select(g => g.Square().Sum()).Aggregate((a, b) => a + b).Sqrt();
        Node factor = (MaxNorm / (norm + Epsilon)).Minimum(norm.Graph.Constant(1));
        return [.. gradients.Select(g => g * factor)];
    }
}
