using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>The mean over a row's outputs of (y − t)²: the cost that goes with linear outputs and numbers as targets.</summary>
/// <remarks>
/// Outputs and targets are [B, K], or sequences [B, T, K], where each step within its row's length is an example.
/// <para>
/// Thread safety: immutable; any threads may use it at once.
/// </para>
/// </remarks>
public sealed class MeanSquaredError : Loss
{
    /// <inheritdoc/>
    public override string Name => "mse";

    /// <inheritdoc/>
    public override bool IsClassifier => false;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets)
    {
        ArgumentNullException.ThrowIfNull(output);
        return output.Graph.Add(new SquaredError(), output, targets);
    }

    private protected override bool TakesSequences => true;
}
