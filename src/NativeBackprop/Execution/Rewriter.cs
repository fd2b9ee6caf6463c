namespace NativeBackprop;

/// <summary>What the rewriting rules ask of a program, and do to it.</summary>
internal sealed class Rewriter
{
    private readonly PlanProgram _program;

    // What is updated in place, and where in the order of creation.
    private readonly List<(PlanValue Memory, int Order)> _updates = [];

    public Rewriter(PlanProgram program)
    {
        _program = program;
        foreach (PlanStep step in program.Steps)
        {
            for (int i = 0; i < step.Inputs.Length; i++)
            {
                if (step.Operation.Updates(i))
                {
                    _updates.Add((step.Inputs[i].Memory, step.Order));
                }
            }
        }
    }

    public PlanProgram Program => _program;

    /// <summary>
    /// The step that alone reads a value, when nobody outside the program does, nor anybody through another view of its memory. What
    /// reads a value through the join that it is part of counts as reading the join.
    /// </summary>
    public static PlanStep? OnlyConsumer(PlanValue value) =>
        value is { IsOutput: false, IsShared: false, IsView: false, Consumers: [{ IsReplaced: false } consumer] } ? consumer : null;

    /// <summary>True when a step reads the same values at the place of another: no update of one of them was created in between.</summary>
    public bool CanMove(PlanStep step, PlanStep place)
    {
        (int low, int high) = (Math.Min(step.Order, place.Order), Math.Max(step.Order, place.Order));
        return !_updates.Exists(update =>
            update.Order > low && update.Order < high && Array.Exists(step.Inputs, input => input.Memory == update.Memory));
    }

    /// <summary>The steps of a kind of operation, as they are now.</summary>
    public IEnumerable<(PlanStep Step, T Operation)> All<T>()
        where T : Operation
    {
        foreach (PlanStep step in _program.Steps.ToArray())
        {
            if (step is { IsReplaced: false, Operation: T operation })
            {
                yield return (step, operation);
            }
        }
    }

    /// <summary>Puts a fused step where <paramref name="place"/> stood, and takes out the others that it stands for.</summary>
    public void Replace(
        PlanStep place, Operation fused, PlanValue[] inputs, PlanValue[] outputs, params ReadOnlySpan<PlanStep> others)
    {
        place.Remove();
        foreach (PlanStep part in others)
        {
            part.Remove();
        }

        Add(fused, inputs, outputs, place.Order);
    }

    /// <summary>Adds a step at a place in the order of creation.</summary>
    public PlanStep Add(Operation operation, PlanValue[] inputs, PlanValue[] outputs, int order)
    {
        var step = new PlanStep(operation, inputs, outputs, order);
        _program.Steps.Add(step);
        return step;
    }

    /// <summary>A value with memory of its own that belongs to a node.</summary>
    public PlanValue Create(Node node, Shape shape)
    {
        var value = new PlanValue(node, shape, Storage.Computed);
        _program.Values.Add(value);
        return value;
    }

    /// <summary>
    /// Takes out what was replaced, and brings the steps into the order of creation; what stands at the same place follows what it reads.
    /// </summary>
    public void Finish()
    {
        var steps = new List<PlanStep>(_program.Steps.Count);
        foreach (var place in _program.Steps.Where(step => !step.IsReplaced).GroupBy(step => step.Order).OrderBy(place => place.Key))
        {
            List<PlanStep> waiting = [.. place];
            while (waiting.Count > 0)
            {
                PlanStep next = waiting.Count == 1 ? waiting[0] : waiting.First(step => !Array.Exists(step.Inputs, IsMadeLater));
                waiting.Remove(next);
                steps.Add(next);
            }

            bool IsMadeLater(PlanValue value) => value.Producer is { } producer && waiting.Contains(producer);
        }

        _program.Steps = steps;
    }
}
