using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Graphs;

/// <summary>Building: what is refused and how it is said, repeated subexpressions, names, depth.</summary>
[TestFixture]
public sealed class GraphTests
{
    private static IEnumerable<TestCaseData> ShapeMistakes()
    {
        static TestCaseData Case(Func<Graph, Node> build, params string[] parts) =>
            new TestCaseData(build, parts).SetArgDisplayNames(parts[0], parts[^1]);

        yield return Case(g => Weight(g).MatMul(g.Input("x", [4, 5])), "matmul", "w [2, 3]", "x [4, 5]",
            "got 3 from the left and 4 from the right");
        yield return Case(g => Weight(g).MatMul(g.Input("x", [4, 3]), transposeLeft: true), "matmul", "w [2, 3]", "x [4, 3]",
            "got 2 from the left and 4 from the right");
        yield return Case(g => Weight(g).MatMul(g.Input("x", [3])), "matmul", "w [2, 3]", "x [3]", "ranks 2 and 1");
        yield return Case(g => g.Input("x", [Shape.Batch, 2]).MatMul(g.Input("y", [Shape.Batch, 3])), "matmul", "x [B, 2]", "y [B, 3]",
            "got 2 from the left and B from the right");
        yield return Case(g => Weight(g) + g.Input("x", [2]), "add", "w [2, 3]", "x [2]", "extents 3 and 2 differ");
        yield return Case(g => g.Input("x", [Shape.Batch]) * g.Input("y", [4]), "multiply", "x [B]", "y [4]", "extents B and 4 differ");
        yield return Case(g => Weight(g).Reshape([4]), "reshape", "w [2, 3]", "[4]");
        yield return Case(g => g.Input("x", [Shape.Batch, 2]).Reshape([6]), "reshape", "x [B, 2]", "[6]");
        yield return Case(g => Weight(g).BroadcastTo([5, 3]), "broadcast_to", "w [2, 3]", "[5, 3]");
        yield return Case(g => Weight(g).Sum(2), "sum", "w [2, 3]", "axes 2..2 lie outside 0..1");
        yield return Case(g => Weight(g).Mean(-3), "mean", "w [2, 3]", "lie outside 0..1");
        yield return Case(g => Weight(g).Slice(1, 2, 2), "slice", "w [2, 3]", "2..3 lies outside 0..2 of axis 1");
        yield return Case(g => Weight(g).Slice(2, 0, 1), "slice", "w [2, 3]", "axis 2 lies outside 0..1");
        yield return Case(g => g.Input("x", [Shape.Batch]).Slice(0, 0, 1), "slice", "x [B]", "batch dimension cannot be sliced");
        yield return Case(g => Weight(g).Transpose(0, 0), "transpose", "w [2, 3]", "[0, 0] is not a permutation");
        yield return Case(g => Weight(g).Transpose(0), "transpose", "w [2, 3]", "[0] is not a permutation of the 2 dimensions");
        yield return Case(g => g.Concatenate(0, Weight(g), g.Input("x", [2, 4])), "concatenate", "w [2, 3]", "x [2, 4]", "got [2, 4]");
        yield return Case(g => g.Concatenate(0, g.Input("x", [Shape.Batch])), "concatenate", "x [B]",
            "batch dimension cannot be concatenated");
        yield return Case(g => g.Concatenate(2, Weight(g)), "concatenate", "w [2, 3]", "axis 2 lies outside 0..1");
        yield return Case(g => g.Input("x", [4, Shape.Batches(3)]).Slice(1, 0, 1), "slice",
            "batch dimension cannot be sliced", "axis 1 of [4, 3·B]");
        yield return Case(g => g.Add(new Pad(0, 1, 1), g.Input("x", [Shape.Batch])), "pad", "x [B]", "batch dimension cannot be padded");
        yield return Case(g => g.Add(new Pad(0, -1, 2), Weight(g)), "pad", "-1 zeros before and 2 after");
        yield return Case(g => g.Add(new Pad(0, int.MaxValue, int.MaxValue), Weight(g)), "pad", "w [2, 3]");
        yield return Case(g => g.Add(new Pad(2, 0, 0), Weight(g)), "pad", "axis 2 lies outside 0..1");
        yield return Case(g => g.Add(new Slice(1, int.MaxValue, 2), Weight(g)), "slice", "w [2, 3]");
        yield return Case(g => g.Add(new Slice(1, 2, int.MinValue), Weight(g)), "slice", "w [2, 3]");
        yield return Case(g => g.Concatenate(0, g.Input("x", [int.MaxValue]), g.Input("y", [1])), "concatenate", "along axis 0");
        yield return Case(g => g.Add(new Sum(0, 0), Weight(g)), "sum", "at least one axis, got 0");
        yield return Case(g => g.Add(new Mean(1, int.MaxValue), Weight(g)), "mean", "lie outside 0..1");
        yield return Case(g => g.Add(new Spread([2, 3], 1, 1), Weight(g)), "spread", "expected [2, 1] to spread to [2, 3], got [2, 3]");
        yield return Case(g => g.Add(new Spread([2, 3], 2, 1), Weight(g)), "spread", "axes 2..2 lie outside 0..1");
        yield return Case(g => g.Add(new MaxGradient(new Max(1, 1)), Weight(g), Weight(g), g.Input("y", [2])), "max_gradient",
            "[2]", "[2, 3]");
        yield return Case(g => g.Add(new MaxSelect(new Max(1, 1)), g.Input("g", [2]), Weight(g), g.Input("y", [2])), "max_select", "[2]");
        yield return Case(g => g.Input("x", [2, 3, 4]).MatMul(g.Input("y", [3, 4, 5])), "matmul",
            "leading dimensions of [2, 3, 4] and [3, 4, 5]");
        yield return Case(g => g.Input("x", [3]).MatMul(Weight(g)), "matmul", "ranks 1 and 2");
        yield return Case(g => g.Input("x", [Shape.Batch, 6]).Reshape([Shape.Batches(2), 4]), "reshape", "x [B, 6]", "[2·B, 4]");
        yield return Case(g => g.Input("x", [3, 0]).Max(1), "max", "x [3, 0]", "axis 1 of [3, 0] is empty");
        yield return Case(g => g.Input("x").Softmax(), "softmax", "x []", "got a scalar");
        yield return Case(g => g.Input("x").LogSumExp(), "log_sum_exp", "x []", "got a scalar");
        yield return Case(g => g.Add(new SquaredError(), Weight(g), g.Input("t", [2, 4])), "squared_error", "w [2, 3]", "t [2, 4]",
            "expected targets of shape [2, 3]");
        yield return Case(g => g.Add(new SoftmaxCrossEntropyPerExample(true), Weight(g), g.Input("t", [2])), "softmax_cross_entropy",
            "w [2, 3]", "t [2]", "expected targets of shape [2, 3]");
        yield return Case(g => g.Add(new SoftmaxCrossEntropyPerExample(false), Weight(g), g.Labels("t", 3)), "softmax_cross_entropy",
            "w [2, 3]", "t [B]", "expected targets of shape [2], got [B]");
    }

    [TestCaseSource(nameof(ShapeMistakes))]
    public void A_mistake_in_shapes_names_the_op_its_inputs_and_the_shapes(Func<Graph, Node> build, string[] parts)
    {
        var graph = new Graph();
        ShapeException error = Assert.Throws<ShapeException>(() => build(graph))!;
        Assert.That(error.Message, Does.Not.Contain('\n'));
        foreach (string part in parts)
        {
            Assert.That(error.Message, Does.Contain(part));
        }

        int before = graph.Nodes.Count;
        Assert.That(() => build(graph), Throws.TypeOf<ShapeException>());
        Assert.That(graph.Nodes.Skip(before).All(node => node.Op is Leaf), Is.True, "a refused node must not stay in the graph");
    }

    [Test]
    public void The_same_op_on_the_same_inputs_is_the_same_node()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), y = graph.Input("y", [3]);
        AssertMerged(() => x + y);
        AssertMerged(() => x.Apply(new LeakyRelu(0.1f)));
        AssertMerged(() => x.Reshape([1, 3]).Transpose(1, 0));
        AssertMerged(() => graph.Constant(2, [3]));
        Assert.That(x + y, Is.Not.SameAs(y + x));
        Assert.That(x.Apply(new LeakyRelu(0.1f)), Is.Not.SameAs(x.Apply(new LeakyRelu(0.2f))));
        Assert.That(x.Reshape([1, 3]).Transpose(1, 0), Is.Not.SameAs(x.Reshape([1, 3]).Transpose(0, 1)));
        int count = graph.Nodes.Count;
        _ = ((x + y) * (x + y)).Sum();
        Assert.That(graph.Nodes, Has.Count.EqualTo(count + 2));
    }

    [Test]
    public void Leaves_of_one_name_are_different_but_a_parameter_is_one_node()
    {
        var graph = new Graph();
        Node first = graph.Input("x"), second = graph.Input("x");
        Assert.That(first, Is.Not.SameAs(second));
        var parameter = new Parameter("w", [2]);
        AssertMerged(() => graph.Variable(parameter));
    }

    [Test]
    public void Updates_are_never_merged()
    {
        var graph = new Graph();
        Node w = graph.Variable("w", [2], 1, 2), g = graph.Input("g", [2]), rate = graph.Input("rate");
        Node first = graph.Add(new SgdUpdate(0), w, g, rate), second = graph.Add(new SgdUpdate(0), w, g, rate);
        Assert.That(first, Is.Not.SameAs(second));
    }

    [Test]
    public void A_node_of_another_graph_is_refused()
    {
        Node here = new Graph().Input("here"), there = new Graph().Input("there");
        Assert.That(
            () => here + there, Throws.TypeOf<GraphException>().With.Message.EqualTo("add: input 1 (there) belongs to another graph"));
    }

    [Test]
    public void Class_indices_are_not_numbers()
    {
        var graph = new Graph();
        Node labels = graph.Labels("labels", 3), x = graph.Input("x", [Shape.Batch]), z = graph.Input("z", [Shape.Batch, 3]);
        Assert.That(
            () => x + labels, Throws.TypeOf<GraphException>().With.Message.Contains("labels").And.Message.Contains("class indices"));
        Assert.That(labels.Relu, Throws.TypeOf<GraphException>());
        Assert.That(() => labels.Reshape([Shape.Batch, 1]), Throws.TypeOf<GraphException>());
        Assert.That(() => graph.Add(new OneHot(3), x), Throws.TypeOf<GraphException>().With.Message.Contains("class indices"));
        Assert.That(() => graph.Add(new SoftmaxCrossEntropyPerExample(false), z, x),
            Throws.TypeOf<GraphException>().With.Message.Contains("class indices"));
        Assert.That(() => graph.Add(new SoftmaxCrossEntropyPerExample(false), z, labels), Throws.Nothing);
    }

    [Test]
    public void A_node_prints_its_name_or_its_op_and_position()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = x.Relu();
        Assert.That($"{x} {y}", Is.EqualTo("x relu#1"));
        Assert.That(graph.SetName(y, "hidden"), Is.SameAs(y));
        Assert.That($"{y}", Is.EqualTo("hidden"));
    }

    [Test]
    public void A_very_deep_graph_is_built_differentiated_and_run()
    {
        const int depth = 20_000;
        var graph = new Graph();
        Node x = graph.Input("x"), y = x;
        for (int i = 0; i < depth; i++)
        {
            y = y + 1f / depth;
            y = y.Square().Sqrt();
        }

        Node dx = graph.Gradient(y, x)[0];
        using Plan plan = graph.Compile([y, dx]);
        plan.Bind(x, 1).Run();
        Assert.That(plan[y].Item, Is.EqualTo(2).Within(0.01));
        Assert.That(plan[dx].Item, Is.EqualTo(1).Within(0.01));
    }

    private static void AssertMerged(Func<Node> build)
    {
        Node first = build(), second = build();
        Assert.That(first, Is.SameAs(second));
    }

    private static Node Weight(Graph graph) => graph.Input("w", [2, 3]);
}
