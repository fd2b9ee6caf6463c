namespace NativeBackprop;

/// <summary>
/// One call of a plan, with every size resolved. Running it allocates nothing and does not throw: what may be wrong with the values is
/// reported as a <see cref="Fault"/>. Its work is counted in units (elements, rows or columns) that do not depend on one another, so that
/// threads can take a range each.
/// </summary>
internal abstract unsafe class Kernel
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

    /// <summary>Bytes of scratch memory that each thread wants for itself during a run.</summary>
    public long WorkspacePerThread { get; protected init; }

    /// <summary>Bytes of scratch memory that the threads want in common during a run.</summary>
    public long WorkspaceShared { get; protected init; }

    /// <summary>
    /// The scratch memory, on a 64-byte boundary, which the plan sets before the first run. It holds anything when a run begins, and
    /// belongs to others when the run has ended.
    /// </summary>
    public float* Workspace { private get; set; }

    /// <summary>The native call behind the kernel, as a plan prints it.</summary>
    public abstract string Call { get; }

    /// <summary>
    /// Does the units from <paramref name="begin"/> up to, but not including, <paramref name="end"/>, on the plan's thread of that index.
    /// </summary>
    public abstract void Run(int begin, int end, int thread);

    /// <summary>Length of the workspace for a number of threads, in floats.</summary>
    public long WorkspaceLength(int threads) => Floats(WorkspaceShared) + (threads * Floats(WorkspacePerThread));

    /// <summary>True when the last run has found a fault that nobody has taken yet.</summary>
    public bool HasFault => Volatile.Read(ref _fault) is not null;

    /// <summary>What was wrong with the values of the last run, or null; asking makes the kernel forget it.</summary>
    public Fault? TakeFault() => Interlocked.Exchange(ref _fault, null);

    /// <summary>The part of the workspace that the threads have in common.</summary>
    protected float* SharedWorkspace => Workspace;

    /// <summary>A thread's own part of the workspace, on a 64-byte boundary.</summary>
    protected float* WorkspaceOf(int thread) => Workspace + Floats(WorkspaceShared) + (thread * Floats(WorkspacePerThread));

    /// <summary>
    /// Remembers what is wrong with the values of this run; of several threads' faults, one. The operation's
    /// <see cref="Operation.CanFault"/> must have said so.
    /// </summary>
    protected void Report(Fault fault) => Interlocked.CompareExchange(ref _fault, fault, null);

    private static long Floats(long bytes) => Arena.Align((bytes + sizeof(float) - 1) / sizeof(float));
}

/// <summary>Why a kernel has no result: a value outside its domain, a user's code that threw.</summary>
/// <param name="Message">What was wrong; the plan puts the node before it.</param>
/// <param name="Cause">What a user's code threw.</param>
internal record Fault(string Message, Exception? Cause = null);

/// <summary>A value that had to be finite and is not.</summary>
/// <param name="Input">Which operand of the kernel holds it.</param>
/// <param name="Element">Where in the operand.</param>
/// <param name="Value">The value.</param>
internal sealed record NonFiniteFault(int Input, int Element, float Value) : Fault($"element {Element} is {Value}");
