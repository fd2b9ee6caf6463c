using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Ops;

/// <summary>
/// A row of the table put on a graph, with values for everything: the operands x, a cotangent u of the result's shape, a direction v for
/// each operand. From them: the result, its vector-Jacobian product, its Jacobian-vector product, and the gradient's own derivative
/// along v.
/// </summary>
internal sealed class OpCase
{
    private readonly Dictionary<Node, float[]> _values = [];
    private readonly Dictionary<Node, int[]> _labels = [];

    public OpCase(OpRow row, int size, int batch, ulong seed = 1)
    {
        (Batch, var random) = (batch, new RandomSource(seed));
        Operands = new Node[row.Operands.Length];
        for (int i = 0; i < Operands.Length; i++)
        {
            RowOperand operand = row.Operands[i];
            Shape shape = operand.Shape(size);
            Operands[i] = operand.Classes > 0 ? Graph.Indices($"x{i}", shape, operand.Classes) : Graph.Input($"x{i}", shape);
            Draw(Operands[i], operand.Domain, operand.Classes, random);
        }

        Result = row.Build(Graph, Operands);
        Node[] variables = [.. Reachable([Result]).Where(node => node.Op is Variable).OrderBy(node => node.Index)];
        Smooth = [.. Operands.Concat(variables).Where(operand => row.Derivatives > 0 && operand.Op.ElementType == ElementType.Float32)];
        Cotangent = Leaf("u", Result.Shape, random);
        Directions = [.. Smooth.Select((operand, i) => Leaf($"v{i}", operand.Shape, random))];
        if (Smooth.Length > 0)
        {
            Gradients = Graph.VectorJacobianProduct(Result, Cotangent, Smooth);
        }

        if (row.Derivatives > 1 && Smooth.Length > 0)
        {
            Tangent = Graph.JacobianVectorProduct(Result, Smooth, Directions);
            Second = Graph.Gradient(ForwardMode.Inner(Gradients, Directions), Smooth);
        }
    }

    public Graph Graph { get; } = new();

    public int Batch { get; }

    public Node[] Operands { get; }

    /// <summary>The operands, and the parameters of a layer, that can be differentiated with respect to.</summary>
    public Node[] Smooth { get; }

    public Node Result { get; }

    public Node Cotangent { get; }

    public Node[] Directions { get; }

    /// <summary>uᵀJ, one for each smooth operand.</summary>
    public Node[] Gradients { get; } = [];

    /// <summary>Jv.</summary>
    public Node? Tangent { get; }

    /// <summary>The derivative of uᵀJ along v: the Hessian of ⟨u, y⟩ times v.</summary>
    public Node[] Second { get; } = [];

    /// <summary>Everything the table derives from the row.</summary>
    public Node[] All => [Result, .. Gradients, .. Tangent is null ? [] : new[] { Tangent }, .. Second];

    public ReadOnlySpan<float> this[Node leaf] => leaf.Op is Variable variable ? variable.Parameter.Span : _values[leaf];

    public Plan Compile(ReadOnlySpan<Node> outputs, PlanOptions? options = null)
    {
        Plan plan = Graph.Compile(outputs, (options ?? new PlanOptions { Threads = 1, ExactThreads = true }) with { BatchSize = Batch });
        foreach (Node node in Reachable(outputs))
        {
            if (_labels.TryGetValue(node, out int[]? labels))
            {
                plan.BindLabels(node, labels);
            }
            else if (_values.TryGetValue(node, out float[]? values))
            {
                plan.Bind(node, values);
            }
        }

        return plan;
    }

    /// <summary>Runs a plan twice, so that one that spoils its own inputs is found, and returns the outputs of the second run.</summary>
    public float[][] Run(ReadOnlySpan<Node> outputs, PlanOptions? options = null)
    {
        using Plan plan = Compile(outputs, options);
        plan.Run();
        plan.Run();
        var results = new float[outputs.Length][];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = plan[outputs[i]].ToArray();
        }

        return results;
    }

    public ReferenceEvaluator Reference()
    {
        var reference = new ReferenceEvaluator(Graph, Batch);
        foreach ((Node leaf, float[] values) in _values)
        {
            reference.Set(leaf, values);
        }

        foreach ((Node leaf, int[] labels) in _labels)
        {
            reference.Set(leaf, Array.ConvertAll(labels, label => (double)label));
        }

        return reference;
    }

    /// <summary>The nodes that some outputs need.</summary>
    public static IEnumerable<Node> Reachable(ReadOnlySpan<Node> outputs)
    {
        var seen = new HashSet<Node>();
        var waiting = new Stack<Node>();
        foreach (Node output in outputs)
        {
            waiting.Push(output);
        }

        while (waiting.TryPop(out Node? node))
        {
            if (seen.Add(node))
            {
                foreach (Node input in node.Inputs)
                {
                    waiting.Push(input);
                }
            }
        }

        return seen;
    }

    private Node Leaf(string name, Shape shape, RandomSource random)
    {
        Node leaf = Graph.Input(name, shape);
        Draw(leaf, Domains.Normal, 0, random);
        return leaf;
    }

    private void Draw(Node leaf, Domain domain, int classes, RandomSource random)
    {
        int length = leaf.Shape.Resolve(Batch).Length;
        if (classes > 0)
        {
            _labels[leaf] = [.. Enumerable.Range(0, length).Select(_ => random.NextInt(classes))];
            return;
        }

        domain(_values[leaf] = new float[length], random);
    }
}
