namespace NativeBackprop;

/// <summary>A kernel of a plan with each thread's part of its units, and what the threads must know of one another before it.</summary>
internal sealed class ScheduledKernel(PlanStep step, Kernel kernel, int[] bounds, bool meets, bool commits)
{
    public PlanStep Step => step;

    public Kernel Kernel => kernel;

    /// <summary>Thread t does the units from Bounds[t] to Bounds[t + 1].</summary>
    public int[] Bounds => bounds;

    /// <summary>
    /// True when the threads meet before it: it reads what an earlier one, since the last meeting, writes, or the other way round; or it
    /// commits, and one of them may have found a fault.
    /// </summary>
    public bool Meets => meets;

    /// <summary>True when variables are written from here on, so that nobody goes on once something before it has failed.</summary>
    public bool Commits => commits;

    /// <summary>How many threads have a part.</summary>
    public int Threads => bounds.Zip(bounds.Skip(1)).Count(pair => pair.Second > pair.First);
}
