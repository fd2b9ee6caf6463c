namespace NativeBackprop;

/// <summary>How a plan is made.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record PlanOptions
{
    /// <summary>The batch size that replaces <see cref="Shape.Batch"/>; needed only when a shape holds it.</summary>
    public int? BatchSize { get; init; }

    /// <summary>
    /// The most threads that run the plan, up to <see cref="MaxThreads"/>; 0 stands for the machine's processors. A plan takes fewer where
    /// its work is not worth them, and never more than there are processors.
    /// </summary>
    public int Threads { get; init; }

    /// <summary>
    /// True takes exactly <see cref="Threads"/> threads, and splits every step that can be split, whatever the work and the machine.
    /// </summary>
    public bool ExactThreads { get; init; }

    /// <summary>False runs one kernel a node, for comparison; results agree to rounding.</summary>
    public bool Fuse { get; init; } = true;

    /// <summary>Which library computes the matrix products.</summary>
    public ProductLibrary Products { get; init; }

    /// <summary>
    /// True gives the same bits on every machine, with every instruction set and any number of threads: all products are our own. The
    /// rest of a plan does so in any case, except for a <see cref="Ops.CustomOp"/>, whose author has to see to it. Only the sign and
    /// payload of a NaN may differ.
    /// </summary>
    public bool Reproducible { get; init; }

    /// <summary>
    /// Nodes that <see cref="Plan.RunFirst"/> computes, leaving the rest of the plan to <see cref="Plan.RunRest"/>: a forward pass
    /// whose backward pass may follow.
    /// </summary>
    public IReadOnlyList<Node> First { get; init; } = [];

    /// <summary>The largest value of <see cref="Threads"/>.</summary>
    internal const int MaxThreads = 1024;

    /// <summary>Threads to share with other plans, one run at a time; null makes the plan start its own.</summary>
    internal ThreadTeam? Team { get; init; }

    /// <summary>What is wrong with a number of threads; null when nothing is.</summary>
    internal static string? ThreadsError(int threads) =>
        threads is < 0 or > MaxThreads ? $"the thread count must lie in 0..{MaxThreads}, got {threads}" : null;

    /// <summary>What is wrong with a product library; null when nothing is.</summary>
    internal static string? ProductsError(ProductLibrary products, bool reproducible) =>
        !Enum.IsDefined(products) ? $"the product library must be Auto, OpenBlas or Own, got {products}"
        : reproducible && products == ProductLibrary.OpenBlas
            ? "OpenBLAS's products differ between machines and numbers of threads: a reproducible plan takes Own"
        : null;

    /// <summary>The options, when every one of them is within its domain.</summary>
    /// <exception cref="OptionException">One is not.</exception>
    /// <exception cref="ObjectDisposedException">The team has been disposed of.</exception>
    internal PlanOptions Validated()
    {
        if (BatchSize is < 1)
        {
            throw new OptionException($"the batch size must be at least 1, got {BatchSize}");
        }

        if ((ThreadsError(Threads) ?? ProductsError(Products, Reproducible)) is { } error)
        {
            throw new OptionException(error);
        }

        if (ExactThreads && Threads < 1)
        {
            throw new OptionException("an exact thread count must be at least 1, got 0");
        }

        Team?.ThrowIfDisposed();
        return Team is null || !ExactThreads || Threads == Team.Count
            ? this
            : throw new OptionException($"an exact thread count of {Threads} does not fit a team of {Team.Count}");
    }
}
