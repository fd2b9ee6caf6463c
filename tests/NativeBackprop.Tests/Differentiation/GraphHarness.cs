using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Differentiation;

/// <summary>Values for a graph's leaves, and its evaluation by plans and by the double-precision reference.</summary>
internal sealed class GraphHarness(Graph graph, int? batchSize = null)
{
    private readonly Dictionary<Node, float[]> _inputs = [];
    private readonly Dictionary<Node, int[]> _labels = [];

    public GraphHarness Set(Node leaf, params float[] values)
    {
        _inputs[leaf] = values;
        return this;
    }

    public GraphHarness Set(Node leaf, params int[] labels)
    {
        _labels[leaf] = labels;
        return this;
    }

    /// <summary>The relative distance of two vectors in the Euclidean norm.</summary>
    public static double Distance<T>(ReadOnlySpan<T> actual, ReadOnlySpan<double> expected)
        where T : struct, System.Numerics.INumber<T>
    {
        Assert.That(actual.Length, Is.EqualTo(expected.Length));
        double difference = 0, norm = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double error = double.CreateChecked(actual[i]) - expected[i];
            difference += error * error;
            norm += expected[i] * expected[i];
        }

        return Math.Sqrt(difference) / Math.Max(Math.Sqrt(norm), 1e-30 + (norm == 0 ? 1 : 0));
    }

    public static float[] Random(int count, ulong seed, double scale = 1)
    {
        var random = new RandomSource(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(scale * random.NextNormal()))];
    }

    /// <summary>Values for a shape and a batch size.</summary>
    public static float[] Random(Shape shape, int batch, ulong seed) => Random(shape.Resolve(batch).Length, seed);

    /// <summary>Runs a plan once, from the parameters as they are, and puts them back.</summary>
    public float[][] Run(Node[] outputs, bool fuse = true)
    {
        Parameter[] variables = [.. graph.Nodes.Select(node => node.Op).OfType<Variable>().Select(variable => variable.Parameter)];
        float[][] saved = [.. variables.Select(variable => variable.Span.ToArray())];
        using Plan plan = graph.Compile(outputs, new PlanOptions { BatchSize = batchSize, Fuse = fuse, Threads = 1 });
        foreach ((Node leaf, float[] values) in _inputs)
        {
            TryBind(() => plan.Bind(leaf, values));
        }

        foreach ((Node leaf, int[] values) in _labels)
        {
            TryBind(() => plan.BindLabels(leaf, values));
        }

        plan.Run();
        float[][] results = [.. outputs.Select(output => plan[output].ToArray())];
        for (int i = 0; i < variables.Length; i++)
        {
            saved[i].CopyTo(variables[i].Span);
        }

        return results;
    }

    /// <summary>Evaluates in double precision, with one element of one leaf moved.</summary>
    public double[][] Reference(Node[] outputs, Node? moved = null, int element = 0, double by = 0)
    {
        var evaluator = new ReferenceEvaluator(graph, batchSize);
        foreach ((Node leaf, float[] values) in _inputs)
        {
            evaluator.Set(leaf, values);
        }

        foreach ((Node leaf, int[] values) in _labels)
        {
            evaluator.Set(leaf, [.. values.Select(value => (double)value)]);
        }

        if (moved is not null)
        {
            evaluator.Leaf(moved)[element] += by;
        }

        evaluator.Run(outputs);
        return [.. outputs.Select(output => (double[])evaluator[output].Clone())];
    }

    /// <summary>
    /// Checks a scalar and its gradients: plans, fused and not, against the reference, and the reference against central differences.
    /// </summary>
    public void Check(Node scalar, params Node[] leaves)
    {
        Node[] outputs = [scalar, .. graph.Gradient(scalar, leaves)];
        double[][] expected = Reference(outputs);
        foreach (bool fuse in (bool[])[true, false])
        {
            float[][] actual = Run(outputs, fuse);
            for (int i = 0; i < outputs.Length; i++)
            {
                Assert.That(
                    Distance<float>(actual[i], expected[i]), Is.LessThan(1e-5), $"{(i == 0 ? scalar : leaves[i - 1])}, fuse: {fuse}");
            }
        }

        CheckDifferences(scalar, leaves, expected[1..]);
    }

    private void CheckDifferences(Node scalar, Node[] leaves, double[][] gradients)
    {
        const double H = 1e-5;
        for (int i = 0; i < leaves.Length; i++)
        {
            var differences = new double[gradients[i].Length];
            for (int k = 0; k < differences.Length; k++)
            {
                differences[k] = (Reference([scalar], leaves[i], k, H)[0][0] - Reference([scalar], leaves[i], k, -H)[0][0]) / (2 * H);
            }

            Assert.That(Distance<double>(gradients[i], differences), Is.LessThan(1e-6), $"{leaves[i]} by central differences");
        }
    }

    // A plan holds only those leaves that its outputs need.
    private static void TryBind(Action bind)
    {
        try
        {
            bind();
        }
        catch (GraphException error) when (error.Message.EndsWith("is not an input of this plan", StringComparison.Ordinal))
        {
        }
    }
}
