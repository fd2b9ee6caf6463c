using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// Compares what a plan computes with the double-precision evaluator: a wrong answer given in silence is as bad as a crash. Only for graphs
/// of smooth functions at values of moderate size, where rounding cannot explain a difference.
/// </summary>
internal sealed class Oracle(Random random, int batch)
{
    private const double LargestValue = 100, Tolerance = 2e-3, Disturbance = 1e-6, Amplified = 2e3;

    private static readonly HashSet<string> _smooth =
    [
        "input", "labels", "variable", "fill", "constant", "add", "subtract", "multiply", "divide", "mat_mul", "sum", "mean", "max",
        "maximum", "minimum", "reshape", "transpose", "slice", "pad", "concatenate", "broadcast_to", "exp", "tanh", "sigmoid", "sin",
        "cos", "square", "softplus", "gelu", "gelu_tanh", "silu", "reciprocal", "scale", "shift", "identity", "softmax", "log_sum_exp",
        "abs", "relu", "leaky_relu", "elu", "one_hot",
    ];

    /// <summary>How many values were compared.</summary>
    public int Compared { get; private set; }

    /// <summary>What is wrong, or null.</summary>
    public string? Check(Graph graph)
    {
        Node[] outputs = [.. graph.Nodes.Where(node => !node.Inputs.IsEmpty && random.Next(2) == 0).TakeLast(4)];
        HashSet<Node> needed = Ancestors(outputs);
        if (outputs.Length == 0 || needed.Any(node => node.Shape is null || !_smooth.Contains(node.Op.Name)))
        {
            return null;
        }

        Node[] leaves = [.. needed.Where(node => node.Op.Name is "input" or "labels" or "variable").OrderBy(node => node.Index)];
        var options = new PlanOptions { BatchSize = batch, Threads = random.Next(1, 3), ExactThreads = true, Fuse = random.Next(3) > 0 };
        using Plan plan = graph.Compile(outputs, options);
        var reference = new ReferenceEvaluator(graph, batch);
        var disturbed = new ReferenceEvaluator(graph, batch);
        foreach (Node leaf in leaves)
        {
            Bind(leaf, plan, reference, disturbed);
        }

        plan.Run();
        if (random.Next(2) == 0)
        {
            plan.Run();
        }

        Node[] all = [.. needed];
        reference.Run(all);
        disturbed.Run(all);
        if (all.Any(node => reference[node].Any(value => !(Math.Abs(value) <= LargestValue))))
        {
            return null;
        }

        foreach (Node output in outputs)
        {
            float[] values = plan[output].ToArray();
            Compared += values.Length;
            for (int i = 0; i < values.Length; i++)
            {
                double expected = reference[output][i], sensitivity = Math.Abs(disturbed[output][i] - expected);
                if (!(Math.Abs(values[i] - expected) <= (Tolerance * (1 + Math.Abs(expected))) + (Amplified * sensitivity)))
                {
                    return $"{output}{output.Shape} element {i} is {values[i]}, should be {expected} ({options})";
                }
            }
        }

        return null;
    }

    private static HashSet<Node> Ancestors(Node[] outputs)
    {
        var found = new HashSet<Node>();
        var open = new Stack<Node>(outputs);
        while (open.TryPop(out Node? node))
        {
            if (found.Add(node))
            {
                foreach (Node input in node.Inputs)
                {
                    open.Push(input);
                }
            }
        }

        return found;
    }

    private void Bind(Node leaf, Plan plan, ReferenceEvaluator reference, ReferenceEvaluator disturbed)
    {
        if (leaf.Op is Variable variable)
        {
            double[] exact = [.. variable.Parameter.Value.ToArray().Select(value => (double)value)];
            disturbed.Set(leaf, Disturb(exact));
            return;
        }

        int length = leaf.Shape.Resolve(batch).Length;
        if (leaf.Op.ElementType == ElementType.Int32)
        {
            int[] labels = [.. Enumerable.Range(0, length).Select(_ => random.Next(leaf.Op.IndexRange.Least, leaf.Op.IndexBound))];
            plan.BindLabels(leaf, labels);
            double[] exact = [.. labels.Select(label => (double)label)];
            reference.Set(leaf, exact);
            disturbed.Set(leaf, exact);
            return;
        }

        float[] values = [.. Enumerable.Range(0, length).Select(_ => (random.NextSingle() * 2) - 1)];
        plan.Bind(leaf, values);
        reference.Set(leaf, values);
        disturbed.Set(leaf, Disturb([.. values.Select(value => (double)value)]));
    }

    private double[] Disturb(double[] values) => [.. values.Select(value => value + (Disturbance * ((random.NextDouble() * 2) - 1)))];
}
