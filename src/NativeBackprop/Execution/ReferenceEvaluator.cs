using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Evaluates any graph in double precision in plain C#, sharing no code with the kernels: the oracle of the tests and of the
/// gradient check. Parameters start from their float32 values unless they are set; updates go to the evaluator's own copies. Nodes are
/// evaluated in creation order, each with what its variables held at the time that it reads them.
/// </summary>
/// <remarks>Thread safety: for one thread at a time. Nobody may add to its graph meanwhile.</remarks>
public sealed class ReferenceEvaluator
{
    private readonly Graph _graph;
    private readonly int? _batchSize;
    private readonly Dictionary<Node, double[]> _leaves = [];
    private readonly Occupancy _use = new("reference evaluator");
    private double[]?[] _values = [];

    // What each variable that the run updates holds from a position in creation order on.
    private readonly Dictionary<Node, List<(int From, double[] Values)>> _held = [];

    /// <summary>Makes an evaluator for one batch size.</summary>
    /// <exception cref="OptionException">The batch size is below 1.</exception>
    public ReferenceEvaluator(Graph graph, int? batchSize = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        (_graph, _batchSize) = (graph, batchSize is < 1
            ? throw new OptionException($"the batch size must be at least 1, got {batchSize}")
            : batchSize);
    }

    /// <summary>The value of a node after <see cref="Run"/>.</summary>
    /// <exception cref="GraphException">The node belongs to another graph, or was not evaluated.</exception>
    public double[] this[Node node]
    {
        get
        {
            _graph.Require(node, nameof(node));
            double[]?[] values = _values;
            return (node.Index < values.Length ? values[node.Index] : null)
                ?? throw new GraphException($"{node} was not among the evaluated outputs");
        }
    }

    /// <summary>Sets a leaf: an input, class indices, or a parameter.</summary>
    /// <exception cref="ShapeException">The number of values is not the leaf's.</exception>
    /// <exception cref="DataException">A class index is not a whole number in its range.</exception>
    /// <exception cref="GraphException">The node belongs to another graph, or is no leaf.</exception>
    /// <exception cref="InvalidOperationException">The evaluator is in use.</exception>
    public ReferenceEvaluator Set(Node leaf, ReadOnlySpan<double> values)
    {
        _graph.Require(leaf, nameof(leaf));
        using Occupancy.Guard inside = _use.Enter();
        if (leaf.Op is not Ops.Leaf)
        {
            throw new GraphException($"{leaf} is computed: only an input or a parameter can be set");
        }

        int length = Resolve(leaf).Length;
        if (values.Length != length)
        {
            throw new ShapeException($"{leaf} of shape {Resolve(leaf)} needs {length} values, got {values.Length}");
        }

        CheckIndices(leaf, values);
        _leaves[leaf] = values.ToArray();
        return this;
    }

    /// <inheritdoc cref="Set(Node, ReadOnlySpan{double})"/>
    public ReferenceEvaluator Set(Node leaf, ReadOnlySpan<float> values)
    {
        var copy = new double[values.Length];
        for (int i = 0; i < copy.Length; i++)
        {
            copy[i] = values[i];
        }

        return Set(leaf, copy);
    }

    /// <summary>The current value of a leaf, for changing single elements in place.</summary>
    /// <exception cref="GraphException">The leaf has no value, or belongs to another graph.</exception>
    public double[] Leaf(Node leaf)
    {
        _graph.Require(leaf, nameof(leaf));
        if (!_leaves.TryGetValue(leaf, out double[]? values))
        {
            if (leaf.Op is not Variable variable)
            {
                throw new GraphException($"{leaf} has no value: set it first");
            }

            values = Array.ConvertAll(variable.Parameter.Value.ToArray(), value => (double)value);
            _leaves[leaf] = values;
        }

        return values;
    }

    /// <summary>Evaluates everything that the outputs need.</summary>
    /// <exception cref="ArgumentNullException">An output is null.</exception>
    /// <exception cref="GraphException">A leaf has no value, or an output belongs to another graph.</exception>
    /// <exception cref="DataException">A class index, changed in place, is not a whole number in its range.</exception>
    /// <exception cref="InvalidOperationException">The evaluator is in use.</exception>
    public ReferenceEvaluator Run(params ReadOnlySpan<Node> outputs)
    {
        using Graph.Reading reading = _graph.Read();
        bool[] needed = _graph.Needed(outputs);
        using Occupancy.Guard inside = _use.Enter();
        _values = new double[]?[needed.Length];
        _held.Clear();
        foreach (Node node in _graph.Nodes)
        {
            if (needed[node.Index] && node.Op is Ops.Leaf)
            {
                _values[node.Index] = Leaf(node);
                CheckIndices(node, Leaf(node));
            }
            else if (needed[node.Index] && (node.Variable is null || node.Writes))
            {
                Evaluate(node);
            }
        }

        foreach ((Node variable, List<(int From, double[] Values)> held) in _held)
        {
            held[^1].Values.CopyTo(_leaves[variable], 0);
        }

        // What stands for a variable shows what the variable holds in the end.
        foreach (Node node in _graph.Nodes)
        {
            if (needed[node.Index] && node.Variable is not null && node.Op is not Ops.Leaf)
            {
                _values[node.Index] = Show(node, _values[node.Inputs[0].Index]!);
            }
        }

        return this;
    }

    private static void CheckIndices(Node leaf, ReadOnlySpan<double> values)
    {
        for (int i = 0; leaf.Op.ElementType == ElementType.Int32 && i < values.Length; i++)
        {
            if (!leaf.Op.IndexRange.Contains(values[i]))
            {
                throw leaf.Op.IndexRange.Outside(leaf, values[i], i);
            }
        }
    }

    // Every value that a variable has during the run stays as it is: an update works on a copy.
    private void Evaluate(Node node)
    {
        var inputs = new double[node.Inputs.Length][];
        for (int i = 0; i < inputs.Length; i++)
        {
            inputs[i] = node.Op.Updates(i) ? Write(node, i) : Read(node.Inputs[i], node.ReadTime);
        }

        double[] output = Evaluate(node, inputs);
        for (int i = 0; i < inputs.Length; i++)
        {
            if (node.Op.Updates(i))
            {
                // Through a view, the op has worked on a copy of what it shows.
                Node place = node.Inputs[i];
                Store(place, inputs[i], _held[place.Variable!][^1].Values);
            }
        }

        _values[node.Index] = node.Variable is null ? output : null;
    }

    private double[] Evaluate(Node node, double[][] inputs)
    {
        Shape shape = Resolve(node);
        var shapes = new Shape[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            shapes[i] = Resolve(node.Inputs[i]);
        }

        var output = new double[shape.Length];
        node.Op.Evaluate(new ReferenceArguments(inputs, shapes, output, shape));
        return output;
    }

    // The value of an input for a node that reads at some time.
    private double[] Read(Node input, int time)
    {
        if (input.Variable is not { } variable)
        {
            return _values[input.Index]!;
        }

        double[] values = _held.TryGetValue(variable, out List<(int From, double[] Values)>? held)
            ? held.FindLast(entry => entry.From < time).Values
            : Leaf(variable);
        return Through(input, values);
    }

    // Starts the value that a variable has from a node on, and returns what the node's input shows of it.
    private double[] Write(Node node, int input)
    {
        Node place = node.Inputs[input], variable = place.Variable!;
        if (!_held.TryGetValue(variable, out List<(int From, double[] Values)>? held))
        {
            _held.Add(variable, held = [(-1, [.. Leaf(variable)])]);
        }

        held.Add((node.Index, [.. held[^1].Values]));
        return Through(place, held[^1].Values);
    }

    // What a node that stands for a variable shows of the variable's value; the value itself where no view lies between.
    private double[] Through(Node node, double[] values)
    {
        var views = new Stack<Node>();
        for (; node != node.Variable; node = node.Inputs[0])
        {
            views.Push(node);
        }

        while (views.TryPop(out Node? view))
        {
            values = Show(view, values);
        }

        return values;
    }

    private double[] Show(Node node, double[] input) => node.Op.IsView ? Evaluate(node, Operands(node, input)) : input;

    // A view evaluates its first input alone.
    private double[][] Operands(Node view, double[] input) => [input, .. view.Inputs[1..].ToArray().Select(_ => Array.Empty<double>())];

    // Writes what a place shows back to the variable behind it.
    private void Store(Node place, double[] shown, double[] values)
    {
        if (shown == values)
        {
            return;
        }

        int start = 0;
        for (Node node = place; node != node.Variable; node = node.Inputs[0])
        {
            start += node.Op.IsView ? node.Op.ViewStart(Resolve(node.Inputs[0])) : 0;
        }

        shown.CopyTo(values, start);
    }

    private Shape Resolve(Node node) => node.Shape.IsSymbolic
        ? node.Shape.Resolve(_batchSize ?? throw new GraphException($"{node} has the shape {node.Shape}: evaluating it needs a batch size"))
        : node.Shape;
}
