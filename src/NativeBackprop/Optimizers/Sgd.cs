using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>
/// Gradient descent, with momentum when μ &gt; 0: v ← μv + g + λw, w ← w − ηv; Nesterov's form looks ahead along v. Without
/// momentum the update happens inside the product that computes the gradient.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Optimizer"/>.</remarks>
/// <param name="learningRate">η, above 0.</param>
/// <param name="momentum">μ in [0, 1).</param>
/// <param name="weightDecay">λ ≥ 0, added to the gradient as λw (PyTorch's argument of that name).</param>
/// <param name="nesterov">Nesterov's form of the momentum.</param>
/// <param name="shared">True lets several trainers use the optimizer at once; each parameter keeps a state of its own.</param>
/// <exception cref="OptionException">A value is outside its domain.</exception>
public sealed class Sgd(float learningRate, float momentum = 0, float weightDecay = 0, bool nesterov = false, bool shared = false)
    : Optimizer(learningRate, shared)
{
    private readonly float _momentum = Require("momentum", momentum, 0, 1);
    private readonly float _weightDecay = Require("weight decay", weightDecay, 0, float.PositiveInfinity);

    private protected override IReadOnlyList<string> Kinds => _momentum == 0 ? [] : ["velocity"];

    private protected override Node AddUpdate(UpdateTarget target, OptimizerState state, Node? step)
    {
        float decay = target.WeightDecay ?? _weightDecay;
        return _momentum == 0
            ? target.Graph.Add(new SgdUpdate(decay), target.Variable, target.Gradient, target.Rate)
            : target.Graph.Add(
                new MomentumUpdate(_momentum, decay, nesterov),
                target.Variable, target.Gradient, target.Rate, state.Of(target, "velocity"));
    }
}
