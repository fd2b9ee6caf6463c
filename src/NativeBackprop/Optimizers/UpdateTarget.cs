using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>A parameter that is to be updated.</summary>
/// <param name="Parameter">The parameter.</param>
/// <param name="Gradient">Its gradient's node.</param>
/// <param name="Rate">Its learning rate's node, a scalar.</param>
/// <param name="WeightDecay">The weight decay of its group; null for the optimizer's own.</param>
internal sealed record UpdateTarget(Parameter Parameter, Node Gradient, Node Rate, float? WeightDecay)
{
    public Graph Graph => Gradient.Graph;

    /// <summary>The parameter's node.</summary>
    public Node Variable => Graph.Variable(Parameter);
}
