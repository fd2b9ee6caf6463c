using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// The mean over a row's outputs of |y − t|, which a few far outliers move less than squares; the subgradient at y = t is 0, as PyTorch's
/// <c>L1Loss</c>. <c>l1</c> in model files.
/// </summary>
/// <remarks>
/// Outputs and targets are [B, K], or sequences [B, T, K], where each step within its row's length is an example.
/// <para>
/// Thread safety: immutable; any threads may use it at once.
/// </para>
/// </remarks>
public sealed class MeanAbsoluteError : Loss
{
    /// <inheritdoc/>
    public override string Name => "l1";

    /// <inheritdoc/>
    public override bool IsClassifier => false;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets)
    {
        ArgumentNullException.ThrowIfNull(output);
        RequireSame(output.Shape, targets);
        return (output - targets).Abs().Mean(-1);
    }

    private protected override bool TakesSequences => true;
}
