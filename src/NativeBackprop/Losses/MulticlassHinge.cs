using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// Σ over j ≠ y of max(0, s_j − s_y + 1) for scores s and the class y: the multiclass support vector machine's cost, zero once the
/// right score leads every other by 1 (lecture notes 001). The subgradient at the margin is 0.
/// </summary>
/// <remarks>
/// Outputs are [B, K], targets class indices, [B].
/// <para>
/// Thread safety: immutable; any threads may use it at once.
/// </para>
/// </remarks>
public sealed class MulticlassHinge : Loss
{
    /// <inheritdoc/>
    public override bool IsClassifier => true;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets)
    {
        ArgumentNullException.ThrowIfNull(output);
        RequireLogits(output.Shape);
        Node right = output.Graph.Add(new OneHot(output.Shape[1]), targets);
        Node score = (output * right).Sum(1, keepDimensions: true);
        return ((output - score + 1).Relu() * (1 - right)).Sum(1);
    }
}
