namespace NativeBackprop;

/// <content>
/// A run of both halves is all or nothing, and each half has a commit of its own: the first one's effects are there before the second one
/// can fault. One commit behind both would be each effect twice among the steps, once for a half alone and once for the whole. So what such
/// effects write is kept as it was, which costs a copy of it a run, and only where the second half can fault.
/// </content>
public sealed unsafe partial class Plan
{
    // What the first half writes, and what that held before the run.
    private readonly (PlanValue Variable, PinnedBuffer Before)[] _undo;

    private static (PlanValue Variable, PinnedBuffer Before)[] Undoable(PlanProgram program)
    {
        if (program.FirstSteps == 0 || !program.Steps[program.FirstSteps..].Exists(step => step.Operation.CanFault))
        {
            return [];
        }

        IEnumerable<PlanValue> written = program.Steps[..program.FirstSteps].SelectMany(step => step.Writes)
            .Select(write => write.After.Memory).Where(root => root.Storage == Storage.Variable).Distinct();
        return [.. written.Select(root => (root, new PinnedBuffer(root.Length)))];
    }

    private void KeepForUndo()
    {
        foreach ((PlanValue variable, PinnedBuffer before) in _undo)
        {
            SpanOf(variable).CopyTo(before.Span);
        }
    }

    // What a first half alone has changed is what its caller wanted: a rest that fails leaves it.
    private void Undo(int from)
    {
        if (from > 0)
        {
            return;
        }

        foreach ((PlanValue variable, PinnedBuffer before) in _undo)
        {
            before.Span.CopyTo(SpanOf(variable));
        }
    }

    // Lets the steps read, and write, what the variables held before the run in place of the variables.
    private void GoBack()
    {
        foreach ((PlanValue variable, PinnedBuffer before) in _undo)
        {
            Point(variable, before.Pointer);
        }
    }

    private void Return()
    {
        foreach ((PlanValue variable, _) in _undo)
        {
            Point(variable, ((Ops.Variable)variable.Node.Op).Parameter.Tensor.Pointer);
        }
    }

    private static Span<float> SpanOf(PlanValue variable) => ((Ops.Variable)variable.Node.Op).Parameter.Span;
}
