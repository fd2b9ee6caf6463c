namespace NativeBackprop;

/// <summary>
/// One pinned allocation carved into named, 64-byte-aligned blocks. The layout is fixed before the memory exists:
/// reserve every block, then <see cref="Allocate"/> once.
/// </summary>
internal sealed unsafe class Arena
{
    private PinnedBuffer? _buffer;

    /// <summary>Total size so far, in floats.</summary>
    public long Length { get; private set; }

    public PinnedBuffer Buffer => _buffer ?? throw new InvalidOperationException("the arena is not allocated yet");

    public static long Align(long floats) => (floats + PinnedBuffer.AlignmentInFloats - 1) & ~(long)(PinnedBuffer.AlignmentInFloats - 1);

    /// <summary>Reserves a block at the end and returns its offset in floats.</summary>
    public long Reserve(long floats)
    {
        long offset = Length;
        Length += Align(floats);
        return offset;
    }

    public void Allocate() => _buffer = new PinnedBuffer(Length);

    public float* At(long offset) => Buffer.Pointer + offset;
}
