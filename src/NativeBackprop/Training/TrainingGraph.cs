using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Training;

/// <summary>A model, its loss, its gradients and its updates as one graph, and the plans made from it for each batch size.</summary>
internal sealed class TrainingGraph : IDisposable
{
    private readonly Graph _graph = new();
    private readonly Node _evaluationLoss, _evaluationOutput, _cost;
    private readonly Node[] _gradients;
    private readonly IReadOnlyList<Node> _updates;
    private readonly TrainerOptions _options;
    private readonly Dictionary<(PlanKind Kind, int Rows), Plan> _plans = [];
    private ThreadTeam? _team;

    public TrainingGraph(Layer model, Loss loss, Optimizer optimizer, int inputWidth, TrainerOptions options)
    {
        _options = options;
        Input = _graph.Input("x", [Shape.Batch, inputWidth]);
        Context = new BuildContext(_graph, BuildMode.Training, options.Seed);
        Output = model.Build(Input, Context);
        if (Output.Shape.Rank != 2)
        {
            throw new ShapeException($"a model's output must have the shape [B, K], got {Output.Shape}");
        }

        Targets = loss.CreateTargets(Output);
        Loss = loss.Build(Output, Targets);
        _evaluationOutput = model.Build(Input, new BuildContext(_graph, BuildMode.Evaluation, options.Seed));
        _evaluationLoss = loss.Build(_evaluationOutput, Targets);
        _cost = Penalised(model, Loss, options);
        Parameter[] parameters = [.. model.Parameters];
        _gradients = _graph.CheckpointedGradient(_cost, [.. Context.SegmentEnds(options.CheckpointSegments)], [.. parameters.Select(parameter => _graph.Variable(parameter))]);
        Rate = _graph.Input("learning_rate");
        IReadOnlyList<Node> transformed = options.GradientTransforms.Aggregate((IReadOnlyList<Node>)_gradients, (gradients, transform) => transform.Apply(gradients));
        _updates = optimizer.AddUpdates([.. parameters.Zip(transformed)], Rate);
    }

    public enum PlanKind
    {
        Step,
        Halves,
        Evaluate,
    }

    public BuildContext Context { get; }

    public Node Input { get; }

    public Node Targets { get; }

    /// <summary>Numbers a row of targets; 0 when the targets are classes.</summary>
    public int TargetWidth => Targets.Shape.Rank > 1 ? Targets.Shape[1] : 0;

    public Node Output { get; }

    /// <summary>The loss without penalties.</summary>
    public Node Loss { get; }

    public Node Rate { get; }

    /// <summary>The nodes of loss and output in a plan of a kind.</summary>
    public (Node Loss, Node Output) Results(PlanKind kind) => kind == PlanKind.Evaluate ? (_evaluationLoss, _evaluationOutput) : (Loss, Output);

    public Plan PlanFor(PlanKind kind, int rows)
    {
        if (!_plans.TryGetValue((kind, rows), out Plan? plan))
        {
            _plans.Add((kind, rows), plan = Compile(kind, rows));
        }

        return plan;
    }

    /// <summary>Makes the gradients of a plan of halves the parameters' gradients.</summary>
    public void PublishGradients(Plan plan, ParameterSet parameters)
    {
        for (int i = 0; i < _gradients.Length; i++)
        {
            parameters[i].SetGradient(plan[_gradients[i]]);
        }
    }

    public void Dispose()
    {
        foreach (Plan plan in _plans.Values)
        {
            plan.Dispose();
        }

        _team?.Dispose();
    }

    private Plan Compile(PlanKind kind, int rows)
    {
        ReadOnlySpan<Node> outputs = kind switch
        {
            PlanKind.Step => [Loss, Output, .. Context.Effects, .. _updates],
            PlanKind.Halves => [Loss, Output, .. Context.Effects, .. _gradients],
            _ => [_evaluationLoss, _evaluationOutput],
        };
        int threads = Plan.Limit(_options.Threads);
        return _graph.Compile(outputs, new PlanOptions
        {
            BatchSize = rows,
            Threads = _options.Threads,
            Fuse = _options.Fuse,
            First = kind == PlanKind.Halves ? [Loss, Output, .. Context.Effects] : [],
            Team = threads > 1 ? _team ??= new ThreadTeam(threads) : null,
        });
    }

    private static Node Penalised(Layer model, Node loss, TrainerOptions options)
    {
        IEnumerable<Regularizer> all = options.L2 > 0 ? options.Regularizers.Prepend(new L2Penalty(options.L2)) : options.Regularizers;
        return all.Aggregate(loss, (cost, regularizer) => regularizer.AddTo(cost, model.Parameters));
    }
}
