using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>s ← s + d², w ← w − ηd/(√s + ε) with d = g + λw (lecture notes 001; Duchi et al. 2011).</summary>
/// <remarks>Thread safety: as that of every <see cref="Optimizer"/>.</remarks>
/// <param name="learningRate">η, above 0.</param>
/// <param name="epsilon">ε ≥ 0, which bounds the first steps.</param>
/// <param name="weightDecay">λ ≥ 0, added to the gradient as λw.</param>
/// <param name="shared">True lets several trainers use the optimizer at once; each parameter keeps a state of its own.</param>
/// <exception cref="OptionException">A value is outside its domain.</exception>
public sealed class AdaGrad(float learningRate = 1e-2f, float epsilon = 1e-10f, float weightDecay = 0, bool shared = false)
    : Optimizer(learningRate, shared)
{
    private readonly AdaGradUpdate _update = new(
        Require("epsilon", epsilon, 0, float.PositiveInfinity),
        Require("weight decay", weightDecay, 0, float.PositiveInfinity));

    private protected override IReadOnlyList<string> Kinds => ["sum"];

    private protected override Node AddUpdate(UpdateTarget target, OptimizerState state, Node? step) => target.Graph.Add(
        _update with { WeightDecay = target.WeightDecay ?? _update.WeightDecay },
        target.Variable, target.Gradient, target.Rate, state.Of(target, "sum"));
}
