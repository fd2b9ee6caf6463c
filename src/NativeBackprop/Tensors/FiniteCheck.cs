using System.Numerics;
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
        ReadOnlySpan<Vector<uint>> vectors = MemoryMarshal.Cast<uint, Vector<uint>>(bits);
        const int block = 64;
        var exponent = new Vector<uint>(ExponentMask);
        for (int start = 0; start < vectors.Length; start += block)
        {
            Vector<uint> even = Vector<uint>.Zero, odd = Vector<uint>.Zero;
            int end = Math.Min(start + block, vectors.Length);
            int i = start;
            for (; i + 1 < end; i += 2)
            {
                even = Vector.Max(even, vectors[i] & exponent);
                odd = Vector.Max(odd, vectors[i + 1] & exponent);
            }

            if (i < end)
            {
                even = Vector.Max(even, vectors[i] & exponent);
            }

            if (Vector.EqualsAny(Vector.Max(even, odd), exponent))
            {
                return FirstOf(bits, start * Vector<uint>.Count);
            }
        }

        return FirstOf(bits, vectors.Length * Vector<uint>.Count);
    }

    private const uint ExponentMask = 0x7F80_0000;

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
