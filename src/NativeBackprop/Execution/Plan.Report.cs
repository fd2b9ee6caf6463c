namespace NativeBackprop;

public sealed unsafe partial class Plan
{
    /// <summary>Bytes of the arena that holds the intermediate values, constants and input slots.</summary>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public long ArenaBytes => Alive._arena.Length * sizeof(float);

    /// <summary>Describes every step: shapes, flops, bytes, native call, threads, and where its result lies.</summary>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public PlanReport Describe() => new(
        [.. Alive._kernels.Select(Describe)], ArenaBytes, _memory.WithoutReuse * sizeof(float), _memory.InPlace);

    /// <summary>
    /// Bytes that must stay in memory from the computation of a value to what the plan does beyond it: for a loss, what the backward pass
    /// keeps of the forward pass, inputs that it reads included and parameters not.
    /// </summary>
    internal long KeptBytes(Node end)
    {
        IReadOnlyList<PlanStep> steps = _program.Steps;
        HashSet<PlanStep> before = StepsTo(_program.ByNode[end]);
        HashSet<PlanValue> inputs = [.. before.SelectMany(step => step.Inputs).Select(value => value.Memory)];
        var kept = new List<PlanValue>();
        for (int s = 0; s < steps.Count; s++)
        {
            if (!before.Contains(steps[s]))
            {
                kept.AddRange(steps[s].Inputs.Where(value => (value.Storage == Storage.Input && inputs.Contains(value.Memory))
                    || (value.Storage == Storage.Computed && LastWriter(value, s) is { } writer && before.Contains(writer))));
            }
        }

        return kept.GroupBy(value => value.Memory).Sum(values => Covered(values)) * sizeof(float);
    }

    // The steps that a value comes of. No other one writes to memory that a later one of them reads.
    private HashSet<PlanStep> StepsTo(PlanValue end)
    {
        var (steps, needed) = (new HashSet<PlanStep>(), new List<PlanValue> { end });
        foreach (PlanStep step in Enumerable.Reverse(_program.Steps))
        {
            if (Written(step).Any(output => output.Storage == Storage.Computed && needed.Exists(output.Overlaps)))
            {
                steps.Add(step);
                needed.AddRange(step.Inputs);
            }
        }

        return steps;
    }

    // Who wrote what a step finds in a value: another value may have had the memory before.
    private PlanStep? LastWriter(PlanValue value, int position) =>
        _program.Steps.Take(position).LastOrDefault(step => Written(step).Any(value.Overlaps));

    private static IEnumerable<PlanValue> Written(PlanStep step) => step.Outputs.Concat(step.Writes.Select(write => write.After));

    // How many elements of one memory some values show, each counted once.
    private static long Covered(IEnumerable<PlanValue> values)
    {
        (long covered, int end) = (0, 0);
        foreach (PlanValue value in values.OrderBy(value => value.Start))
        {
            int from = Math.Max(end, value.Start);
            end = Math.Max(end, value.Start + value.Length);
            covered += end - from;
        }

        return covered;
    }

    private static PlanStepReport Describe(ScheduledKernel scheduled)
    {
        PlanStep step = scheduled.Step;
        return new PlanStepReport(
            step.Operation.Name, List(step.Inputs), List(step.Outputs),
            scheduled.Kernel.Call, scheduled.Kernel.Flops, scheduled.Kernel.Bytes, scheduled.Threads, scheduled.Meets, PlaceOf(step));
    }

    private static string List(IEnumerable<PlanValue> values) => string.Join(", ", values.Select(value => $"{value.Node} {value.Shape}"));

    private static string PlaceOf(PlanStep step)
    {
        PlanValue result = step.Outputs[0];
        bool overwrites = Array.Exists(step.Inputs, input => input.Storage == Storage.Computed && input.Coincides(result));
        return result.Storage == Storage.Variable ? "parameter" : $"{result.Place * sizeof(float)}{(overwrites ? " in place" : "")}";
    }
}
