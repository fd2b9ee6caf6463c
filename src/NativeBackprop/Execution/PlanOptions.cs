namespace NativeBackprop;

/// <summary>How a plan is made.</summary>
public sealed record PlanOptions
{
    /// <summary>The batch size that replaces <see cref="Shape.Batch"/>; needed only when a shape holds it.</summary>
    public int? BatchSize { get; init; }

    /// <summary>
    /// The most threads that run the plan; 0 stands for the machine's processors. A plan takes fewer where its work is not worth
    /// them, and never more than there are processors.
    /// </summary>
    public int Threads { get; init; }

    /// <summary>True takes exactly <see cref="Threads"/> threads, and shares every step that can be shared, whatever the work and the machine.</summary>
    public bool ExactThreads { get; init; }

    /// <summary>False runs one kernel a node, for comparison; results agree to rounding.</summary>
    public bool Fuse { get; init; } = true;

    /// <summary>
    /// Nodes that <see cref="Plan.RunFirst"/> computes, leaving the rest of the plan to <see cref="Plan.RunRest"/>: a forward pass
    /// whose backward pass may follow.
    /// </summary>
    public IReadOnlyList<Node> First { get; init; } = [];

    /// <summary>Threads to share with other plans; null makes the plan start its own.</summary>
    internal ThreadTeam? Team { get; init; }
}
