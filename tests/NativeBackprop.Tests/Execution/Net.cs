using NativeBackprop.Ops;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>A graph whose leaves have values, and the comparison of its plans with the reference, on 1 to 3 threads.</summary>
internal sealed class Net(ulong seed = 5)
{
    public const int BatchSize = 3;

    private readonly Dictionary<Node, float[]> _values = [];
    private readonly RandomSource _random = new(seed);

    public Graph Graph { get; } = new();

    public Node Input(string name, Shape shape) => Draw(Graph.Input(name, shape), 1);

    public Node Variable(string name, Shape shape, float scale = 1) => Draw(Graph.Variable(name, shape, new float[shape.Length]), scale);

    public Plan Compile(
        ReadOnlySpan<Node> outputs, bool fuse = true, int threads = 1, ProductLibrary products = ProductLibrary.Auto) =>
        Graph.Compile(
            outputs,
            new PlanOptions { BatchSize = BatchSize, Threads = threads, ExactThreads = true, Fuse = fuse, Products = products });

    /// <summary>Runs fused and unfused plans on 1, 2 and 3 threads, twice each, and compares the second run with the reference.</summary>
    public void AssertAgrees(
        Node[] outputs, string? about = null, double tolerance = 1e-5, ProductLibrary products = ProductLibrary.Auto)
    {
        var reference = new ReferenceEvaluator(Graph, BatchSize);
        Set(reference);
        reference.Run(outputs);
        foreach (bool fuse in (bool[])[true, false])
        {
            for (int threads = 1; threads <= 3; threads++)
            {
                using Plan plan = Compile(outputs, fuse, threads, products);
                Run(plan, outputs);
                Run(plan, outputs);
                foreach (Node output in outputs)
                {
                    double norm = Math.Max(Norms.Norm(reference[output]), 0.1), error = 0;
                    ReadOnlySpan<float> actual = plan[output].Span;
                    for (int i = 0; i < actual.Length; i++)
                    {
                        error = Math.Max(error, Math.Abs(actual[i] - reference[output][i]) / norm);
                    }

                    Assert.That(error, Is.LessThanOrEqualTo(tolerance), $"{about} {output}, fuse: {fuse}, threads: {threads}");
                    Assert.That(actual.Length, Is.EqualTo(reference[output].Length));
                }
            }
        }
    }

    /// <summary>What a plan computes from the leaves' values.</summary>
    public float[][] Values(Plan plan, Node[] outputs)
    {
        Run(plan, outputs);
        return [.. outputs.Select(output => plan[output].ToArray())];
    }

    private void Set(ReferenceEvaluator reference)
    {
        foreach ((Node leaf, float[] values) in _values)
        {
            reference.Set(leaf, values);
        }
    }

    // Parameters start anew each time, because an update among the outputs moves them.
    private void Run(Plan plan, Node[] outputs)
    {
        foreach (Node node in OpCase.Reachable(outputs))
        {
            if (node.Op is Variable variable)
            {
                _values[node].CopyTo(variable.Parameter.Span);
            }
            else if (_values.TryGetValue(node, out float[]? values))
            {
                plan.Bind(node, values);
            }
        }

        plan.Run();
    }

    private Node Draw(Node leaf, float scale)
    {
        float[] values = new float[leaf.Shape.Resolve(BatchSize).Length];
        Domains.Normal(values, _random);
        _values[leaf] = Array.ConvertAll(values, value => value * scale);
        return leaf;
    }
}
