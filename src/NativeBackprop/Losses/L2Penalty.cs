using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>See <see cref="Regularizer.L2"/>.</summary>
internal sealed record L2Penalty(float Factor) : Regularizer
{
    /// <summary>λ.</summary>
    public float Factor { get; } = Require("L2", Factor);

    /// <inheritdoc/>
    public override Node Penalty(Node parameter) => Factor * parameter.Square().Sum();
}
