using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NUnit.Framework;

namespace NativeBackprop.Tests.WorkedExamples;

/// <summary>
/// The cost of a backward pass is linear in the graph's edges (notes 002, algorithm 6.2), and no depth is too deep for the stack.
/// </summary>
public class DepthTests
{
    [Test]
    public void A_chain_of_ten_thousand_scalars_is_differentiated()
    {
        (int nodes, int steps, double error) = Chain(10_000);
        (int halfNodes, int halfSteps, _) = Chain(5_000);
        Assert.That(nodes, Is.EqualTo(2 * halfNodes).Within(4));
        Assert.That(steps, Is.EqualTo(2 * halfSteps).Within(4));
        Assert.That(nodes, Is.EqualTo((4 * 10_000) + 2), "two nodes a link on the way forward, two on the way back, x and 1");

        // A link of the gradient rounds three times: the cosine, and two factors.
        Assert.That(error, Is.LessThan(3 * 10_000 * Math.Pow(2, -24)));
    }

    [Test]
    public void A_network_of_two_hundred_layers_is_differentiated()
    {
        (int nodes, int steps, double error) = Network(200);
        (int halfNodes, int halfSteps, _) = Network(100);
        Assert.That(nodes, Is.EqualTo(2 * halfNodes).Within(20));
        Assert.That(steps, Is.EqualTo(2 * halfSteps).Within(20));
        Assert.That(error, Is.LessThan(1e-4));
    }

    [Test]
    public void A_naive_sum_over_paths_is_not_what_happens()
    {
        // 2^60 paths lead through x → x + x taken sixty times; the graph has one node for each.
        var graph = new Graph();
        Node x = graph.Input("x"), y = x;
        for (int i = 0; i < 60; i++)
        {
            y += y;
        }

        Node gradient = graph.Gradient(y, x)[0];
        Assert.That(graph.Nodes, Has.Count.LessThan(200));
        Assert.That(new GraphHarness(graph).Set(x, 1f).Run([gradient])[0][0], Is.EqualTo(Math.Pow(2, 60)));
    }

    private static (int Nodes, int Steps, double Error) Chain(int depth)
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = x;
        for (int i = 0; i < depth; i++)
        {
            y = (-y).Sin();
        }

        Node gradient = graph.Gradient(y, x)[0];
        int nodes = graph.Nodes.Count;
        using Plan plan = graph.Compile([y, gradient]);
        plan.Bind(x, 0.7f).Run();
        double expected = new GraphHarness(graph).Set(x, 0.7f).Reference([gradient])[0][0];
        return (nodes, plan.Describe().Steps.Count, Math.Abs(plan[gradient].Item - expected) / Math.Abs(expected));
    }

    private static (int Nodes, int Steps, double Error) Network(int depth)
    {
        var layers = new List<Layer>();
        for (int i = 0; i < depth; i++)
        {
            layers.AddRange([new Linear(8, 8, weightInitializer: Initializer.Orthogonal()), new Tanh()]);
        }

        var model = new Sequential([.. layers]);
        model.Initialize(1);
        var graph = new Graph();
        var loss = new SoftmaxCrossEntropy();
        Node x = graph.Input("x", [Shape.Batch, 8]), y = model.Build(x, BuildMode.Training), labels = loss.CreateTargets(y);
        Node[] gradients = graph.Gradient(loss.Build(y, labels), [.. model.Parameters.Select(parameter => graph.Variable(parameter))]);
        int nodes = graph.Nodes.Count;
        GraphHarness harness = new GraphHarness(graph, 4).Set(x, GraphHarness.Random(32, 1)).Set(labels, 0, 3, 5, 7);
        float[] actual = [.. harness.Run(gradients).SelectMany(gradient => gradient)];
        double[] expected = [.. harness.Reference(gradients).SelectMany(gradient => gradient)];
        using Plan plan = graph.Compile(gradients, new PlanOptions { BatchSize = 4 });
        return (nodes, plan.Describe().Steps.Count, GraphHarness.Distance<float>(actual, expected));
    }
}
