namespace NativeBackprop;

/// <summary>Shares each kernel between the threads, and finds where they have to wait for one another.</summary>
internal sealed class Scheduler(int threads)
{
    private readonly List<(PlanValue Value, bool Writes)> _sinceMeeting = [];

    public ScheduledKernel Add(PlanStep step, Kernel kernel)
    {
        bool waits = threads > 1 && Conflicts(step);
        if (waits)
        {
            _sinceMeeting.Clear();
        }

        foreach ((PlanValue value, bool writes) in Touched(step))
        {
            _sinceMeeting.Add((value, writes));
        }

        return new ScheduledKernel(step, kernel, Share(kernel), waits);
    }

    /// <summary>The threads meet at the end of a half.</summary>
    public void Meet() => _sinceMeeting.Clear();

    private static IEnumerable<(PlanValue Value, bool Writes)> Touched(PlanStep step)
    {
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            yield return (step.Inputs[i].Memory, step.Operation.Updates(i));
        }

        foreach (PlanValue output in step.Outputs)
        {
            yield return (output.Memory, true);
        }
    }

    private bool Conflicts(PlanStep step)
    {
        foreach ((PlanValue value, bool writes) in Touched(step))
        {
            foreach ((PlanValue earlier, bool earlierWrites) in _sinceMeeting)
            {
                if ((writes || earlierWrites) && Overlap(value, earlier))
                {
                    return true;
                }
            }
        }

        return false;
    }

    // Two values in the arena may share bytes although they are different values: the planner gives places out again.
    private static bool Overlap(PlanValue a, PlanValue b) =>
        a == b || (a.Offset >= 0 && b.Offset >= 0
            && a.Offset < b.Offset + Math.Max(1, b.Shape.Length) && b.Offset < a.Offset + Math.Max(1, a.Shape.Length));

    private int[] Share(Kernel kernel)
    {
        var bounds = new int[threads + 1];
        int shares = CostModel.Shares(kernel, threads);
        int blocks = (kernel.Units + kernel.Grain - 1) / kernel.Grain;
        for (int t = 1; t <= threads; t++)
        {
            bounds[t] = t >= shares ? kernel.Units : Math.Min(kernel.Units, (int)((long)blocks * t / shares) * kernel.Grain);
        }

        return bounds;
    }
}
