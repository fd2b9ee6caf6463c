namespace NativeBackprop;

/// <summary>
/// What whole numbers may be that kernels take for positions: Least..Bound−1, and <see cref="NoClass"/> where that is allowed. It is
/// checked whenever values are bound.
/// </summary>
/// <param name="Bound">One more than the largest.</param>
/// <param name="Least">The smallest.</param>
/// <param name="AllowsNone">True when <see cref="NoClass"/> may stand for no index.</param>
/// <param name="Word">What messages call a value.</param>
internal readonly record struct IndexRange(int Bound, int Least = 0, bool AllowsNone = false, string Word = "label")
{
    /// <summary>PyTorch's mark of a position without a class.</summary>
    public const int NoClass = -100;

    /// <summary>The position of the first value outside, or −1.</summary>
    public int IndexOfOutside(ReadOnlySpan<int> values)
    {
        int from = 0;
        while (values[from..].IndexOfAnyExceptInRange(Least, Bound - 1) is var at && at >= 0)
        {
            if (!(AllowsNone && values[from + at] == NoClass))
            {
                return from + at;
            }

            from += at + 1;
        }

        return -1;
    }

    /// <summary>True for a whole number inside.</summary>
    public bool Contains(double value) =>
        (value >= Least && value < Bound && Math.Floor(value) == value) || (AllowsNone && value == NoClass);

    /// <summary>What is wrong with a value outside.</summary>
    public DataException Outside(object leaf, object value, int position) => new(
        $"{leaf}: {Word} {value} at position {position} lies outside {Least}..{Bound - 1}{(AllowsNone ? $", and is not {NoClass}" : "")}");
}
