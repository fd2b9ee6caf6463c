namespace NativeBackprop;

/// <summary>
/// A description of a computation: nodes in creation order, each checked when it is added. Nothing is computed until
/// a plan is compiled from it.
/// </summary>
/// <remarks>
/// A node that reads a variable, directly or through views, reads what the variable holds where the node was made: what was built before an
/// update reads the old value, what is built after it the new one. Derivatives read what the nodes that they belong to read, whenever they
/// are asked for. A variable, or a view of one, that is itself an output of a plan shows what the variable holds after the run.
/// <para>
/// Thread safety: for one thread at a time; a second one is refused. Whoever adds to a graph while a second thread adds to it too,
/// differentiates or compiles it, gets an <see cref="InvalidOperationException"/>. Several threads may compile it at once.
/// </para>
/// </remarks>
public sealed partial class Graph
{
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<NodeKey, Node> _known = [];

    // The positions of the nodes that write each variable, ascending.
    private readonly Dictionary<Node, List<int>> _writes = [];

    /// <summary>Makes an empty graph.</summary>
    public Graph() => Nodes = _nodes.AsReadOnly();

    /// <summary>The nodes in creation order, which is a topological order.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>
    /// Adds a node. The same pure op on the same inputs gives the node that is there already, so that a repeated
    /// subexpression is computed once, unless a variable that it reads has been updated in between.
    /// </summary>
    /// <exception cref="ArgumentNullException">The op or an input is null.</exception>
    /// <exception cref="ShapeException">The inputs' shapes do not fit the op; the message names op and inputs.</exception>
    /// <exception cref="GraphException">
    /// An input belongs to another graph, holds class indices where the op takes numbers, or is to be updated and is no variable; or a
    /// user's shape rule failed.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
    public Node Add(Op op, params ReadOnlySpan<Node> inputs)
    {
        ArgumentNullException.ThrowIfNull(op);
        foreach (Node input in inputs)
        {
            ArgumentNullException.ThrowIfNull(input, nameof(inputs));
        }

        using Use use = Enter();
        CheckArity(op, inputs);
        Shape[] shapes = CheckedShapes(op, inputs);
        Node[] operands = inputs.ToArray();
        bool writes = CheckWrites(op, operands);
        int time = writes ? _nodes.Count : _readTime ?? _nodes.Count;
        var key = new NodeKey(op, operands, VersionsRead(op, operands, time));
        if (op.IsPure && _known.TryGetValue(key, out Node? known) && Holds(known))
        {
            return HandOut(known);
        }

        Shape shape = InferShape(op, operands, shapes);
        CheckIndices(op, operands, shapes);
        var node = new Node(this, _nodes.Count, op, operands, shape, time);
        if (op.IsPure)
        {
            _known[key] = node; // First: a user's op may fail to compare itself.
        }

        _nodes.Add(node);

        for (int i = 0; writes && i < operands.Length; i++)
        {
            if (op.Updates(i))
            {
                WritesOf(operands[i].Variable!).Add(node.Index);
            }
        }

        return HandOut(node);
    }

    /// <summary>Gives a node a name for plans, pictures and errors, and returns it. A node that has a name keeps it.</summary>
    /// <exception cref="ArgumentNullException">The node or the name is null.</exception>
    /// <exception cref="GraphException">The node belongs to another graph.</exception>
    /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
    public Node SetName(Node node, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        using Use use = Enter();
        Require(node, nameof(node));
        node.Name ??= name;
        return node;
    }

    /// <summary>Throws unless the node is one of this graph's.</summary>
    internal void Require(Node node, string parameter)
    {
        ArgumentNullException.ThrowIfNull(node, parameter);
        if (node.Graph != this)
        {
            throw new GraphException($"{node} belongs to another graph");
        }

        RequireHeld(node);
    }

    /// <summary>Throws unless every node is one of this graph's.</summary>
    internal void Require(ReadOnlySpan<Node> nodes, string parameter)
    {
        foreach (Node node in nodes)
        {
            Require(node, parameter);
        }
    }

    /// <summary>Which nodes some outputs need, by position: themselves and whatever they depend on.</summary>
    internal bool[] Needed(params ReadOnlySpan<Node> outputs)
    {
        Require(outputs, nameof(outputs));
        var needed = new bool[_nodes.Count];
        foreach (Node output in outputs)
        {
            needed[output.Index] = true;
        }

        for (int i = needed.Length - 1; i >= 0; i--)
        {
            foreach (Node input in needed[i] ? _nodes[i].Inputs : [])
            {
                needed[input.Index] = true;
            }
        }

        return needed;
    }

    /// <summary>A variable that a node, or what it depends on, reads after a write at or behind a position; null for none.</summary>
    internal Node? ReadAfterWrite(Node output, int from)
    {
        bool[] needed = Needed(output);
        foreach (Node node in _nodes)
        {
            for (int i = 0; needed[node.Index] && !node.Op.IsTransparent && i < node.Inputs.Length; i++)
            {
                if (!node.Op.Updates(i) && node.Inputs[i].Variable is { } read && _writes.TryGetValue(read, out List<int>? writes)
                    && writes.Exists(write => write >= from && write < node.ReadTime))
                {
                    return read;
                }
            }
        }

        return null;
    }

    private static void CheckArity(Op op, ReadOnlySpan<Node> inputs)
    {
        if (op.Arity != Op.AnyNumber && inputs.Length != op.Arity)
        {
            throw new GraphException($"{op.Name} takes {op.Arity} input{(op.Arity == 1 ? "" : "s")}, got {inputs.Length}");
        }
    }

    private Shape[] CheckedShapes(Op op, ReadOnlySpan<Node> inputs)
    {
        var shapes = new Shape[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            shapes[i] = inputs[i].Graph == this
                ? inputs[i].Shape
                : throw new GraphException($"{op.Name}: input {i} ({inputs[i]}) belongs to another graph");
            RequireHeld(inputs[i]);
            if (inputs[i].Op.ElementType != op.InputType(i))
            {
                string wanted = op.InputType(i) == ElementType.Int32 ? "class indices, not numbers" : "numbers, not class indices";
                throw new GraphException($"{op.Name}: input {i} ({inputs[i]}) must hold {wanted}");
            }
        }

        return shapes;
    }

    // True when the op updates inputs. Those have to be variables, and none may be updated twice at once.
    private static bool CheckWrites(Op op, Node[] inputs)
    {
        bool writes = false;
        for (int i = 0; i < inputs.Length; i++)
        {
            if (op.Updates(i))
            {
                writes = true;
                Node variable = inputs[i].Variable
                    ?? throw new GraphException($"{op.Name}: input {i} ({inputs[i]}) is updated in place, and must be a variable");
                for (int k = 0; k < i; k++)
                {
                    if (op.Updates(k) && inputs[k].Variable == variable)
                    {
                        throw new GraphException($"{op.Name}: inputs {k} and {i} are the same variable {variable}, and both are updated");
                    }
                }
            }
        }

        return writes;
    }

    // What is updated is a place, whatever it holds: it does not tell two nodes apart. A view reads nothing.
    private int[]? VersionsRead(Op op, Node[] inputs, int time)
    {
        int[]? versions = null;
        for (int i = 0; _writes.Count > 0 && !op.IsTransparent && i < inputs.Length; i++)
        {
            if (!op.Updates(i) && inputs[i].Variable is { } variable && _writes.TryGetValue(variable, out List<int>? writes))
            {
                int at = writes.BinarySearch(time), version = at < 0 ? ~at : at;
                if (version > 0)
                {
                    (versions ??= new int[inputs.Length])[i] = version;
                }
            }
        }

        return versions;
    }

    private static Shape InferShape(Op op, Node[] inputs, Shape[] shapes)
    {
        try
        {
            return op.InferShape(shapes);
        }
        catch (ShapeException error)
        {
            throw new ShapeException($"{Call(op, inputs)}: {error.Message}", error.InnerException);
        }
    }

    // Indices are checked against their bound when they are bound; here the bound is held against the room that there is.
    private static void CheckIndices(Op op, Node[] inputs, Shape[] shapes)
    {
        for (int i = 0; i < inputs.Length; i++)
        {
            if (op.InputType(i) == ElementType.Int32 && inputs[i].Op.IndexBound > op.IndexLimit(i, shapes))
            {
                string room = Shape.Text(op.IndexLimit(i, shapes));
                throw new ShapeException($"{op.Name}: {inputs[i]} has {inputs[i].Op.IndexBound} classes, but there is room for {room}");
            }

            if (op.InputType(i) == ElementType.Int32 && inputs[i].Op.IndexRange.AllowsNone && !op.TakesNoClass(i))
            {
                throw new GraphException($"{op.Name}: {inputs[i]} may hold {IndexRange.NoClass}, for no class, which has no meaning here");
            }
        }
    }

    private static string Call(Op op, Node[] inputs) => $"{op.Name}({string.Join(", ", inputs.Select(input => $"{input} {input.Shape}"))})";

    private List<int> WritesOf(Node variable)
    {
        if (!_writes.TryGetValue(variable, out List<int>? writes))
        {
            _writes.Add(variable, writes = []);
        }

        return writes;
    }
}

/// <summary>An op without inputs that carries a name.</summary>
internal interface ILeaf
{
    string LeafName { get; }
}
