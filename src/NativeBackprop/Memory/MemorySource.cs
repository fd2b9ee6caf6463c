using System.Runtime.CompilerServices;
using NativeBackprop.Interop;

namespace NativeBackprop;

/// <summary>
/// Where the float memory of a process comes from. There is one source in production, <see cref="PinnedArrays"/>. Tests put another
/// one in its place: one with guard pages around every value, or one that fails at a chosen allocation.
/// </summary>
internal abstract class MemorySource
{
    /// <summary>The source that every <see cref="PinnedBuffer"/> asks. Only tests set it.</summary>
    public static MemorySource Current { get; set; } = new PinnedArrays();

    /// <summary>
    /// True where values may stand side by side in one allocation and take each other's place when they are dead. A source that
    /// watches over single values says no: an arena then asks for each block on its own, and a plan gives each value its own block.
    /// </summary>
    public virtual bool ReusesBlocks => true;

    /// <summary>Hands out zeroed floats that start on a boundary of <see cref="PinnedBuffer.Alignment"/> bytes and never move.</summary>
    /// <param name="length">How many floats.</param>
    /// <exception cref="OutOfMemoryException">There is no more memory.</exception>
    public abstract MemoryBlock Allocate(int length);
}

/// <summary>Memory that a <see cref="MemorySource"/> hands out.</summary>
/// <param name="Owner">
/// What keeps the memory alive. When it is an array, spans are made from it, so that they keep it alive too; any other owner sees to it
/// that its memory outlives every span.
/// </param>
/// <param name="Start">Where the floats start in the array.</param>
/// <param name="Address">Where the floats start in memory.</param>
internal readonly record struct MemoryBlock(object Owner, int Start, nint Address);

/// <summary>
/// The source of production: arrays of the managed heap that the garbage collector never moves. Large ones ask for huge pages and start
/// on their boundary. What is allocated around them for that, less than two huge pages, counts as the heap's, but mostly stays untouched.
/// </summary>
internal sealed unsafe class PinnedArrays : MemorySource
{
    public override MemoryBlock Allocate(int length)
    {
        long bytes = (long)length * sizeof(float), huge = HugePages.BytesFor(bytes);
        long alignment = PinnedBuffer.Alignment, spanned = bytes;
        if (huge > 0 && (Math.Max(bytes, huge) + HugePages.Size) / sizeof(float) <= Array.MaxLength)
        {
            (alignment, spanned) = (HugePages.Size, Math.Max(bytes, huge));
        }

        float[] array = GC.AllocateArray<float>((int)((spanned + alignment) / sizeof(float)), pinned: true);
        nint begin = (nint)Unsafe.AsPointer(ref array[0]), address = (nint)((begin + alignment - 1) & -alignment);
        if (alignment == HugePages.Size)
        {
            HugePages.Ask(address, huge);
        }

        return new MemoryBlock(array, (int)((address - begin) / sizeof(float)), address);
    }
}
