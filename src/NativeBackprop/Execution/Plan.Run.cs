namespace NativeBackprop;

public sealed unsafe partial class Plan
{
    // How far the last run has come; a run that failed has come nowhere.
    private Progress _progress;
    private int _from, _to;

    private enum Progress
    {
        None,
        First,
        All,
    }

    /// <summary>
    /// Runs every step, all or nothing: a run that throws has changed no variable. A first half that was waiting for its rest is dropped.
    /// </summary>
    /// <exception cref="InvalidOperationException">An input is not bound, or the plan is in use.</exception>
    /// <exception cref="GraphException">An op met a value outside its domain, or a user's op failed.</exception>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public void Run() => Run(0, _kernels.Length, Progress.All);

    /// <summary>Runs the steps that <see cref="PlanOptions.First"/> needs; <see cref="RunRest"/> may follow once.</summary>
    /// <inheritdoc cref="Run()"/>
    public void RunFirst() => Run(0, _program.FirstSteps, Progress.First);

    /// <summary>Runs what <see cref="RunFirst"/> has left. Where it throws, what the first half has changed stays.</summary>
    /// <exception cref="InvalidOperationException">
    /// No <see cref="RunFirst"/> went before, its rest has been run already, or an input that it read was bound again since; or as with
    /// <see cref="Run()"/>.
    /// </exception>
    /// <inheritdoc cref="Run()"/>
    public void RunRest() => Run(_program.FirstSteps, _kernels.Length, Progress.All, needsFirst: true);

    private void Run(int from, int to, Progress reached, bool needsFirst = false)
    {
        using Occupancy.Guard inside = _use.Enter();
        if (_unbound.Count > 0)
        {
            throw Refusal.InvalidOperation($"input {_unbound[0].Node} is not bound: call Bind before Run");
        }

        if (needsFirst && _progress != Progress.First)
        {
            throw Refusal.InvalidOperation(
                "RunRest needs a RunFirst of its own, with nothing that it read bound since: call RunFirst, then RunRest");
        }

        _progress = Progress.None;
        if (from == 0)
        {
            KeepForUndo();
        }

        try
        {
            if (_team is null)
            {
                RunAlone(from, to);
            }
            else
            {
                (_from, _to) = (from, to);
                _team.Run(_runPart);
            }
        }
        catch
        {
            _ = TakeFault();
            Undo(from);
            throw;
        }

        if (HasFault() && TakeFault() is { } found)
        {
            Undo(from);
            NonFiniteException? origin = found.Fault is NonFiniteFault ? FirstNonFinite(found.Index) : null;
            throw origin ?? Error(found.Step, found.Fault);
        }

        _progress = reached;
        GC.KeepAlive(this);
    }

    private void RunAlone(int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            ScheduledKernel scheduled = _kernels[i];
            if (scheduled.Commits && HasFault())
            {
                return;
            }

            scheduled.Kernel.Run(0, scheduled.Kernel.Units, 0);
        }
    }

    // One thread's part of a run. A failed kernel must not keep the thread from the meetings that the others wait at.
    private void RunPart(int thread)
    {
        int i = _from;
        bool failed = false;
        while (i < _to)
        {
            try
            {
                for (; i < _to; i++)
                {
                    ScheduledKernel scheduled = _kernels[i];
                    if (scheduled.Meets && i > _from)
                    {
                        _team!.Meet(thread);
                    }

                    if (scheduled.Commits)
                    {
                        failed |= HasFault() || _team!.HasFailed;
                    }

                    int begin = scheduled.Bounds[thread], end = scheduled.Bounds[thread + 1];
                    if (begin < end && !failed)
                    {
                        scheduled.Kernel.Run(begin, end, thread);
                    }
                }
            }
            catch (Exception failure)
            {
                _team!.Fail(failure);
                failed = true;
                i++;
            }
        }
    }

    private bool HasFault()
    {
        foreach (ScheduledKernel scheduled in _faulty)
        {
            if (scheduled.Kernel.HasFault)
            {
                return true;
            }
        }

        return false;
    }

    // The first kernel that has found a fault. Every one is asked, because being asked is what makes it forget.
    private (int Index, PlanStep Step, Fault Fault)? TakeFault()
    {
        (int, PlanStep, Fault)? first = null;
        foreach (ScheduledKernel scheduled in _faulty)
        {
            if (scheduled.Kernel.TakeFault() is { } fault)
            {
                first ??= (Array.IndexOf(_kernels, scheduled), scheduled.Step, fault);
            }
        }

        return first;
    }

    // What the caller is told of a fault. It names the node, or the operand that is not finite.
    private static NativeBackpropException Error(PlanStep step, Fault fault) => fault is NonFiniteFault { Input: var input }
        ? new NonFiniteException($"{step.Inputs[input].Node}", fault.Message)
        : new GraphException(
            $"{step.Outputs[0].Node}({string.Join(", ", step.Inputs.Select(input => input.Node))}): {fault.Message}", fault.Cause);
}
