namespace NativeBackprop;

/// <summary>
/// One call of a plan, with every size resolved. Running it allocates nothing and does not throw: what may be wrong with the values is
/// reported as a <see cref="Fault"/>. Its work is counted in units (elements, rows or columns) that do not depend on one another, so that
/// threads can take a range each.
/// </summary>
internal abstract class Kernel
{
    private Fault? _fault;

    /// <summary>How many independent units the work divides into; 1 when it does not.</summary>
    public int Units { get; protected init; } = 1;

    /// <summary>A split falls on multiples of this many units.</summary>
    public int Grain { get; protected init; } = 1;

    /// <summary>Floating-point operations of one run, a multiply-add counted as two.</summary>
    public long Flops { get; protected init; }

    /// <summary>Bytes of one run's operands, read or written.</summary>
    public long Bytes { get; protected init; }

    /// <summary>The native call behind the kernel, as a plan prints it.</summary>
    public abstract string Call { get; }

    /// <summary>
    /// Does the units from <paramref name="begin"/> up to, but not including, <paramref name="end"/>, on the plan's thread of that index.
    /// </summary>
    public abstract void Run(int begin, int end, int thread);

    /// <summary>True when a run may find a fault, so that <see cref="TakeFault"/> has to be asked after it.</summary>
    public virtual bool CanFault => false;

    /// <summary>True when the last run has found a fault that nobody has taken yet.</summary>
    public bool HasFault => Volatile.Read(ref _fault) is not null;

    /// <summary>What was wrong with the values of the last run, or null; asking makes the kernel forget it.</summary>
    public Fault? TakeFault() => Interlocked.Exchange(ref _fault, null);

    /// <summary>Remembers what is wrong with the values of this run; of several threads' faults, one.</summary>
    protected void Report(Fault fault) => Interlocked.CompareExchange(ref _fault, fault, null);
}

/// <summary>Why a kernel has no result: a value outside its domain, a user's code that threw.</summary>
/// <param name="Message">What was wrong; the plan puts the node before it.</param>
/// <param name="Cause">What a user's code threw.</param>
internal sealed record Fault(string Message, Exception? Cause = null);
