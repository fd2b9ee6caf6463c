using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Differentiation;

/// <summary>What reverse mode owes to every graph, whatever its ops: sums at branches, zeros, errors.</summary>
[TestFixture]
public sealed class OpTableDerivativeTests
{
    [Test]
    public void The_gradient_at_a_branch_is_the_sum()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), c = graph.Input("c", [3]);
        Node y = (x * c) + x.Square() + (3 * x) - x;
        Assert.That(Values(graph, graph.Gradient(y.Sum(), x)[0], (x, [1f, -2, 4]), (c, [5f, 6, 7])),
            Is.EqualTo(new float[] { 5 + 2 + 2, 6 - 4 + 2, 7 + 8 + 2 }));
    }

    [Test]
    public void The_gradient_of_a_node_used_twice_by_one_op_counts_both_uses()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), w = graph.Input("w", [2, 2]);
        Assert.That(Values(graph, graph.Gradient((x * x).Sum(), x)[0], (x, [3f, -1])), Is.EqualTo(new float[] { 6, -2 }));
        Assert.That(Values(graph, graph.Gradient(w.MatMul(w).Sum(), w)[0], (w, [1f, 2, 3, 4])),
            Is.EqualTo(new float[] { 3 + 4, 7 + 4, 3 + 6, 7 + 6 }));
    }

    [Test]
    public void Gradients_with_respect_to_an_inner_node_and_to_the_loss_itself()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = x.Square(), z = y * 5;
        Node[] d = graph.Gradient(z, x, y, z);
        using Plan plan = graph.Compile(d);
        plan.Bind(x, 3).Run();
        Assert.That(d.Select(node => plan[node].Item), Is.EqualTo(new float[] { 30, 5, 1 }));
    }

    [Test]
    public void The_gradient_of_what_the_loss_does_not_depend_on_is_zeros()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), other = graph.Input("other", [Shape.Batch, 2]), loss = x.Square(), later = graph.Input("later", [3]);
        Node[] d = graph.Gradient(loss, other, later, x);
        using Plan plan = graph.Compile(d, new PlanOptions { BatchSize = 4 });
        plan.Bind(x, 3).Run();
        Assert.That(plan[d[0]].Shape.ToString(), Is.EqualTo("[4, 2]"));
        Assert.That(plan[d[0]].ToArray(), Is.EqualTo(new float[8]));
        Assert.That(plan[d[1]].ToArray(), Is.EqualTo(new float[3]));
        Assert.That(plan[d[2]].Item, Is.EqualTo(6));
    }

    [Test]
    public void The_gradient_through_a_piecewise_constant_op_is_zeros()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), y = graph.Input("y", [2]);
        Assert.That(Values(graph, graph.Gradient(graph.Add(Binary.Greater, x, y).Sum(), x)[0]), Is.EqualTo(new float[2]));
    }

    [Test]
    public void The_gradient_of_what_is_not_a_scalar_names_node_and_shape()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 3]);
        Assert.That(() => graph.Gradient(x, x), Throws.TypeOf<GraphException>().With.Message.Contains("x has the shape [B, 3]"));
        Node y = graph.Input("y", [2]).Relu();
        Assert.That(() => graph.Gradient(y, x), Throws.TypeOf<GraphException>().With.Message.Contains("relu#").And.Message.Contains("[2]"));
        Assert.That(() => graph.Gradient(graph.Input("one", [1, 1]), x), Throws.Nothing);
    }

    [Test]
    public void A_gradient_across_graphs_is_refused()
    {
        var graph = new Graph();
        var other = new Graph();
        Node x = graph.Input("x"), stranger = other.Input("stranger"), far = ((stranger + 1) * 2).Tanh().Relu().Exp();
        Assert.That(
            () => graph.Gradient(x, stranger), Throws.TypeOf<GraphException>().With.Message.Contains("stranger belongs to another graph"));
        Assert.That(() => graph.Gradient(far, x),
            Throws.TypeOf<GraphException>().With.Message.Contains("exp#").And.Message.Contains("another graph"));
        Assert.That(
            () => graph.Gradient(stranger, x), Throws.TypeOf<GraphException>().With.Message.Contains("stranger belongs to another graph"));
        Assert.That(() => graph.VectorJacobianProduct(x, stranger, x), Throws.TypeOf<GraphException>().With.Message.Contains("stranger"));
    }

    [Test]
    public void A_gradient_with_respect_to_labels_is_refused()
    {
        var graph = new Graph();
        Node labels = graph.Labels("labels", 3), x = graph.Input("x");
        Assert.That(() => graph.Gradient(x, labels), Throws.TypeOf<GraphException>().With.Message.Contains("labels holds class indices"));
    }

    [Test]
    public void Products_check_shapes_and_counts()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), v = graph.Input("v", [2]);
        Assert.That(() => graph.VectorJacobianProduct(x.Tanh(), v, x),
            Throws.TypeOf<ShapeException>().With.Message.Contains("[3]").And.Message.Contains("[2]"));
        Assert.That(() => graph.JacobianVectorProduct(x.Tanh(), [x], [v]),
            Throws.TypeOf<ShapeException>().With.Message.Contains(
                "direction 0 (v)").And.Message.Contains("[3]").And.Message.Contains("[2]"));
        Assert.That(() => graph.JacobianVectorProduct(x.Tanh(), [x], []),
            Throws.TypeOf<ShapeException>().With.Message.Contains("1 nodes, 0 directions"));
        Assert.That(() => graph.HessianVectorProduct(x.Sum(), [x], [x, x]),
            Throws.TypeOf<ShapeException>().With.Message.Contains("1 nodes, 2 vectors"));
    }

    [Test]
    public void The_Hessian_of_a_quadratic_is_its_matrix()
    {
        var graph = new Graph();
        Node a = graph.Constant([3, 3], 2, 1, 0, 1, 4, -1, 0, -1, 6), x = graph.Input("x", [3]);
        Node column = x.Reshape([3, 1]), f = 0.5f * column.MatMul(a.MatMul(column), transposeLeft: true).Sum();
        Assert.That(Values(graph, graph.Hessian(f, x), (x, [1f, 2, 3])), Is.EqualTo(new float[] { 2, 1, 0, 1, 4, -1, 0, -1, 6 }));
        Node v = graph.Input("v", [3]);
        Assert.That(Values(graph, graph.HessianVectorProduct(f, [x], [v])[0], (x, [1f, 2, 3]), (v, [1f, 0, 2])),
            Is.EqualTo(new float[] { 2, -1, 12 }));
    }

    [Test]
    public void The_Jacobian_of_softmax_is_that_of_the_formula()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), y = x.Softmax(), jacobian = graph.Jacobian(y, x);
        using Plan plan = graph.Compile([y, jacobian]);
        plan.Bind(x, [0.5f, -1, 2]).Run();
        float[] p = plan[y].ToArray();
        float[] expected = [.. from i in Enumerable.Range(0, 3) from j in Enumerable.Range(0, 3) select p[i] * ((i == j ? 1 : 0) - p[j])];
        Assert.That(plan[jacobian].ToArray(), Is.EqualTo(expected).Within(1e-6));
    }

    [Test]
    public void The_third_derivative_of_a_cube_is_six()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), d = x.Power(3);
        for (int i = 0; i < 3; i++)
        {
            d = graph.Gradient(d, x)[0];
        }

        using Plan plan = graph.Compile([d, x]);
        plan.Bind(x, 1.7f).Run();
        Assert.That(plan[d].Item, Is.EqualTo(6).Within(1e-5));
    }

    private static float[] Values(Graph graph, Node node, params ReadOnlySpan<(Node Input, float[] Values)> inputs)
    {
        Node[] outputs = [node, .. inputs.ToArray().Select(input => input.Input)];
        using Plan plan = graph.Compile(outputs);
        foreach ((Node input, float[] values) in inputs)
        {
            plan.Bind(input, values);
        }

        plan.Run();
        return plan[node].ToArray();
    }
}
