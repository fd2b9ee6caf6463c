using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// The mean over a row's outputs of d²/2 for |d| ≤ δ and δ(|d| − δ/2) beyond, with the error d = y − t: squares near 0, where
/// they are smooth, and absolute values far away, where squares would follow outliers (Huber 1964). PyTorch's <c>HuberLoss</c>.
/// </summary>
/// <remarks>
/// Outputs and targets are [B, K], or sequences [B, T, K], where each step within its row's length is an example.
/// <para>
/// Thread safety: immutable; any threads may use it at once.
/// </para>
/// </remarks>
/// <param name="delta">δ, a finite number above 0.</param>
public sealed class Huber(float delta = 1) : Loss
{
    private readonly Elementwise _function = Functions.Huber.Create(delta);

    /// <summary>δ: where squares end.</summary>
    /// <exception cref="OptionException">δ is not a finite number above 0.</exception>
    public float Delta => _function.Parameter;

    /// <inheritdoc/>
    public override bool IsClassifier => false;

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets)
    {
        ArgumentNullException.ThrowIfNull(output);
        RequireSame(output.Shape, targets);
        return (output - targets).Apply(_function).Mean(-1);
    }

    private protected override bool TakesSequences => true;
}
