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
