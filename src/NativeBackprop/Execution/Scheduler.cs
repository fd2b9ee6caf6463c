namespace NativeBackprop;

/// <summary>Shares each kernel between the threads, and finds where they have to wait for one another.</summary>
/// <param name="threads">How many threads run the plan.</param>
/// <param name="sharesAll">True shares whatever can be shared, worth it or not.</param>
internal sealed class Scheduler(int threads, bool sharesAll)
{
    private readonly List<(PlanValue Value, bool Writes, bool IsAlone)> _sinceMeeting = [];

    public ScheduledKernel Add(PlanStep step, Kernel kernel)
    {
        int[] bounds = Share(kernel);
        bool isAlone = threads == 1 || bounds[1] == kernel.Units;
        bool waits = threads > 1 && Conflicts(step, isAlone);
        if (waits)
        {
            _sinceMeeting.Clear();
        }

        foreach ((PlanValue value, bool writes) in Touched(step))
        {
            _sinceMeeting.Add((value, writes, isAlone));
        }

        return new ScheduledKernel(step, kernel, bounds, waits);
    }

    /// <summary>The threads meet at the end of a half.</summary>
    public void Meet() => _sinceMeeting.Clear();

    private static IEnumerable<(PlanValue Value, bool Writes)> Touched(PlanStep step)
    {
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            yield return (step.Inputs[i], step.Operation.Updates(i));
        }

        foreach (PlanValue output in step.Outputs)
        {
            yield return (output, true);
        }
    }

    // What the first thread does alone, one step after the other, is in order without a meeting.
    private bool Conflicts(PlanStep step, bool isAlone)
    {
        foreach ((PlanValue value, bool writes) in Touched(step))
        {
            foreach ((PlanValue earlier, bool earlierWrites, bool earlierIsAlone) in _sinceMeeting)
            {
                if ((writes || earlierWrites) && !(isAlone && earlierIsAlone) && Overlap(value, earlier))
                {
                    return true;
                }
            }
        }

        return false;
    }

    // Two values in the arena may share bytes although they are different values: the planner gives places out again.
    private static bool Overlap(PlanValue a, PlanValue b) => a.Memory == b.Memory
        ? a.Overlaps(b)
        : a.Place >= 0 && b.Place >= 0 && a.Place < b.Place + b.Length && b.Place < a.Place + a.Length;

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
}
