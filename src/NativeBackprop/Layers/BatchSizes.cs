namespace NativeBackprop.Layers;

/// <summary>The batch sizes that a predictor has plans for, and how a batch is made up of them.</summary>
internal sealed class BatchSizes
{
    // What a run costs besides its rows, counted in rows: the weights are read anew.
    private const int RunCost = 16;

    private readonly int[] _sizes;

    /// <param name="wanted">The sizes; the powers of two when empty. The largest batch is always among them.</param>
    /// <param name="maxBatch">The largest batch.</param>
    public BatchSizes(IReadOnlyList<int> wanted, int maxBatch)
    {
        IEnumerable<int> powers = Enumerable.Range(0, 31).Select(power => 1 << power).Where(size => size < maxBatch);
        _sizes = [.. (wanted.Count > 0 ? wanted : powers).Append(maxBatch).Distinct().Order()];
    }

    public int Count => _sizes.Length;

    /// <summary>The size of the next run for so many rows: all of them with some to spare, or a part of them.</summary>
    public int Next(int rows)
    {
        int above = Above(rows);
        if (above == 0 || _sizes[above] == rows)
        {
            return _sizes[above];
        }

        int below = _sizes[above - 1];
        return (long)below + RunCost + _sizes[Above(rows - below)] < _sizes[above] ? below : _sizes[above];
    }

    private int Above(int rows)
    {
        int i = 0;
        while (_sizes[i] < rows)
        {
            i++;
        }

        return i;
    }
}
