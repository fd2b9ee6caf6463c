using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Evaluates any graph in double precision in plain C#, sharing no code with the kernels: the oracle of the tests and of the
/// gradient check. Parameters start from their float32 values unless they are set; updates go to the evaluator's own copies.
/// </summary>
public sealed class ReferenceEvaluator
{
    private readonly Graph _graph;
    private readonly int? _batchSize;
    private readonly Dictionary<Node, double[]> _leaves = [];
    private double[]?[] _values = [];

    /// <summary>Makes an evaluator for one batch size.</summary>
    public ReferenceEvaluator(Graph graph, int? batchSize = null)
    {
        (_graph, _batchSize) = (graph, batchSize);
    }

    /// <summary>The value of a node after <see cref="Run"/>.</summary>
    public double[] this[Node node] => _values[node.Index] ?? throw new GraphException($"{node} was not among the evaluated outputs");

    /// <summary>Sets a leaf: an input, class indices, or a parameter.</summary>
    /// <exception cref="ShapeException">The number of values is not the leaf's.</exception>
    public ReferenceEvaluator Set(Node leaf, ReadOnlySpan<double> values)
    {
        int length = Resolve(leaf).Length;
        _leaves[leaf] = values.Length == length
            ? values.ToArray()
            : throw new ShapeException($"{leaf} of shape {Resolve(leaf)} needs {length} values, got {values.Length}");
        return this;
    }

    /// <summary>Sets a leaf from float32 values.</summary>
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
    public double[] Leaf(Node leaf)
    {
        if (!_leaves.TryGetValue(leaf, out double[]? values))
        {
            if (leaf.Op is not Variable variable)
            {
                throw new GraphException($"{leaf} has no value: set it first");
            }

            Set(leaf, variable.Parameter.Span);
            values = _leaves[leaf];
        }

        return values;
    }

    /// <summary>Evaluates everything that the outputs need.</summary>
    /// <exception cref="GraphException">A leaf has no value.</exception>
    public ReferenceEvaluator Run(params ReadOnlySpan<Node> outputs)
    {
        var needed = new bool[_graph.Nodes.Count];
        foreach (Node output in outputs)
        {
            needed[output.Index] = true;
        }

        for (int i = needed.Length - 1; i >= 0; i--)
        {
            foreach (Node input in needed[i] ? _graph.Nodes[i].Inputs : [])
            {
                needed[input.Index] = true;
            }
        }

        _values = new double[]?[needed.Length];
        for (int i = 0; i < needed.Length; i++)
        {
            _values[i] = needed[i] ? Evaluate(_graph.Nodes[i]) : null;
        }

        return this;
    }

    private double[] Evaluate(Node node)
    {
        if (node.Op is Leaf)
        {
            return Leaf(node);
        }

        Shape shape = Resolve(node);
        var inputs = new double[node.Inputs.Length][];
        var shapes = new Shape[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            (inputs[i], shapes[i]) = (_values[node.Inputs[i].Index]!, Resolve(node.Inputs[i]));
        }

        var output = new double[shape.Length];
        node.Op.Evaluate(new ReferenceArguments(inputs, shapes, output, shape));
        return output;
    }

    private Shape Resolve(Node node) => node.Shape.IsSymbolic
        ? node.Shape.Resolve(_batchSize ?? throw new GraphException($"{node} has the shape {node.Shape}: evaluating it needs a batch size"))
        : node.Shape;
}
