namespace NativeBackprop;

/// <summary>One value of a <see cref="Graph"/>: an op, its inputs and its shape. Immutable but for its name.</summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/> it belongs to.</remarks>
public sealed class Node
{
    private readonly Node[] _inputs;

    internal Node(Graph graph, int index, Op op, Node[] inputs, Shape shape, int readTime)
    {
        (Graph, Index, Op, Shape, ReadTime, _inputs) = (graph, index, op, shape, readTime, inputs);
        Name = (op as ILeaf)?.LeafName;
        Kind = op.KindOf(inputs, shape);
        Variable = op.IsVariable ? this : op.IsTransparent ? inputs[0].Variable : null;
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

    /// <summary>
    /// What the rows are, if the value is a batch of them: what its shape says, and a signal where it was made of one. Null for other
    /// numbers of dimensions.
    /// </summary>
    public RowKind? Kind { get; }

    /// <summary>The name of a leaf, or the one given by <see cref="Graph.SetName"/>.</summary>
    public string? Name { get; internal set; }

    /// <summary>
    /// The position in creation order at which the node reads variables: its own, or that of the node whose derivative it is part of.
    /// What was written before it is read, what was written at it or later is not.
    /// </summary>
    internal int ReadTime { get; }

    /// <summary>
    /// The variable that the node stands for: itself, seen through views, or as an update has left it. Its value is what the variable holds
    /// when it is used. Null for a node that has a value of its own.
    /// </summary>
    internal Node? Variable { get; }

    /// <summary>True when the op updates a variable in place.</summary>
    internal bool Writes
    {
        get
        {
            for (int i = 0; i < _inputs.Length; i++)
            {
                if (Op.Updates(i))
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>The name, or the op and the position: <c>multiply#7</c>.</summary>
    public override string ToString() => Name ?? $"{Op.Name}#{Index}";
}
