namespace NativeBackprop.Tests.Memory;

/// <summary>
/// While it is alive, one allocation of float memory by this thread fails with an <see cref="OutOfMemoryException"/>, as when memory has
/// run out; those before and after it succeed.
/// </summary>
internal sealed class FailingMemory : MemorySource, IDisposable
{
    private readonly MemorySource _source = Current;
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly int _failing;

    /// <param name="failing">Which allocation fails; 0 is the next one.</param>
    public FailingMemory(int failing)
    {
        _failing = failing;
        Current = this;
    }

    /// <summary>How many allocations this thread has asked for.</summary>
    public int Count { get; private set; }

    /// <summary>True once the chosen allocation has been refused.</summary>
    public bool HasFailed => Count > _failing;

    public override bool ReusesBlocks => _source.ReusesBlocks;

    public override MemoryBlock Allocate(int length) =>
        Environment.CurrentManagedThreadId == _thread && Count++ == _failing
            ? throw new InsufficientMemoryException($"allocation {_failing} was made to fail")
            : _source.Allocate(length);

    public void Dispose() => Current = _source;
}
