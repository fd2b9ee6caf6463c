using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// The mean over a row's outputs of ζ((1 − 2y)z) for logits z and targets y of 0 or 1: −log of the probability that the sigmoid of z
/// gives to y. The softplus saturates only where the answer is right, so a wrong output always learns
/// (lecture notes 002, saturation). The model ends in K logits, without a sigmoid.
/// </summary>
public sealed class SigmoidCrossEntropy : Loss
{
    /// <inheritdoc/>
    public override bool IsClassifier => false;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets)
    {
        RequireSame(output.Shape, targets);
        return ((1 - (2 * targets)) * output).Softplus().Mean(1);
    }
}
