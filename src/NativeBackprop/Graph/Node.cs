namespace NativeBackprop;

/// <summary>One value of a <see cref="Graph"/>: an op, its inputs and its shape. Immutable.</summary>
public sealed class Node
{
    private readonly Node[] _inputs;

    internal Node(Graph graph, int index, Op op, Node[] inputs, Shape shape, string? name)
    {
        (Graph, Index, Op, Shape, Name) = (graph, index, op, shape, name);
        _inputs = inputs;
    }

    /// <summary>The graph that the node belongs to.</summary>
    public Graph Graph { get; }

    /// <summary>Position in creation order, which is a topological order.</summary>
    public int Index { get; }

    /// <summary>What computes the value.</summary>
    public Op Op { get; }

    /// <summary>The op's operands.</summary>
    public ReadOnlySpan<Node> Inputs => _inputs;

    /// <summary>The value's shape; may hold <see cref="Shape.Batch"/>.</summary>
    public Shape Shape { get; }

    /// <summary>The name of a leaf, or the one given by <see cref="Graph.SetName"/>.</summary>
    public string? Name { get; internal set; }

    /// <summary>The name, or the op and the position: <c>multiply#7</c>.</summary>
    public override string ToString() => Name ?? $"{Op.Name}#{Index}";
}
