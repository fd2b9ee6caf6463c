namespace NativeBackprop.Training;

/// <summary>Runs a model in evaluation mode, on memory of its own: nothing of a step that is under way is touched.</summary>
internal sealed class Evaluator(TrainingGraph graph, TrainerOptions options)
{
    private readonly StepInputs _inputs = Inputs(graph);
    private readonly PlanCache _plans = new(TrainingStep.PlansKept);

    /// <summary>The memory of an input, for the caller to fill.</summary>
    public Span<float> Fill(Node input, int length, int rows) => _inputs.Of(input, input.Op.ElementType).Fill(length, rows);

    /// <summary>Computes loss and output of the rows that were filled in.</summary>
    public Plan Run(int rows, ThreadTeam? team)
    {
        Plan plan = _plans.Find(rows) ?? _plans.Add(rows, graph.Context.Graph.Compile(
            [graph.EvaluationLoss, graph.EvaluationOutput],
            new PlanOptions
            {
                BatchSize = rows,
                Threads = options.Threads,
                ExactThreads = options.ExactThreads,
                Fuse = options.Fuse,
                Products = options.Products,
                Reproducible = options.Reproducible,
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
