using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeBackprop;

/// <summary>Finds NaN and infinity in a block of numbers, at about the speed of reading it.</summary>
internal static class FiniteCheck
{
    /// <summary>The position of the first value that is NaN or infinite, or −1.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        // A float is not finite when every bit of its exponent is set, which is the largest value the field can have:
        // one maximum over the masked bits of a block answers for the whole block.
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(values);
        ref uint first = ref MemoryMarshal.GetReference(bits);
        int width = Vector<uint>.Count, block = 4 * width, start = 0;
        var exponent = new Vector<uint>(ExponentMask);
        while (bits.Length - start >= block)
        {
            // Four at a time, so that no maximum waits for the one before it; a few of them between two questions.
            Vector<uint> a = Vector<uint>.Zero, b = a, c = a, d = a;
            int from = start, end = start + (Math.Min((bits.Length - start) / block, BlocksAsked) * block);
            for (; start < end; start += block)
            {
                ref uint four = ref Unsafe.Add(ref first, start);
                a = Vector.Max(a, Vector.LoadUnsafe(ref four) & exponent);
                b = Vector.Max(b, Vector.LoadUnsafe(ref four, (nuint)width) & exponent);
                c = Vector.Max(c, Vector.LoadUnsafe(ref four, (nuint)(2 * width)) & exponent);
                d = Vector.Max(d, Vector.LoadUnsafe(ref four, (nuint)(3 * width)) & exponent);
            }

            if (Vector.EqualsAny(Vector.Max(Vector.Max(a, b), Vector.Max(c, d)), exponent))
            {
                return FirstOf(bits, from);
            }
        }

        while (bits.Length - start >= width && !Vector.EqualsAny(Vector.LoadUnsafe(ref first, (nuint)start) & exponent, exponent))
        {
            start += width;
        }

        return FirstOf(bits, start);
    }

    private const uint ExponentMask = 0x7F80_0000;
    private const int BlocksAsked = 64;

    private static int FirstOf(ReadOnlySpan<uint> bits, int from)
    {
        for (int i = from; i < bits.Length; i++)
        {
            if ((bits[i] & ExponentMask) == ExponentMask)
            {
                return i;
            }
        }

        return -1;
    }
}
