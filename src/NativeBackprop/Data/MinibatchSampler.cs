namespace NativeBackprop.Data;

/// <summary>
/// The order in which rows are visited: epochs of minibatches, each row once an epoch, the last batch short when the
/// batch size does not divide the number of rows, or one row long where that one would stand alone and must not.
/// </summary>
/// <remarks>
/// The order of an epoch depends on the seed and the number of the epoch and on nothing else, so a training run can be
/// taken up at any batch of any epoch. Nothing is allocated after construction. The spans handed out are views of one
/// buffer and hold until a batch of another epoch is asked for. Thread safety: for one thread at a time; two that ask for batches
/// of a shuffled order at once are told so.
/// </remarks>
internal sealed class MinibatchSampler
{
    // "sampler" in ASCII: keeps the epochs' streams apart from every other use of the same seed.
    private const ulong SamplerStream = 0x72656C706D6173;

    private readonly int[] _order;
    private readonly RandomSource _random;
    private readonly ulong _seed;
    private readonly Occupancy _use = new("sampler");
    private long _epoch = -1;

    /// <summary>Prepares the visiting of <paramref name="count"/> rows.</summary>
    /// <param name="count">The number of rows, at least 1.</param>
    /// <param name="batchSize">
    /// The number of rows in a batch, at least 1; more than <paramref name="count"/> means one batch of all.
    /// </param>
    /// <param name="shuffle">Permutes the rows anew in each epoch; otherwise every epoch is in row order.</param>
    /// <param name="seed">Determines the permutations.</param>
    /// <param name="joinsLastRow">True when a last batch of one row is joined to the one before.</param>
    /// <exception cref="DataException">There is no row.</exception>
    /// <exception cref="OptionException">The batch size is less than 1.</exception>
    public MinibatchSampler(int count, int batchSize, bool shuffle, ulong seed, bool joinsLastRow = false)
    {
        if (count < 1)
        {
            throw new DataException($"minibatches: expected at least 1 row, found {count}");
        }

        if (batchSize < 1)
        {
            throw new OptionException($"batch size: expected at least 1, found {batchSize}");
        }

        Count = count;
        BatchSize = Math.Min(batchSize, count);
        BatchesPerEpoch = (int)(((long)count + BatchSize - 1) / BatchSize);
        if (joinsLastRow && BatchesPerEpoch > 1 && count % BatchSize == 1)
        {
            BatchesPerEpoch--;
        }

        IsShuffled = shuffle;
        _order = new int[count];
        _seed = RandomSource.DeriveSeed(seed, SamplerStream);
        _random = new RandomSource(_seed);
        SetRowOrder();
    }

    /// <summary>The number of rows.</summary>
    public int Count { get; }

    /// <summary>
    /// The number of rows in every batch but, possibly, the last of an epoch; at most <see cref="Count"/>. The last one has fewer, or one
    /// more where it was joined.
    /// </summary>
    public int BatchSize { get; }

    /// <summary>The number of batches in an epoch, the short one included.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>Whether each epoch has its own permutation.</summary>
    public bool IsShuffled { get; }

    /// <summary>The rows of one batch.</summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    /// <param name="index">The number of the batch in it, in 0..BatchesPerEpoch−1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative or too large.</exception>
    /// <exception cref="InvalidOperationException">Another thread is asking.</exception>
    public ReadOnlySpan<int> Batch(int epoch, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, BatchesPerEpoch);
        if (IsShuffled)
        {
            Shuffle(epoch);
        }

        int start = index * BatchSize;
        return _order.AsSpan(start, index == BatchesPerEpoch - 1 ? Count - start : BatchSize);
    }

    /// <summary>The batches of one epoch, for <c>foreach</c>.</summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    public BatchSequence Epoch(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        return new BatchSequence(this, epoch);
    }

    private void Shuffle(int epoch)
    {
        using Occupancy.Guard inside = _use.Enter();
        if (epoch != _epoch)
        {
            _epoch = -1;
            SetRowOrder();
            _random.Reset(RandomSource.DeriveSeed(_seed, (ulong)epoch));
            _random.Shuffle(_order);
            _epoch = epoch;
        }
    }

    private void SetRowOrder()
    {
        for (int i = 0; i < _order.Length; i++)
        {
            _order[i] = i;
        }
    }

    /// <summary>The batches of one epoch in turn. Enumerates itself; a copy starts from where it was copied.</summary>
    public struct BatchSequence
    {
        private readonly MinibatchSampler? _sampler;
        private readonly int _epoch;
        private int _index;

        internal BatchSequence(MinibatchSampler sampler, int epoch) => (_sampler, _epoch, _index) = (sampler, epoch, -1);

        /// <summary>The rows of the current batch.</summary>
        /// <exception cref="InvalidOperationException">There is none: MoveNext was not called, or gave false.</exception>
        public readonly ReadOnlySpan<int> Current => _sampler is not null && (uint)_index < (uint)_sampler.BatchesPerEpoch
            ? _sampler.Batch(_epoch, _index)
            : throw Refusal.InvalidOperation("there is no current batch: call MoveNext first, and stop when it gives false");

        /// <summary>Goes on to the next batch; false after the last.</summary>
        public bool MoveNext()
        {
            int count = _sampler?.BatchesPerEpoch ?? 0;
            _index += _index < count ? 1 : 0;
            return _index < count;
        }

        /// <summary>The sequence itself.</summary>
        public readonly BatchSequence GetEnumerator() => this;
    }
}
