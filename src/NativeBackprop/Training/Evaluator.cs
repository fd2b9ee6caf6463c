namespace NativeBackprop.Training;

/// <summary>Runs a model in evaluation mode, on memory of its own: nothing of a step that is under way is touched.</summary>
internal sealed class Evaluator
{
    private readonly TrainingGraph _graph;
    private readonly TrainerOptions _options;
    private readonly StepInputs _inputs;
    private readonly PlanCache _plans = new(TrainingStep.PlansKept);

    public Evaluator(TrainingGraph graph, TrainerOptions options)
    {
        (_graph, _options, _inputs) = (graph, options, Inputs(graph));
        FillInput = (input, length, rows) => _inputs.Of(input, input.Op.ElementType).Fill(length, rows);
    }

    /// <summary>The memory of an input, for the caller to fill.</summary>
    public FillInput FillInput { get; }

    /// <summary>Computes loss and output of the rows that were filled in.</summary>
    public Plan Run(int rows, ThreadTeam? team)
    {
        Plan plan = _plans.Find(rows) ?? _plans.Add(rows, _graph.Context.Graph.Compile(
            [_graph.EvaluationLoss, _graph.EvaluationOutput],
            new PlanOptions
            {
                BatchSize = rows,
                Threads = _options.Threads,
                ExactThreads = _options.ExactThreads,
                Fuse = _options.Fuse,
                Products = _options.Products,
                Reproducible = _options.Reproducible,
                Team = team,
            }));
        _inputs.Point(plan);
        plan.Run();
        return plan;
    }

    public void DropPlans() => _plans.Clear();

    private static StepInputs Inputs(TrainingGraph graph)
    {
        var inputs = new StepInputs();
        inputs.Require(graph.Context.Graph, [graph.EvaluationLoss, graph.EvaluationOutput]);
        return inputs;
    }
}
