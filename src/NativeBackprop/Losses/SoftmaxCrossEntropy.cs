namespace NativeBackprop.Losses;

/// <summary>
/// −z_t + log Σ_j exp(z_j) for class indices t, or Σ_j t_j (log Σ exp z − z_j) for target probabilities: the cost that goes with
/// softmax outputs and a choice among K classes. The model ends in K logits, without a softmax.
/// </summary>
public sealed class SoftmaxCrossEntropy(bool denseTargets = false) : Loss
{
    /// <inheritdoc/>
    public override bool IsClassifier => !denseTargets;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets) =>
        output.Graph.Add(new Ops.SoftmaxCrossEntropyPerExample(targets.Op.ElementType == ElementType.Float32), output, targets);
}
