namespace NativeBackprop;

/// <summary>
/// Float32 memory that the garbage collector never moves, starting on a 64-byte boundary, so that C# and the
/// native kernels read and write the same bytes without copying.
/// </summary>
/// <remarks>
/// Thread safety: any threads may use it at once, as long as nobody writes. A thread that writes must be the only one that uses the buffer,
/// and a plan that the buffer is bound to counts as one while it runs.
/// </remarks>
public sealed unsafe class PinnedBuffer
{
    /// <summary>Alignment of every start of a block, in bytes: a cache line and an AVX-512 vector.</summary>
    public const int Alignment = 64;

    /// <summary>The same alignment counted in floats.</summary>
    internal const int AlignmentInFloats = Alignment / sizeof(float);

    // Keeps the memory alive for as long as anyone holds the buffer.
    private readonly MemoryBlock _block;

    /// <summary>Allocates <paramref name="length"/> floats, all zero.</summary>
    /// <param name="length">Number of float32 elements.</param>
    /// <exception cref="OptionException">The length is negative or larger than one array can hold.</exception>
    /// <exception cref="OutOfMemoryException">There is not that much memory.</exception>
    public PinnedBuffer(long length)
    {
        if (length < 0 || length > Array.MaxLength - AlignmentInFloats)
        {
            throw new OptionException($"a buffer's length must lie in 0..{Array.MaxLength - AlignmentInFloats} floats, got {length}");
        }

        _block = MemorySource.Current.Allocate((int)length);
        Length = (int)length;
    }

    /// <summary>Allocates a buffer and copies <paramref name="values"/> into it.</summary>
    public PinnedBuffer(ReadOnlySpan<float> values)
        : this(values.Length) => values.CopyTo(Span);

    /// <summary>Number of float32 elements.</summary>
    public int Length { get; }

    /// <summary>The elements. The span keeps the memory alive, also after the buffer itself is dropped.</summary>
    public Span<float> Span => _block.Owner is float[] array ? array.AsSpan(_block.Start, Length) : new Span<float>(Pointer, Length);

    internal float* Pointer => (float*)_block.Address;

    /// <summary>A part of the elements, given by where it starts in memory; keeps the memory alive as <see cref="Span"/> does.</summary>
    internal Span<float> SpanAt(float* start, int length) => Span.Slice((int)(start - Pointer), length);
}
