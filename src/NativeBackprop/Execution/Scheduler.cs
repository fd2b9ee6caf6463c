namespace NativeBackprop;

/// <summary>Shares each kernel between the threads, and finds where they have to wait for one another.</summary>
/// <param name="threads">How many threads run the plan.</param>
/// <param name="sharesAll">True shares whatever can be shared, worth it or not.</param>
internal sealed class Scheduler(int threads, bool sharesAll)
{
    private readonly List<Access> _sinceMeeting = [];

    /// <summary>
    /// Takes the next step. The steps of two halves are one sequence: whoever runs a half alone starts it together, which is one meeting
    /// more than the sequence needs.
    /// </summary>
    /// <param name="step">The step, placed in memory.</param>
    /// <param name="kernel">Its kernel.</param>
    /// <param name="meets">True where the threads have to meet whatever the step touches: at a commit.</param>
    public ScheduledKernel Add(PlanStep step, Kernel kernel, bool meets = false)
    {
        int[] bounds = Share(kernel);
        if (threads == 1)
        {
            return new ScheduledKernel(step, kernel, bounds, waits: false);
        }

        List<Access> accesses = AccessesOf(step, bounds[1] == kernel.Units);
        bool waits = meets || accesses.Exists(access => _sinceMeeting.Exists(access.Conflicts));
        if (waits)
        {
            _sinceMeeting.Clear();
        }

        _sinceMeeting.AddRange(accesses);
        return new ScheduledKernel(step, kernel, bounds, waits);
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
