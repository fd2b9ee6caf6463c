namespace NativeBackprop;

/// <summary>How a plan is made.</summary>
public sealed record PlanOptions
{
    /// <summary>The batch size that replaces <see cref="Shape.Batch"/>; needed only when a shape holds it.</summary>
    public int? BatchSize { get; init; }

    /// <summary>How many threads run the plan; 0 lets the plan choose by its work and the machine's cores.</summary>
    public int Threads { get; init; }

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
