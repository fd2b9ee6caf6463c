using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NUnit.Framework;

namespace NativeBackprop.Tests.WorkedExamples;

/// <summary>The examples of lecture notes 001: the hinge table, slopes by differences, the first graphs, the gates, ‖Wx‖².</summary>
public class Notes001Tests
{
    // Scores of apple, banana and pear, and the right class. The slide prints 0.33 for 1.3 − 1.87 + 1, which is 0.43.
    [TestCase(1.87f, 1.3f, 0.56f, 0, 0.43)]
    [TestCase(-0.4f, 1.1f, 1.35f, 1, 1.25)]
    [TestCase(0.1f, -0.3f, 1.1f, 2, 0)]
    [TestCase(0.2f, -0.6f, 2.2f, 2, 0, TestName = "the pear's scores doubled: the same loss")]
    public void Each_row_of_the_table_has_the_hinge_loss_of_the_notes(float apple, float banana, float pear, int right, double expected)
    {
        (GraphHarness harness, Node cost) = Hinge(1);
        harness.Set(cost.Graph.Nodes[0], apple, banana, pear).Set(cost.Graph.Nodes[1], right);
        Assert.That(harness.Run([cost])[0][0], Is.EqualTo(expected).Within(1e-6));
        Assert.That(harness.Reference([cost])[0][0], Is.EqualTo(expected).Within(1e-6));
    }

    [Test]
    public void The_hinge_loss_of_the_whole_table_is_the_mean()
    {
        (GraphHarness harness, Node cost) = Hinge(3);
        harness.Set(cost.Graph.Nodes[0], 1.87f, 1.3f, 0.56f, -0.4f, 1.1f, 1.35f, 0.1f, -0.3f, 1.1f).Set(cost.Graph.Nodes[1], 0, 1, 2);
        float[][] results = harness.Run([cost, .. cost.Graph.Gradient(cost, cost.Graph.Nodes[0])]);
        Assert.That(results[0][0], Is.EqualTo((0.43 + 1.25) / 3).Within(1e-6));

        // Banana is above apple's margin, pear above banana's; each pushes its own score down and the right one up.
        Assert.That(
            results[1], Is.EqualTo(new double[] { -1, 1, 0, 0, -1, 1, 0, 0, 0 }.Select(value => value / 3)).AsCollection.Within(1e-6));
    }

    [Test]
    public void Slopes_by_differences_are_the_gradient()
    {
        // The table's weights, loss and slopes; the loss that has them is curved besides, as any real one.
        float[] weights = [0.5f, 1.1f, -0.7f, 2], slopes = [-2.5f, -1.3f, 0.4f, 0.9f];
        var graph = new Graph();
        Node w = graph.Variable("w", [4], weights), moved = w - graph.Constant([4], weights);
        Node loss = 1.25347f + (graph.Constant([4], slopes) * moved).Sum() + (0.5f * moved.Square().Sum());
        var harness = new GraphHarness(graph);
        double before = harness.Reference([loss])[0][0];
        Assert.That(before, Is.EqualTo(1.25347).Within(1e-6));
        Assert.That(harness.Reference([loss], w, 0, 0.0001)[0][0], Is.EqualTo(1.25322).Within(1e-6));
        Assert.That(harness.Reference([loss], w, 1, 0.0001)[0][0], Is.EqualTo(1.25334).Within(1e-6));
        for (int i = 0; i < 4; i++)
        {
            Assert.That((harness.Reference([loss], w, i, 0.0001)[0][0] - before) / 0.0001, Is.EqualTo(slopes[i]).Within(1e-4));
        }

        Assert.That(harness.Run(graph.Gradient(loss, w))[0], Is.EqualTo(slopes));
        harness.Check(loss, w);
    }

    [Test]
    public void A_sum_times_z_has_the_gradients_of_the_notes()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = graph.Input("y"), z = graph.Input("z"), f = (x + y) * z;
        using Plan plan = graph.Compile([f, .. graph.Gradient(f, x, y, z)]);
        plan.Bind(x, -2f).Bind(y, 5f).Bind(z, -4f).Run();
        Assert.That(plan[f].Item, Is.EqualTo(-12));
        Assert.That(graph.Gradient(f, x, y, z).Select(node => plan[node].Item), Is.EqualTo(new float[] { -4, -4, 3 }));
    }

    [Test]
    public void A_sigmoid_neuron_has_the_gradients_of_the_notes_gate_by_gate()
    {
        var graph = new Graph();
        Node w0 = graph.Input("w0"), w1 = graph.Input("w1"), w2 = graph.Input("w2"), x0 = graph.Input("x0"), x1 = graph.Input("x1");
        Node sum = (w0 * x0) + (w1 * x1) + w2, negative = -sum, exponential = negative.Exp();
        Node denominator = exponential + 1, f = denominator.Reciprocal();
        Node[] inner = graph.Gradient(f, denominator, exponential, negative, sum), outer = graph.Gradient(f, w0, x0, w1, x1, w2);
        GraphHarness harness = new GraphHarness(graph).Set(w0, 2f).Set(w1, -3f).Set(w2, -3f).Set(x0, -1f).Set(x1, -2f);
        float[] values = [.. harness.Run([sum, exponential, denominator, f]).Select(value => value[0])];
        Assert.That(values, Is.EqualTo(new[] { 1, 0.37, 1.37, 0.73 }).AsCollection.Within(0.005), "the slide's figures, of two decimals");
        Assert.That(
            harness.Run(inner).Select(value => value[0]), Is.EqualTo(new[] { -0.53, -0.53, -0.20, 0.20 }).AsCollection.Within(0.005));

        // [local] × [upstream 0.2]: the slide rounds 0.1966 before it multiplies.
        double upstream = 0.731058578630 * (1 - 0.731058578630);
        Assert.That(
            harness.Run(outer).Select(value => value[0]),
            Is.EqualTo(new[] { -upstream, 2 * upstream, -2 * upstream, -3 * upstream, upstream }).AsCollection.Within(1e-6));
        Assert.That(
            harness.Run(outer).Select(value => value[0]), Is.EqualTo(new[] { -0.2, 0.4, -0.4, -0.6, 0.2 }).AsCollection.Within(0.02));

        // The whole of it is one sigmoid gate, of the same value and the same gradients.
        Node gate = sum.Sigmoid();
        Assert.That(harness.Run([gate])[0][0], Is.EqualTo(values[3]).Within(1e-7));
        Assert.That(harness.Run(graph.Gradient(gate, sum))[0][0], Is.EqualTo(upstream).Within(1e-7));
    }

    [Test]
    public void Add_distributes_max_routes_and_multiply_switches()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = graph.Input("y");
        GraphHarness harness = new GraphHarness(graph).Set(x, 3f).Set(y, -4f);
        float[] Gradients(Node f) => [.. harness.Run(graph.Gradient(2 * f, x, y)).Select(value => value[0])];
        Assert.That(Gradients(x + y), Is.EqualTo(new float[] { 2, 2 }));
        Assert.That(Gradients(x.Maximum(y)), Is.EqualTo(new float[] { 2, 0 }));
        Assert.That(Gradients(x * y), Is.EqualTo(new float[] { -8, 6 }));
    }

    [Test]
    public void Gradients_add_at_branches()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), f = (x * x) + (3 * x) + x.Maximum(graph.Constant(0));
        Assert.That(new GraphHarness(graph).Set(x, 5f).Run(graph.Gradient(f, x))[0][0], Is.EqualTo(14));
    }

    [Test]
    public void The_squared_norm_of_a_product_has_the_gradients_of_the_notes()
    {
        var graph = new Graph();
        Node w = graph.Variable("W", [2, 2], 0.1f, 0.5f, -0.3f, 0.8f), x = graph.Input("x", [2, 1]), q = w.MatMul(x), f = q.Square().Sum();
        GraphHarness harness = new GraphHarness(graph).Set(x, 0.2f, 0.4f);
        float[][] results = harness.Run([q, f, .. graph.Gradient(f, w, x)]);
        Assert.That(results[0], Is.EqualTo(new[] { 0.22, 0.26 }).AsCollection.Within(1e-6));
        Assert.That(results[1][0], Is.EqualTo(0.116).Within(1e-6));
        Assert.That(
            results[2], Is.EqualTo(new[] { 2 * 0.22 * 0.2, 2 * 0.22 * 0.4, 2 * 0.26 * 0.2, 2 * 0.26 * 0.4 }).AsCollection.Within(1e-6),
            "2q·xᵀ");
        Assert.That(
            results[3],
            Is.EqualTo(new[] { 2 * ((0.22 * 0.1) + (0.26 * -0.3)), 2 * ((0.22 * 0.5) + (0.26 * 0.8)) }).AsCollection.Within(1e-6),
            "Wᵀ·2q");
    }

    private static (GraphHarness Harness, Node Cost) Hinge(int batch)
    {
        var graph = new Graph();
        var loss = new MulticlassHinge();
        Node scores = graph.Input("scores", [Shape.Batch, 3]), labels = loss.CreateTargets(scores);
        return (new GraphHarness(graph, batch), loss.Build(scores, labels));
    }
}
