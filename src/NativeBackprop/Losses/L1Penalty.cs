using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>See <see cref="Regularizer.L1"/>.</summary>
internal sealed record L1Penalty(float Factor) : Regularizer
{
    /// <summary>λ.</summary>
    public float Factor { get; } = Require("L1", Factor);

    /// <inheritdoc/>
    public override Node Penalty(Node parameter) => Factor * parameter.Abs().Sum();
}
