using NativeBackprop.Losses;

namespace NativeBackprop.Training;

/// <summary>How a <see cref="Trainer"/> works.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record TrainerOptions : TrainingStepOptions
{
    /// <summary>Rows of a minibatch, at least 1.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Seed of the initial values (of parameters that have none yet), of the shuffling and of dropout's masks.</summary>
    public ulong Seed { get; init; }

    /// <summary>False keeps the rows in the data set's order.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>λ of a penalty λ Σ W² over weights, not biases, added to the cost: short for an <see cref="L2Penalty"/>.</summary>
    public float L2 { get; init; }

    /// <summary>Penalties added to the cost, each on the parameters that it applies to.</summary>
    public IReadOnlyList<Regularizer> Regularizers { get; init; } = [];

    /// <summary>
    /// How many segments the layers are divided into, whose activations are computed again in the backward pass instead of being kept:
    /// more time, less memory, the same gradients. 1, the default, keeps all; about the square root of the number of layers saves most.
    /// </summary>
    public int RecomputationSegments { get; init; } = 1;

    /// <summary>
    /// True for sequences of unequal length: minibatches and data sets may have lengths from the first step on. So they may, without this,
    /// when the first of them has some; rows without are whole.
    /// </summary>
    public bool TakesLengths { get; init; }

    /// <summary>All penalties, the short form's first.</summary>
    internal IEnumerable<Regularizer> Penalties => L2 > 0 ? Regularizers.Prepend(Regularizer.L2(L2)) : Regularizers;

    /// <inheritdoc cref="TrainingStepOptions.Validated"/>
    internal new TrainerOptions Validated()
    {
        string? error = BatchSize < 1 ? $"the batch size must be at least 1, got {BatchSize}"
            : !(L2 >= 0) || float.IsInfinity(L2) ? $"the L2 factor must be a finite number of at least 0, got {L2}"
            : RecomputationSegments < 1 ? $"the number of segments must be at least 1, got {RecomputationSegments}"
            : null;
        return error is not null ? throw new OptionException(error) : (TrainerOptions)base.Validated() with
        {
            Regularizers = Copied(nameof(Regularizers), Regularizers),
        };
    }
}
