using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>
/// Gradient descent, with momentum when μ &gt; 0: v ← μv + g + λw, w ← w − ηv; Nesterov's form looks ahead along v. Without momentum
/// the update happens inside the product that computes the gradient.
/// </summary>
/// <param name="learningRate">η, above 0.</param>
/// <param name="momentum">μ in [0, 1).</param>
/// <param name="weightDecay">λ ≥ 0, added to the gradient as λw (PyTorch's argument of that name).</param>
/// <param name="nesterov">Nesterov's form of the momentum.</param>
/// <exception cref="OptionException">A value is outside its domain.</exception>
public sealed class Sgd(float learningRate, float momentum = 0, float weightDecay = 0, bool nesterov = false) : Optimizer(learningRate)
{
    private readonly float _momentum = Require("momentum", momentum, 0, 1);
    private readonly float _weightDecay = Require("weight decay", weightDecay, 0, float.PositiveInfinity);

    /// <inheritdoc/>
    protected override Node AddUpdate(Graph graph, Parameter parameter, Node gradient, Node rate) => _momentum == 0
        ? graph.Add(new SgdUpdate(_weightDecay), graph.Variable(parameter), gradient, rate)
        : graph.Add(new MomentumUpdate(_momentum, _weightDecay, nesterov), graph.Variable(parameter), gradient, rate, StateOf(graph, parameter, "velocity"));
}
