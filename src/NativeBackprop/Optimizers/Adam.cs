using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>
/// Moving averages of gradient and squared gradient, corrected for their start at zero: w ← w − η·m̂/(√v̂ + ε)
/// (Kingma and Ba 2015). <see cref="AdamW"/> is the form whose weight decay is not scaled by the averages.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Optimizer"/>.</remarks>
public class Adam : Optimizer
{
    private readonly AdamUpdate _update;

    /// <param name="learningRate">η, above 0.</param>
    /// <param name="beta1">β1 in [0, 1), the share of the gradient's average that is kept.</param>
    /// <param name="beta2">β2 in [0, 1), the share of the squared gradient's average that is kept.</param>
    /// <param name="epsilon">ε ≥ 0, outside the root as in PyTorch.</param>
    /// <param name="weightDecay">λ ≥ 0, added to the gradient as λw.</param>
    /// <param name="shared">True lets several trainers use the optimizer at once; each parameter keeps a state of its own.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public Adam(
        float learningRate = 1e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0,
        bool shared = false)
        : this(learningRate, beta1, beta2, epsilon, weightDecay, decoupled: false, shared)
    {
    }

    private protected Adam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, bool decoupled, bool shared)
        : base(learningRate, shared) => _update = new AdamUpdate(
            Require("beta1", beta1, 0, 1),
            Require("beta2", beta2, 0, 1),
            Require("epsilon", epsilon, 0, float.PositiveInfinity),
            Require("weight decay", weightDecay, 0, float.PositiveInfinity),
            decoupled);

    /// <inheritdoc/>
    private protected override bool CountsSteps => true;

    private protected override IReadOnlyList<string> Kinds => ["first_moment", "second_moment"];

    private protected override Node AddUpdate(UpdateTarget target, OptimizerState state, Node? step)
    {
        // One pair of corrections for all that count together: the graph gives the node that is there already.
        Node corrections = target.Graph.Add(new AdamCorrections(_update.Beta1, _update.Beta2), step!);
        return target.Graph.Add(
            _update with { WeightDecay = target.WeightDecay ?? _update.WeightDecay }, target.Variable, target.Gradient, target.Rate,
            state.Of(target, "first_moment"), state.Of(target, "second_moment"), corrections);
    }
}

/// <summary>
/// Adam with decoupled weight decay: w ← (1 − ηλ)w before Adam's step (Loshchilov and Hutter 2019).
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Optimizer"/>.</remarks>
/// <param name="learningRate">η, above 0.</param>
/// <param name="beta1">β1 in [0, 1).</param>
/// <param name="beta2">β2 in [0, 1).</param>
/// <param name="epsilon">ε ≥ 0.</param>
/// <param name="weightDecay">λ ≥ 0.</param>
/// <param name="shared">True lets several trainers use the optimizer at once; each parameter keeps a state of its own.</param>
/// <exception cref="OptionException">A value is outside its domain.</exception>
public sealed class AdamW(
    float learningRate = 1e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 1e-2f,
    bool shared = false)
    : Adam(learningRate, beta1, beta2, epsilon, weightDecay, decoupled: true, shared);
