using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>See <see cref="Regularizer.Elastic"/>.</summary>
internal sealed record ElasticPenalty(float AbsoluteFactor, float SquareFactor) : Regularizer
{
    /// <summary>λ1.</summary>
    public float AbsoluteFactor { get; } = Require("L1", AbsoluteFactor);

    /// <summary>λ2.</summary>
    public float SquareFactor { get; } = Require("L2", SquareFactor);

    /// <inheritdoc/>
    public override Node Penalty(Node parameter) =>
        (AbsoluteFactor * parameter.Abs().Sum()) + (SquareFactor * parameter.Square().Sum());
}
