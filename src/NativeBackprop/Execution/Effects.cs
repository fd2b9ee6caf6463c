namespace NativeBackprop;

/// <summary>
/// A run that faults has to leave every variable as it was, so variables are written behind the last step that can fault. Where such a step
/// depends on an update (a cost on a dropout mask, and that on the count of runs), the update works on a copy of the variable in the arena,
/// and what it leaves there is written to the variable later.
/// </summary>
internal sealed class Effects
{
    private readonly PlanProgram _program;
    private readonly HashSet<PlanStep> _first, _early = [];

    private Effects(PlanProgram program, HashSet<PlanStep> first)
    {
        (_program, _first) = (program, first);
        foreach (bool isFirst in (ReadOnlySpan<bool>)[true, false])
        {
            IEnumerable<PlanStep> faults = program.Steps.Where(step => step.Operation.CanFault && first.Contains(step) == isFirst);
            _early.UnionWith(Upstream(faults, step => first.Contains(step) == isFirst));
        }
    }

    /// <summary>Moves updates into the arena where they have to happen before the commit.</summary>
    /// <param name="program">The program, fused.</param>
    /// <param name="first">Its steps of the first half, which has a commit of its own; what is added to that half is added here.</param>
    public static void Defer(PlanProgram program, HashSet<PlanStep> first)
    {
        var effects = new Effects(program, first);
        if (!effects._early.Any(step => step.Writes.Count > 0))
        {
            return;
        }

        var chains = program.Steps.SelectMany(step => step.Writes.Select(write => (Step: step, Write: write)))
            .OrderBy(pair => pair.Step.Order).GroupBy(pair => pair.Write.After.Memory).Select(chain => chain.ToArray()).ToArray();
        Array.ForEach(chains, effects.Defer);
    }

    /// <summary>Some steps and whatever they get values from, as far as it lies within a set of steps.</summary>
    public static HashSet<PlanStep> Upstream(IEnumerable<PlanStep> steps, Func<PlanStep, bool> isWithin)
    {
        var found = new HashSet<PlanStep>(steps);
        var open = new Stack<PlanStep>(found);
        while (open.TryPop(out PlanStep? step))
        {
            foreach (PlanValue input in step.Inputs)
            {
                if (input.Producer is { } producer && isWithin(producer) && found.Add(producer))
                {
                    open.Push(producer);
                }
            }
        }

        return found;
    }

    // One variable's updates, in order: what a half has to do early is done on one copy, and committed after the last.
    private void Defer((PlanStep Step, PlanWrite Write)[] chain)
    {
        PlanValue variable = chain[0].Write.Before, held = variable;
        PlanValue? copy = null, last = null;
        PlanStep? lastStep = null;
        foreach ((PlanStep step, PlanWrite write) in chain)
        {
            bool isEarly = _early.Contains(step);
            if (copy is not null && !(isEarly && _first.Contains(step) == _first.Contains(lastStep!)))
            {
                held = AddCommit(lastStep!, last!, held, variable);
                (copy, last) = (null, null);
                UpdateInstead(step, write, held);
            }

            if (!isEarly)
            {
                held = write.After;
                continue;
            }

            if (copy is null)
            {
                copy = _program.Keep(held, step.Order);
                Join(copy.Producer!, step);
                UpdateInstead(step, write, copy);
            }

            write.After.MoveTo(copy);
            (last, lastStep) = (write.After, step);
        }

        if (last is not null)
        {
            AddCommit(lastStep!, last, held, variable);
        }
    }

    private static void ForEachUpdated(PlanStep step, PlanValue before, Action<int> action)
    {
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            if (step.Operation.Updates(i) && step.Inputs[i].Written == before)
            {
                action(i);
            }
        }
    }

    // Lets a step update another value than the one that stood before it in the variable.
    private void UpdateInstead(PlanStep step, PlanWrite write, PlanValue value)
    {
        ForEachUpdated(step, write.Before, i => _program.Redirect(step, i, value));
        write.Before = value;
    }

    private PlanValue AddCommit(PlanStep after, PlanValue value, PlanValue held, PlanValue variable)
    {
        PlanValue committed = _program.AddValue(variable.Node, variable.Shape, Storage.Variable, variable);
        var step = new PlanStep(new Commit(), [value, held], [committed], after.Order);
        step.AddWrite(held, committed);
        _program.Steps.Add(step);
        Join(step, after);
        return committed;
    }

    // Puts an added step into the half of another.
    private void Join(PlanStep step, PlanStep other)
    {
        if (_first.Contains(other))
        {
            _first.Add(step);
        }
    }
}
