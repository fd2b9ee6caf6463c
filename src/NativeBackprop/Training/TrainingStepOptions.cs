using NativeBackprop.Optimizers;

namespace NativeBackprop.Training;

/// <summary>How a <see cref="TrainingStep"/> works.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public record TrainingStepOptions
{
    /// <summary>Parameters with a learning rate factor or a weight decay of their own; the others go by the optimizer's.</summary>
    public IReadOnlyList<ParameterGroup> Groups { get; init; } = [];

    /// <summary>
    /// What is done to the gradients before an update, in order: clipping. <c>Gradient</c> shows them as they were before.
    /// </summary>
    public IReadOnlyList<GradientTransform> GradientTransforms { get; init; } = [];

    /// <summary>How the learning rate changes from step to step; null keeps the optimizer's.</summary>
    public LearningRateSchedule? Schedule { get; init; }

    /// <summary>What a step does about numbers that are not finite.</summary>
    public OnNonFinite OnNonFinite { get; init; }

    /// <summary>The most threads that run a step; 0 stands for the machine's processors.</summary>
    public int Threads { get; init; }

    /// <summary>False runs one kernel a node, for comparison.</summary>
    public bool Fuse { get; init; } = true;

    /// <summary>Which library computes the matrix products.</summary>
    public ProductLibrary Products { get; init; }

    /// <summary>
    /// True trains to the same bits on every machine, with every instruction set and any number of threads:
    /// <see cref="PlanOptions.Reproducible"/>. What a user's own code computes is the user's to see to.
    /// </summary>
    public bool Reproducible { get; init; }

    /// <summary>As <see cref="PlanOptions.ExactThreads"/>, for tests.</summary>
    internal bool ExactThreads { get; init; }

    /// <summary>These options, checked, with lists of their own: what is done to the caller's lists later changes nothing.</summary>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="GraphException">A list of a user's own failed.</exception>
    internal TrainingStepOptions Validated()
    {
        string? error = !Enum.IsDefined(OnNonFinite) ? $"OnNonFinite has no value {(int)OnNonFinite}"
            : PlanOptions.ProductsError(Products, Reproducible) ?? PlanOptions.ThreadsError(Threads);
        return error is not null ? throw new OptionException(error) : this with
        {
            Groups = Copied(nameof(Groups), Groups),
            GradientTransforms = Copied(nameof(GradientTransforms), GradientTransforms),
        };
    }

    private protected static IReadOnlyList<T> Copied<T>(string name, IReadOnlyList<T>? list)
        where T : class
    {
        T[] copy = UserCode.Call(
            $"the list {name}", static list => list.ToArray(), list ?? throw new OptionException($"{name} must not be null"));
        int at = Array.IndexOf(copy, null);
        return at < 0 ? Array.AsReadOnly(copy) : throw new OptionException($"{name}: element {at} is null");
    }
}
