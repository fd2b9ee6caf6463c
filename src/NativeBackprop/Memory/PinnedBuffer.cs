using System.Runtime.CompilerServices;

namespace NativeBackprop;

/// <summary>
/// Float32 memory that the garbage collector never moves, starting on a 64-byte boundary, so that C# and the
/// native kernels read and write the same bytes without copying.
/// </summary>
public sealed unsafe class PinnedBuffer
{
    /// <summary>Alignment of every start of a block, in bytes: a cache line and an AVX-512 vector.</summary>
    public const int Alignment = 64;

    /// <summary>The same alignment counted in floats.</summary>
    internal const int AlignmentInFloats = Alignment / sizeof(float);

    // Keeps the pinned array alive for as long as anyone holds the buffer.
    private readonly float[] _storage;

    /// <summary>Allocates <paramref name="length"/> floats, all zero.</summary>
    /// <param name="length">Number of float32 elements.</param>
    /// <exception cref="OptionException">The length is negative or larger than one array can hold.</exception>
    public PinnedBuffer(long length)
    {
        if (length < 0 || length > Array.MaxLength - AlignmentInFloats)
        {
            throw new OptionException($"a buffer's length must lie in 0..{Array.MaxLength - AlignmentInFloats} floats, got {length}");
        }

        _storage = GC.AllocateArray<float>((int)length + AlignmentInFloats, pinned: true);
        var start = (nuint)Unsafe.AsPointer(ref _storage[0]);
        Pointer = (float*)((start + Alignment - 1) & ~(nuint)(Alignment - 1));
        Length = (int)length;
    }

    /// <summary>Allocates a buffer and copies <paramref name="values"/> into it.</summary>
    public PinnedBuffer(ReadOnlySpan<float> values)
        : this(values.Length) => values.CopyTo(Span);

    /// <summary>Number of float32 elements.</summary>
    public int Length { get; }

    /// <summary>The elements.</summary>
    public Span<float> Span => new(Pointer, Length);

    internal float* Pointer { get; }
}
