namespace NativeBackprop;

/// <summary>Splits each kernel between the threads, and finds where they have to meet.</summary>
/// <param name="program">What is run, placed in memory.</param>
/// <param name="threads">How many threads run the plan.</param>
/// <param name="splitsAll">True splits whatever can be split, worth it or not.</param>
internal sealed class Scheduler(PlanProgram program, int threads, bool splitsAll)
{
    private readonly List<Access> _sinceMeeting = [];
    private bool _canHaveFault, _canHaveNewFault;

    /// <summary>
    /// Takes the next step. The steps of two halves are one sequence: whoever runs a half alone starts it together, which is one meeting
    /// more than the sequence needs.
    /// </summary>
    /// <param name="index">The step's position; they come in order.</param>
    /// <param name="kernel">Its kernel.</param>
    public ScheduledKernel Add(int index, Kernel kernel)
    {
        PlanStep step = program.Steps[index];
        int[] bounds = Split(kernel);
        List<Access> accesses = threads == 1 ? [] : AccessesOf(step, bounds[1] == kernel.Units);

        // Where variables begin to be written every thread has to know of every fault, so that none goes on where another stops.
        bool commits = _canHaveFault && (index == program.CommitStep || (index == program.FirstCommitStep && index < program.FirstSteps));
        bool meets = threads > 1
            && ((commits && _canHaveNewFault) || accesses.Exists(access => _sinceMeeting.Exists(access.Conflicts)));
        if (meets)
        {
            _sinceMeeting.Clear();
            _canHaveNewFault = false;
        }

        _sinceMeeting.AddRange(accesses);
        _canHaveFault |= step.Operation.CanFault;
        _canHaveNewFault |= step.Operation.CanFault;
        return new ScheduledKernel(step, kernel, bounds, meets, commits);
    }

    /// <summary>
    /// Where a part of units begins that are split into equal parts, on multiples of a grain; behind the last part, their end.
    /// </summary>
    public static int Bound(int units, int grain, int part, int parts)
    {
        int blocks = (units + grain - 1) / grain;
        return part >= parts ? units : Math.Min(units, (int)((long)blocks * part / parts) * grain);
    }

    private static List<Access> AccessesOf(PlanStep step, bool isAlone)
    {
        var accesses = new List<Access>();
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            accesses.Add(Access.To(step.Inputs[i], step.Operation.Updates(i), isAlone));
        }

        accesses.AddRange(step.Outputs.Select(output => Access.To(output, true, isAlone)));
        if (step.WorkspaceLength > 0)
        {
            accesses.Add(new Access(null, step.WorkspaceOffset, step.WorkspaceLength, true, isAlone));
        }

        return accesses;
    }

    private int[] Split(Kernel kernel)
    {
        var bounds = new int[threads + 1];
        int parts = splitsAll ? threads : CostModel.Parts(kernel, threads);
        for (int t = 1; t <= threads; t++)
        {
            bounds[t] = Bound(kernel.Units, kernel.Grain, t, parts);
        }

        return bounds;
    }

    /// <summary>
    /// A range of memory that a step reads or writes: of the arena, where different values may lie in one place one after the other, or of
    /// a parameter or a caller's memory.
    /// </summary>
    private readonly record struct Access(PlanValue? Root, long Start, long Length, bool Writes, bool IsAlone)
    {
        public static Access To(PlanValue value, bool writes, bool isAlone) => value.Place is var place and >= 0
            ? new(null, place, value.Length, writes, isAlone)
            : new(value.Memory, value.Start, value.Length, writes, isAlone);

        // What the first thread does alone, one step after the other, is in order without a meeting.
        public bool Conflicts(Access other) => (Writes || other.Writes) && !(IsAlone && other.IsAlone)
            && Root == other.Root && Start < other.Start + other.Length && other.Start < Start + Length;
    }
}
