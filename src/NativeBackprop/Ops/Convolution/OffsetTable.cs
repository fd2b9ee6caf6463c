namespace NativeBackprop.Ops;

/// <summary>32-bit offsets in memory that never moves, for a product whose operand lies scattered.</summary>
internal sealed unsafe class OffsetTable
{
    // An offset is as long as a float, and lies in the same memory.
    private readonly PinnedBuffer _buffer;

    public OffsetTable(IReadOnlyCollection<int> offsets)
    {
        _buffer = new PinnedBuffer(offsets.Count);
        int i = 0;
        foreach (int offset in offsets)
        {
            Pointer[i++] = offset;
        }
    }

    public int* Pointer => (int*)_buffer.Pointer;

    public int Count => _buffer.Length;
}
