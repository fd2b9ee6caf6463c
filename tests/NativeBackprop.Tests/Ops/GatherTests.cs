using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>Rows of a table: what indices are allowed, and what gradient descent touches.</summary>
[TestFixture]
public sealed class GatherTests
{
    [Test]
    public void Indices_of_any_shape_are_checked_whenever_they_are_bound()
    {
        var graph = new Graph();
        Node table = graph.Variable("table", [3, 2], 1, 2, 3, 4, 5, 6), at = graph.Indices("at", [Shape.Batch, 2], 3);
        Node y = graph.Add(new Gather(), table, at);
        Assert.That(y.Shape.Equals([Shape.Batch, 2, 2]), Is.True);
        using Plan plan = graph.Compile([y], new PlanOptions { BatchSize = 2 });
        plan.BindLabels(at, [2, 0, 0, 1]).Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 5, 6, 1, 2, 1, 2, 3, 4 }));
        Assert.That(() => plan.BindLabels(at, [0, 1, 3, 0]),
            Throws.TypeOf<DataException>().With.Message.EqualTo("at: index 3 at position 2 lies outside 0..2"));
        Assert.That(() => plan.BindLabels(at, [0, -1, 3, 0]),
            Throws.TypeOf<DataException>().With.Message.Contains("index -1 at position 1"));
        Assert.That(() => plan.BindLabels(at, [0, 1]), Throws.TypeOf<ShapeException>());
        Assert.That(() => graph.Add(new Gather(), graph.Variable("small", [2, 2], 1, 2, 3, 4), at),
            Throws.TypeOf<ShapeException>().With.Message.Contains("room for 2"));
        Assert.That(() => graph.Indices("none", [2], 0), Throws.TypeOf<OptionException>());
        Assert.That(() => graph.Add(new Gather(), graph.Input("x", [Shape.Batch, 2]), at), Throws.TypeOf<ShapeException>());
    }

    [Test]
    public void Lengths_lie_between_one_and_the_number_of_steps()
    {
        var graph = new Graph();
        Node lengths = graph.Lengths("lengths", 4), one = graph.Add(new OneHot(5), lengths);
        using Plan plan = graph.Compile([one], new PlanOptions { BatchSize = 2 });
        plan.BindLabels(lengths, [1, 4]).Run();
        Assert.That(() => plan.BindLabels(lengths, [0, 4]),
            Throws.TypeOf<DataException>().With.Message.EqualTo("lengths: length 0 at position 0 lies outside 1..4"));
        Assert.That(() => plan.BindLabels(lengths, [1, 5]), Throws.TypeOf<DataException>());
        Assert.That(() => graph.Lengths("none", 0), Throws.TypeOf<OptionException>());
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Gradient_descent_leaves_the_rows_that_were_not_used_alone(bool fuse)
    {
        var graph = new Graph();
        var table = new Parameter("table", [4, 3]);
        table.Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        Node w = graph.Variable(table), at = graph.Indices("at", [3], 4), scale = graph.Constant([3, 1], 1, 10, 100);
        Node gradient = graph.Gradient((graph.Add(new Gather(), w, at) * scale).Sum(), w)[0];
        Node step = graph.Add(new SgdUpdate(0), w, gradient, graph.Constant(0.5f));
        using Plan plan = graph.Compile([step], new PlanOptions { Fuse = fuse });
        Assert.That(plan.Kernels.Count(kernel => kernel.Step.Operation is GatherSgd), Is.EqualTo(fuse ? 1 : 0));
        plan.BindLabels(at, [2, 0, 2]).Run();
        Assert.That(table.Value.ToArray(), Is.EqualTo(new float[] { -4, -3, -2, 4, 5, 6, -43.5f, -42.5f, -41.5f, 10, 11, 12 }));
    }

    [Test]
    public void Weight_decay_makes_the_gradient_of_a_table_dense()
    {
        var graph = new Graph();
        Node w = graph.Variable("w", [4, 3], new float[12]), at = graph.Indices("at", [Shape.Batch], 4);
        Node gradient = graph.Gradient(graph.Add(new Gather(), w, at).Square().Sum(), w)[0];
        Node step = graph.Add(new SgdUpdate(0.1f), w, gradient, graph.Constant(0.5f));
        using Plan plan = graph.Compile([step], new PlanOptions { BatchSize = 2 });
        Assert.That(plan.Kernels.Any(kernel => kernel.Step.Operation is GatherGradient), Is.True);
    }
}
