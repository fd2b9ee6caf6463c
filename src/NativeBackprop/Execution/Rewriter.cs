namespace NativeBackprop;

/// <summary>What the rewriting rules ask of a program, and do to it.</summary>
internal sealed class Rewriter
{
    private readonly PlanProgram _program;

    // The values that an update overwrites, and where in the order of creation.
    private readonly Dictionary<PlanValue, int> _overwritten = [];

    public Rewriter(PlanProgram program)
    {
        _program = program;
        foreach (PlanStep step in program.Steps)
        {
            foreach (PlanWrite write in step.Writes)
            {
                _overwritten.Add(write.Before, step.Order);
            }
        }
    }

    public PlanProgram Program => _program;

    /// <summary>
    /// The step that alone reads a value, when nobody outside the program does, nor anybody through another view of its memory. What
    /// reads a value through the join that it is part of counts as reading the join.
    /// </summary>
    public static PlanStep? OnlyConsumer(PlanValue value) =>
        value is { IsOutput: false, HasViews: false, IsView: false, Consumers: [{ IsReplaced: false } consumer] } ? consumer : null;

    /// <summary>
    /// True when what a step reads stands at the place of another one too: it is made before, and no update overwrites it in between. A
    /// step that is put elsewhere still gets what it reads, but the program may have to keep copies for it.
    /// </summary>
    public bool CanMove(PlanStep step, PlanStep place)
    {
        (int low, int high) = (Math.Min(step.Order, place.Order), Math.Max(step.Order, place.Order));
        return Array.TrueForAll(step.Inputs, input =>
            !(_overwritten.TryGetValue(input.Written, out int order) && order > low && order < high)
            && !(step.Order > low && input is { Storage: not Storage.Constant, Producer: { } producer } && producer.Order > low));
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
        PlanStep step = Add(fused, inputs, outputs, place.Order);
        foreach (PlanStep part in (ReadOnlySpan<PlanStep>)[place, .. others])
        {
            part.Remove();
            part.Writes.ForEach(write => step.AddWrite(write.Before, write.After));
        }
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
