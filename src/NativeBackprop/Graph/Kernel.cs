namespace NativeBackprop;

/// <summary>
/// One call of a plan, with every size resolved. Running it allocates nothing and cannot fail. Its work is counted in
/// units (elements, rows or columns) that do not depend on one another, so that threads can take a range each.
/// </summary>
internal abstract class Kernel
{
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

    /// <summary>What was wrong with the values of the last run (a logarithm of a negative number), or null.</summary>
    public virtual string? Fault => null;

    /// <summary>True when <see cref="Fault"/> has to be asked after every run.</summary>
    public virtual bool CanFault => false;
}
