namespace NativeBackprop;

/// <summary>A kernel of a plan with each thread's share of its units, and whether the threads must meet before it.</summary>
internal sealed class ScheduledKernel(PlanStep step, Kernel kernel, int[] bounds, bool waits)
{
    public PlanStep Step => step;

    public Kernel Kernel => kernel;

    /// <summary>Thread t does the units from Bounds[t] to Bounds[t + 1].</summary>
    public int[] Bounds => bounds;

    /// <summary>True when the kernel reads what an earlier one, since the last meeting, writes, or the other way round.</summary>
    public bool Waits => waits;

    /// <summary>How many threads have a share.</summary>
    public int Threads => bounds.Zip(bounds.Skip(1)).Count(pair => pair.Second > pair.First);
}
