using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// The mean over a row's outputs of ζ(z) − y·z for logits z and targets y in [0, 1]: the cross-entropy between y and the sigmoid of z,
/// −log of the probability given to y where y is 0 or 1. Computed without cancellation: the loss of an answer that is right is not lost
/// in rounding, and a wrong one always learns (lecture notes 002, saturation). The model ends in K logits, without a sigmoid.
/// </summary>
/// <remarks>
/// A target outside [0, 1] is no probability: its formula is the same and has no minimum. Outputs and targets are [B, K].
/// Thread safety: immutable; any threads may use it at once.
/// </remarks>
public sealed class SigmoidCrossEntropy : Loss
{
    /// <inheritdoc/>
    public override bool IsClassifier => false;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets)
    {
        ArgumentNullException.ThrowIfNull(output);
        RequireSame(output.Shape, targets);
        return output.Graph.Add(new SigmoidCrossEntropyPerExample(), output, targets);
    }

    private protected override bool TakesSequences => true;
}
