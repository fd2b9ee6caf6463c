namespace NativeBackprop;

/// <summary>Shares each kernel between the threads, and finds where they have to wait for one another.</summary>
/// <param name="program">What is run.</param>
/// <param name="threads">How many threads run the plan.</param>
/// <param name="sharesAll">True shares whatever can be shared, worth it or not.</param>
internal sealed class Scheduler(PlanProgram program, int threads, bool sharesAll)
{
    private readonly List<(Touch Touch, bool IsAlone)> _sinceMeeting = [];
    private bool _canHaveFault, _canHaveNewFault;

    /// <summary>Schedules a step; they come in order.</summary>
    public ScheduledKernel Add(int index, Kernel kernel)
    {
        PlanStep step = program.Steps[index];
        int[] bounds = Share(kernel);
        bool isAlone = threads == 1 || bounds[1] == kernel.Units;

        // Where variables begin to be written every thread has to know of every fault, so that none goes on where another stops.
        bool commits = _canHaveFault && (index == program.CommitStep || (index == program.FirstCommitStep && index < program.FirstSteps));
        bool waits = threads > 1 && ((commits && _canHaveNewFault) || Conflicts(step, isAlone));
        if (waits)
        {
            _sinceMeeting.Clear();
            _canHaveNewFault = false;
        }

        foreach (Touch touch in Touched(step))
        {
            _sinceMeeting.Add((touch, isAlone));
        }

        _canHaveFault |= step.Operation.CanFault;
        _canHaveNewFault |= step.Operation.CanFault;
        return new ScheduledKernel(step, kernel, bounds, waits, commits);
    }

    private static IEnumerable<Touch> Touched(PlanStep step)
    {
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            yield return Touch.Of(step.Inputs[i], step.Operation.Updates(i));
        }

        foreach (PlanValue output in step.Outputs)
        {
            yield return Touch.Of(output, true);
        }

        if (step.WorkspaceLength > 0)
        {
            yield return new Touch(null, step.WorkspaceOffset, step.WorkspaceLength, true);
        }
    }

    // What the first thread does alone, one step after the other, is in order without a meeting.
    private bool Conflicts(PlanStep step, bool isAlone)
    {
        foreach (Touch touch in Touched(step))
        {
            foreach ((Touch earlier, bool earlierIsAlone) in _sinceMeeting)
            {
                if ((touch.Writes || earlier.Writes) && !(isAlone && earlierIsAlone) && touch.Overlaps(earlier))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private int[] Share(Kernel kernel)
    {
        var bounds = new int[threads + 1];
        int shares = sharesAll ? threads : CostModel.Shares(kernel, threads);
        int blocks = (kernel.Units + kernel.Grain - 1) / kernel.Grain;
        for (int t = 1; t <= threads; t++)
        {
            bounds[t] = t >= shares ? kernel.Units : Math.Min(kernel.Units, (int)((long)blocks * t / shares) * kernel.Grain);
        }

        return bounds;
    }

    /// <summary>Memory that a step reads or writes: a value, or a place in the arena that is no value's.</summary>
    private readonly record struct Touch(PlanValue? Value, long Place, long Length, bool Writes)
    {
        public static Touch Of(PlanValue value, bool writes) => new(value, value.Place, value.Length, writes);

        // Two values in the arena may share bytes although they are different values: the planner gives places out again.
        public bool Overlaps(Touch other) => Value is not null && other.Value is not null && Value.Memory == other.Value.Memory
            ? Value.Overlaps(other.Value)
            : Place >= 0 && other.Place >= 0 && Place < other.Place + other.Length && other.Place < Place + Length;
    }
}
