namespace NativeBackprop;

/// <summary>
/// A description of a computation: nodes in creation order, each checked when it is added. Nothing is computed until
/// a plan is compiled from it. Not safe for concurrent building.
/// </summary>
public sealed class Graph
{
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<NodeKey, Node> _known = [];

    /// <summary>The nodes in creation order, which is a topological order.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>
    /// Adds a node. The same pure op on the same inputs gives the node that is there already, so that a repeated
    /// subexpression is computed once.
    /// </summary>
    /// <exception cref="ShapeException">The inputs' shapes do not fit the op; the message names op and inputs.</exception>
    /// <exception cref="GraphException">An input belongs to another graph, or holds class indices where the op takes numbers.</exception>
    public Node Add(Op op, params ReadOnlySpan<Node> inputs)
    {
        ArgumentNullException.ThrowIfNull(op);
        foreach (Node input in inputs)
        {
            ArgumentNullException.ThrowIfNull(input, nameof(inputs));
        }

        if (op.Arity != Op.AnyNumber && inputs.Length != op.Arity)
        {
            throw new GraphException($"{op.Name} takes {op.Arity} input{(op.Arity == 1 ? "" : "s")}, got {inputs.Length}");
        }

        var key = new NodeKey(op, inputs.ToArray());
        if (op.IsPure && _known.TryGetValue(key, out Node? known))
        {
            return known;
        }

        var shapes = new Shape[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            shapes[i] = inputs[i].Graph == this
                ? inputs[i].Shape
                : throw new GraphException($"{op.Name}: input {i} ({inputs[i]}) belongs to another graph");
            if (inputs[i].Op.ElementType != op.InputType(i))
            {
                throw new GraphException($"{op.Name}: input {i} ({inputs[i]}) must hold {(op.InputType(i) == ElementType.Int32 ? "class indices, not numbers" : "numbers, not class indices")}");
            }
        }

        Shape shape;
        try
        {
            shape = op.InferShape(shapes);
        }
        catch (ShapeException error)
        {
            throw new ShapeException($"{op.Name}({string.Join(", ", key.Inputs.Select(input => $"{input} {input.Shape}"))}): {error.Message}");
        }

        CheckIndices(op, inputs, shapes);
        var node = new Node(this, _nodes.Count, op, key.Inputs, shape, (op as ILeaf)?.LeafName);
        _nodes.Add(node);
        if (op.IsPure)
        {
            _known.Add(key, node);
        }

        return node;
    }

    // Indices are checked against their bound when they are bound; here the bound is held against the room that there is.
    private static void CheckIndices(Op op, ReadOnlySpan<Node> inputs, ReadOnlySpan<Shape> shapes)
    {
        for (int i = 0; i < inputs.Length; i++)
        {
            if (op.InputType(i) == ElementType.Int32 && inputs[i].Op.IndexBound > op.IndexLimit(i, shapes))
            {
                throw new ShapeException(
                    $"{op.Name}: {inputs[i]} has {inputs[i].Op.IndexBound} classes, but there is room for {Shape.Text(op.IndexLimit(i, shapes))}");
            }
        }
    }

    /// <summary>Gives a node a name for plans, pictures and errors, and returns it.</summary>
    public Node SetName(Node node, string name)
    {
        node.Name ??= name;
        return node;
    }

    private readonly struct NodeKey(Op op, Node[] inputs) : IEquatable<NodeKey>
    {
        public Node[] Inputs => inputs;

        private Op Op => op;

        public bool Equals(NodeKey other) => op.Equals(other.Op) && inputs.AsSpan().SequenceEqual(other.Inputs);

        public override bool Equals(object? obj) => obj is NodeKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(op);
            foreach (Node input in inputs)
            {
                hash.Add(input.Index);
            }

            return hash.ToHashCode();
        }
    }
}

/// <summary>An op without inputs that carries a name.</summary>
internal interface ILeaf
{
    string LeafName { get; }
}
