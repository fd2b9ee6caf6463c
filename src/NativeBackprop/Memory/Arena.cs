namespace NativeBackprop;

/// <summary>
/// One pinned allocation carved into named, 64-byte-aligned blocks. The layout is fixed before the memory exists:
/// reserve every block, then <see cref="Allocate"/> once. A <see cref="MemorySource"/> that reuses no blocks gives each one an
/// allocation of its own; offsets mean the same.
/// </summary>
internal sealed unsafe class Arena
{
    private readonly List<(long Offset, long Length)> _reserved = [];
    private PinnedBuffer[] _buffers = [];

    /// <summary>Total size so far, in floats.</summary>
    public long Length { get; private set; }

    public static long Align(long floats) => (floats + PinnedBuffer.AlignmentInFloats - 1) & ~(long)(PinnedBuffer.AlignmentInFloats - 1);

    /// <summary>Reserves a block at the end and returns its offset in floats.</summary>
    public long Reserve(long floats)
    {
        long offset = Length;
        _reserved.Add((offset, floats));
        Length += Align(floats);
        return offset;
    }

    public void Allocate() => _buffers = MemorySource.Current.ReusesBlocks
        ? [new PinnedBuffer(Length)]
        : [.. _reserved.Select(block => new PinnedBuffer(block.Length))];

    /// <summary>The memory at an offset; it may lie within a block.</summary>
    public float* At(long offset)
    {
        PinnedBuffer owner = Find(offset, out long start);
        return owner.Pointer + (offset - start);
    }

    /// <summary>What keeps the memory at an offset alive.</summary>
    public PinnedBuffer Owner(long offset) => Find(offset, out _);

    private PinnedBuffer Find(long offset, out long start)
    {
        start = 0;
        if (_buffers.Length == 0)
        {
            throw Refusal.InvalidOperation("the arena is not allocated yet");
        }

        if (_buffers.Length == 1)
        {
            return _buffers[0];
        }

        int block = _reserved.Count - 1;
        while (_reserved[block].Offset > offset)
        {
            block--;
        }

        start = _reserved[block].Offset;
        return _buffers[block];
    }
}
