namespace NativeBackprop.Layers;

/// <summary>How a <see cref="Predictor"/> works.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record PredictorOptions
{
    /// <summary>
    /// How many calls compute at once, each with an arena of its own; others wait. 0 stands for the machine's processors, or for 1 where
    /// a call has several threads.
    /// </summary>
    public int Plans { get; init; }

    /// <summary>
    /// The most threads that compute one call. 1, the default, computes on the caller's own thread; more takes a team, which serves one
    /// call at a time; 0 stands for the machine's processors.
    /// </summary>
    public int Threads { get; init; } = 1;

    /// <summary>
    /// The batch sizes that plans are made for, where the model keeps rows apart; others are made up of these. Left empty: the powers of
    /// two, and the largest batch.
    /// </summary>
    public IReadOnlyList<int> BatchSizes { get; init; } = [];

    /// <summary>
    /// True gives the same bits on every machine, with every instruction set and any number of threads:
    /// <see cref="PlanOptions.Reproducible"/>.
    /// </summary>
    public bool Reproducible { get; init; }

    // As many as there may be threads to call.
    private const int MaxPlans = PlanOptions.MaxThreads;

    internal PredictorOptions Validated(int maxBatch) =>
        Plans is < 0 or > MaxPlans ? throw new OptionException($"the number of plans must lie in 0..{MaxPlans}, got {Plans}")
        : PlanOptions.ThreadsError(Threads) is { } error ? throw new OptionException(error)
        : Plans > 1 && Plan.Limit(Threads) > 1 ? throw new OptionException(
            $"a team of threads computes one call at a time: expected 1 plan with {Threads} threads, got {Plans}")
        : BatchSizes is null ? throw new OptionException("the batch sizes are null; leave them empty instead")
        : BatchSizes.Any(size => size < 1 || size > maxBatch) ? throw new OptionException($"the batch sizes must lie in 1..{maxBatch}")
        : this;
}
