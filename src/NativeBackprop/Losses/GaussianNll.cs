using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// ½ Σ (β(t − μ)² − log β) over K targets t, for an output [μ, log β] of 2K numbers: a Gaussian's negative log-likelihood, up
/// to the constant ½K log 2π, whose precision β the network learns too (lecture notes 002, other output units). The logarithm keeps β
/// above 0 without a constraint.
/// </summary>
/// <remarks>
/// Outputs are [B, 2K], targets [B, K].
/// <para>
/// Thread safety: immutable; any threads may use it at once.
/// </para>
/// </remarks>
public sealed class GaussianNll : Loss
{
    /// <inheritdoc/>
    public override bool IsClassifier => false;

    /// <inheritdoc/>
    /// <exception cref="ShapeException">The output's width is odd.</exception>
    public override int TargetWidth(int outputWidth) => outputWidth % 2 == 0 && outputWidth > 0
        ? outputWidth / 2
        : throw new ShapeException($"{Name}: the output [mean, log precision] must have an even width, got {outputWidth}");

    /// <inheritdoc/>
    public override Node PerExample(Node output, Node targets)
    {
        ArgumentNullException.ThrowIfNull(output);
        RequireLogits(output.Shape);
        int width = TargetWidth(output.Shape[1]);
        RequireSame(output.Shape.With(1, width), targets);
        Node mean = output.Slice(1, 0, width), logPrecision = output.Slice(1, width, width);
        return 0.5f * ((logPrecision.Exp() * (targets - mean).Square()) - logPrecision).Sum(1);
    }
}
