using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>s ← αs + (1 − α)d², w ← w − ηd/(√s + ε) with d = g + λw (Hinton's lecture 6e, 2012).</summary>
/// <remarks>Thread safety: as that of every <see cref="Optimizer"/>.</remarks>
/// <param name="learningRate">η, above 0.</param>
/// <param name="alpha">α in [0, 1), the share of s that is kept.</param>
/// <param name="epsilon">ε ≥ 0, outside the root as in PyTorch.</param>
/// <param name="weightDecay">λ ≥ 0, added to the gradient as λw.</param>
/// <param name="shared">True lets several trainers use the optimizer at once; each parameter keeps a state of its own.</param>
/// <exception cref="OptionException">A value is outside its domain.</exception>
public sealed class RmsProp(
    float learningRate = 1e-2f, float alpha = 0.99f, float epsilon = 1e-8f, float weightDecay = 0, bool shared = false)
    : Optimizer(learningRate, shared)
{
    private readonly RmsPropUpdate _update = new(
        Require("alpha", alpha, 0, 1),
        Require("epsilon", epsilon, 0, float.PositiveInfinity),
        Require("weight decay", weightDecay, 0, float.PositiveInfinity));

    private protected override IReadOnlyList<string> Kinds => ["square_average"];

    private protected override Node AddUpdate(UpdateTarget target, OptimizerState state, Node? step) => target.Graph.Add(
        _update with { WeightDecay = target.WeightDecay ?? _update.WeightDecay },
        target.Variable, target.Gradient, target.Rate, state.Of(target, "square_average"));
}
