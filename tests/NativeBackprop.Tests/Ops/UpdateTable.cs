using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Ops;

/// <summary>
/// One optimizer's step: how many tensors of state it keeps beside the parameter, and what it makes of the number of the step, if
/// anything.
/// </summary>
internal sealed record UpdateRow(string Name, Update Op, int States, Op? Corrections = null)
{
    public override string ToString() => Name;
}

/// <summary>The steps of optimizers: ops that change a parameter and state in place, and so are tried by running them.</summary>
internal static class UpdateTable
{
    public static IEnumerable<UpdateRow> Rows =>
    [
        new("sgd", new SgdUpdate(0), 0),
        new("sgd with weight decay", new SgdUpdate(0.1f), 0),
        new("gradients kept", new StoreGradient(), 0),
        new("momentum", new MomentumUpdate(0.9f, 0, false), 1),
        new("momentum with weight decay", new MomentumUpdate(0.9f, 0.1f, false), 1),
        new("nesterov", new MomentumUpdate(0.8f, 0.05f, true), 1),
        new("adagrad", new AdaGradUpdate(1e-10f, 0.1f), 1),
        new("rmsprop", new RmsPropUpdate(0.9f, 1e-8f, 0.1f), 1),
        new("adam", new AdamUpdate(0.9f, 0.99f, 1e-3f, 0.1f, false), 2, new AdamCorrections(0.9f, 0.99f)),
        new("adamw", new AdamUpdate(0.8f, 0.999f, 1e-8f, 0.1f, true), 2, new AdamCorrections(0.8f, 0.999f)),
    ];
}

/// <summary>A step on a parameter of some length, in a graph with its gradient and learning rate as inputs.</summary>
internal sealed class UpdateCase
{
    private readonly RandomSource _random = new(3);

    public UpdateCase(UpdateRow row, int length)
    {
        Gradient = Graph.Input("g", [length]);
        Rate = Graph.Input("rate");
        Parameter = Parameter.Zeros("w", [length]);
        State = [.. Enumerable.Range(0, row.States).Select(i => Parameter.Zeros($"state{i}", [length]))];
        Count = Parameter.Zeros("count", [1]);
        Domains.Normal(Parameter.Span, _random);
        Node[] corrections = row.Corrections is { } op ? [Graph.Add(op, Graph.Add(new Counter(), Graph.Variable(Count)))] : [];
        Step = Graph.Add(
            row.Op, [Graph.Variable(Parameter), Gradient, Rate, .. State.Select(state => Graph.Variable(state)), .. corrections]);
    }

    public Graph Graph { get; } = new();

    public Parameter Parameter { get; }

    public Parameter[] State { get; }

    /// <summary>The number of steps, of an optimizer that counts them.</summary>
    public Parameter Count { get; }

    public Node Gradient { get; }

    public Node Rate { get; }

    public Node Step { get; }

    /// <summary>The largest error of parameter and state, after some steps, in units of the parameter's norm.</summary>
    public double RunAgainstReference(int steps, PlanOptions options)
    {
        using Plan plan = Graph.Compile([Step], options);
        var reference = new ReferenceEvaluator(Graph);
        var gradient = new float[Gradient.Shape.Length];
        foreach (Parameter parameter in (Parameter[])[Parameter, .. State, Count])
        {
            reference.Leaf(Graph.Variable(parameter));
        }

        for (int step = 1; step <= steps; step++)
        {
            Domains.Normal(gradient, _random);
            float rate = 0.1f / step;
            reference.Set(Gradient, gradient).Set(Rate, [(double)rate]).Run(Step);
            plan.Bind(Gradient, gradient).Bind(Rate, rate).Run();
        }

        double worst = Norms.Error(plan[Step].Span, reference[Step]);
        foreach (Parameter parameter in (Parameter[])[Parameter, .. State, Count])
        {
            worst = Math.Max(worst, Norms.Error(parameter.Value, reference.Leaf(Graph.Variable(parameter))));
        }

        return worst;
    }
}
