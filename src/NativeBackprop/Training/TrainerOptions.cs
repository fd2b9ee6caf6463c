using NativeBackprop.Losses;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Training;

/// <summary>How a <see cref="Trainer"/> works.</summary>
public sealed record TrainerOptions
{
    /// <summary>Rows of a minibatch, at least 1.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Seed of the initial values (if the model has none yet) and of the shuffling.</summary>
    public ulong Seed { get; init; }

    /// <summary>False keeps the rows in the data set's order.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>λ of a penalty λ Σ W² over weights, not biases, added to the cost: short for an <see cref="L2Penalty"/>.</summary>
    public float L2 { get; init; }

    /// <summary>Penalties added to the cost, each on its own group of parameters.</summary>
    public IReadOnlyList<Regularizer> Regularizers { get; init; } = [];

    /// <summary>
    /// What is done to the gradients before a step's update, in order: clipping. <see cref="Parameter.Gradient"/> shows them as they were before.
    /// </summary>
    public IReadOnlyList<GradientTransform> GradientTransforms { get; init; } = [];

    /// <summary>
    /// Segments of layers whose activations are computed again in the backward pass instead of being kept: more time, less memory, the same
    /// gradients. 1, the default, keeps all; about the square root of the number of layers saves most.
    /// </summary>
    public int CheckpointSegments { get; init; } = 1;

    /// <summary>How the learning rate changes from step to step; null keeps the optimizer's.</summary>
    public LearningRateSchedule? Schedule { get; init; }

    /// <summary>The most threads that run a step; 0 stands for the machine's processors.</summary>
    public int Threads { get; init; }

    /// <summary>False runs one kernel a node, for comparison.</summary>
    public bool Fuse { get; init; } = true;

    internal TrainerOptions Validated()
    {
        return BatchSize < 1 ? throw new OptionException($"the batch size must be at least 1, got {BatchSize}")
            : !(L2 >= 0) || float.IsInfinity(L2) ? throw new OptionException($"the L2 factor must be a finite number of at least 0, got {L2}")
            : CheckpointSegments < 1 ? throw new OptionException($"the number of checkpoint segments must be at least 1, got {CheckpointSegments}")
            : Threads is < 0 or > 1024 ? throw new OptionException($"the thread count must lie in 0..1024, got {Threads}")
            : this;
    }
}
