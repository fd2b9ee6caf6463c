using NativeBackprop.Ops;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Training;

/// <summary>A parameter of a step.</summary>
/// <param name="name">Its name, as state and messages tell it.</param>
/// <param name="parameter">The parameter.</param>
/// <param name="rate">The scalar that holds the learning rate of its group.</param>
/// <param name="weightDecay">The weight decay of its group; null for the optimizer's.</param>
internal sealed class TrainedParameter(string name, Parameter parameter, Parameter rate, float? weightDecay)
{
    private Parameter? _kept;

    public string Name => name;

    public Parameter Parameter => parameter;

    public Parameter Rate => rate;

    public float? WeightDecay => weightDecay;

    /// <summary>Where Backward leaves the gradient; nothing else writes there.</summary>
    public Parameter Kept => _kept ??= Parameter.Zeros($"{name}.gradient", parameter.Shape);
}

/// <summary>What is added to a graph to train those of a step's parameters that are not frozen.</summary>
internal sealed class StepUpdates
{
    private readonly TrainingStepOptions _options;
    private readonly Optimizer _optimizer;
    private readonly Graph _graph;
    private readonly Node[] _gradients;

    /// <summary>Adds gradients and updates.</summary>
    /// <param name="cost">What is minimised.</param>
    /// <param name="segmentEnds">Nodes between which the backward pass computes values again instead of keeping them.</param>
    /// <param name="trained">The parameters that are not frozen.</param>
    /// <param name="counts">The counts that the optimizer has them go by.</param>
    /// <param name="options">The step's options.</param>
    /// <param name="optimizer">Adds the updates.</param>
    public StepUpdates(
        Node cost, IReadOnlyList<Node> segmentEnds, TrainedParameter[] trained, IReadOnlyList<StepCount> counts,
        TrainingStepOptions options, Optimizer optimizer)
    {
        (_graph, Trained, Counts, _options, _optimizer) = (cost.Graph, trained, counts, options, optimizer);
        _gradients = _graph.GradientWithRecomputation(
            cost, [.. segmentEnds], [.. trained.Select(parameter => _graph.Variable(parameter.Parameter))]);
        Updates = Update(_gradients);
        GradientChecks = Check(_gradients);
    }

    /// <summary>The parameters that these updates change.</summary>
    public TrainedParameter[] Trained { get; }

    /// <summary>True when these parameters are the ones.</summary>
    public bool Trains(TrainedParameter[] parameters) => Trained.AsSpan().SequenceEqual(parameters);

    /// <summary>The counts that they go by.</summary>
    public IReadOnlyList<StepCount> Counts { get; }

    /// <summary>One node for each of them.</summary>
    public Node[] Updates { get; }

    /// <summary>Fault when a gradient is not finite, if the options ask for it.</summary>
    public Node[] GradientChecks { get; }

    /// <summary>The same from gradients that are kept between two runs.</summary>
    public KeptGradients? Kept { get; private set; }

    /// <summary>Adds what keeps the gradients, and the updates that go by what was kept.</summary>
    /// <param name="keep">The scalar that is 1 where gradients are added to what was kept.</param>
    public KeptGradients Keep(Parameter keep)
    {
        if (Kept is null)
        {
            using Graph.Building building = _graph.Begin();

            // The updates read what was kept, and so come before the nodes that write it.
            Node[] kept = [.. Trained.Select(parameter => _graph.Variable(parameter.Kept))];
            Node[] updates = [.. Update(kept), .. Check(kept)];
            Node adds = _graph.Variable(keep);
            Kept = new KeptGradients(
                [.. kept.Zip(_gradients, (memory, gradient) => _graph.Add(new StoreGradient(), memory, gradient, adds))], updates);
            building.Complete();
        }

        return Kept;
    }

    private Node[] Check(Node[] gradients) => _options.OnNonFinite == OnNonFinite.CheckGradients
        ? [.. gradients.Select(gradient => _graph.Add(new CheckFinite(), gradient))]
        : [];

    private Node[] Update(Node[] gradients)
    {
        IReadOnlyList<Node> transformed = gradients;
        foreach (GradientTransform transform in _options.GradientTransforms)
        {
            transformed = transform.CheckedApply(transformed);
        }

        return [.. _optimizer.AddUpdates([.. Trained.Select((parameter, i) =>
            new UpdateTarget(parameter.Parameter, transformed[i], _graph.Variable(parameter.Rate), parameter.WeightDecay))])];
    }
}

/// <summary>What keeps gradients after a backward pass, and what updates by them.</summary>
/// <param name="Stores">One node for each parameter: its gradient goes to memory of its own.</param>
/// <param name="Updates">The updates from that memory, and checks of it.</param>
internal sealed record KeptGradients(Node[] Stores, Node[] Updates);
