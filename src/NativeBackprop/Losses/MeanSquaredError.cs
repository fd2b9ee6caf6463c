namespace NativeBackprop.Losses;

/// <summary>The mean over a row's outputs of (y − t)²: the cost that goes with linear outputs and numbers as targets.</summary>
public sealed class MeanSquaredError : Loss
{
    /// <inheritdoc/>
    public override string Name => "mse";

    /// <inheritdoc/>
    public override bool IsClassifier => false;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets) => output.Graph.Add(new Ops.SquaredError(), output, targets);
}
