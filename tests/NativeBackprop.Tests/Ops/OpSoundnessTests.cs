using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>No kernel is made that could leave its memory: what an op is given is checked where the graph is built.</summary>
[TestFixture]
internal sealed class OpSoundnessTests
{
    private static readonly Op[] IndexOps =
    [
        new OneHot(3), new SoftmaxCrossEntropyPerExample(false), new RowLossGradient(new SoftmaxCrossEntropyPerExample(false)),
    ];

    private static IEnumerable<OpRow> RowsWithArity => OpTable.Rows.Where(row => new OpCase(row, 5, 3).Result.Op.Arity != Op.AnyNumber);

    [TestCaseSource(nameof(RowsWithArity))]
    public void Wrong_number_of_inputs_names_the_op_the_expected_and_the_actual(OpRow row)
    {
        var example = new OpCase(row, 5, 3);
        Node result = example.Result;
        Node[] inputs = result.Inputs.ToArray(), more = [.. inputs, example.Cotangent];
        Assert.That(inputs, Has.Length.EqualTo(result.Op.Arity));
        Assert.That(() => example.Graph.Add(result.Op, more),
            Throws.TypeOf<GraphException>().With.Message.Contains($"{result.Op.Name} takes {inputs.Length} input")
                .And.Message.Contains($"got {more.Length}"));
        if (inputs.Length > 0)
        {
            Assert.That(() => example.Graph.Add(result.Op, inputs.AsSpan(1)),
                Throws.TypeOf<GraphException>().With.Message.Contains($"got {inputs.Length - 1}"));
        }
    }

    [TestCaseSource(typeof(UpdateTable), nameof(UpdateTable.Rows))]
    public void Update_takes_its_state_and_no_less(object source)
    {
        Node step = new UpdateCase((UpdateRow)source, 5).Step;
        Node[] inputs = step.Inputs.ToArray();
        Assert.That(inputs, Has.Length.EqualTo(step.Op.Arity));
        Assert.That(() => step.Graph.Add(step.Op, inputs.AsSpan(0, inputs.Length - 1)), Throws.TypeOf<GraphException>());
        for (int i = 1; i < inputs.Length; i++)
        {
            Node[] wrong = [.. inputs];
            wrong[i] = step.Graph.Variable("wrong", [3], 1, 2, 3);
            Assert.That(() => step.Graph.Add(step.Op, wrong), Throws.TypeOf<ShapeException>(), $"input {i}");
        }
    }

    [TestCaseSource(nameof(IndexOps))]
    public void Class_indices_must_not_reach_beyond_the_width(object source)
    {
        var op = (Op)source;
        var graph = new Graph();
        Node z = graph.Input("z", [Shape.Batch, 3]), dl = graph.Input("dl", [Shape.Batch]);
        Node Add(int classes)
        {
            Node labels = graph.Labels("labels", classes);
            return op.Arity == 1 ? graph.Add(op, labels) : graph.Add(op, ((Node[])[z, labels, dl]).AsSpan(0, op.Arity));
        }

        Assert.That(() => Add(4), Throws.TypeOf<ShapeException>().With.Message.Contains("has 4 classes, but there is room for 3"));
        Assert.That(() => Add(3), Throws.Nothing);
        Assert.That(() => Add(2), Throws.Nothing);
    }

    [Test]
    public void Losses_of_class_indices_refuse_more_classes_than_outputs()
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, 3]), labels = graph.Labels("labels", 4);
        foreach (Loss loss in (Loss[])[new SoftmaxCrossEntropy(), new SoftmaxCrossEntropy(labelSmoothing: 0.1f), new MulticlassHinge()])
        {
            Assert.That(() => loss.Build(output, labels), Throws.TypeOf<ShapeException>().With.Message.Contains("room for 3"), loss.Name);
        }
    }

    [Test]
    public void Width_that_is_the_batch_size_has_no_room_for_any_class()
    {
        var graph = new Graph();
        Node z = graph.Input("z", [Shape.Batch, Shape.Batch]), labels = graph.Labels("labels", 1);
        Assert.That(() => graph.Add(new SoftmaxCrossEntropyPerExample(false), z, labels), Throws.TypeOf<ShapeException>());
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(int.MinValue)]
    public void Labels_of_no_classes_are_refused(int classes)
    {
        var graph = new Graph();
        Assert.That(() => graph.Labels("l", classes), Throws.TypeOf<OptionException>().With.Message.Contains($"got {classes}"));
        Assert.That(graph.Nodes, Is.Empty);
    }

    [Test]
    public void Gradient_of_a_row_loss_checks_all_three_shapes()
    {
        var graph = new Graph();
        Node y = graph.Input("y", [4, 3]), t = graph.Input("t", [4, 3]), dl = graph.Input("dl", [4]);
        RowLoss[] losses = [new SquaredError(), new SigmoidCrossEntropyPerExample(), new SoftmaxCrossEntropyPerExample(true)];
        foreach (RowLoss loss in losses)
        {
            var op = new RowLossGradient(loss);
            Assert.That(graph.Add(op, y, t, dl).Shape, Is.EqualTo(y.Shape));
            Assert.That(() => graph.Add(op, y, t, graph.Input("dl", [3])), Throws.TypeOf<ShapeException>());
            Assert.That(() => graph.Add(op, y, t, graph.Input("dl", [4, 1])), Throws.TypeOf<ShapeException>());
            Assert.That(() => graph.Add(op, y, graph.Input("t", [4, 2]), dl), Throws.TypeOf<ShapeException>());
            Assert.That(() => graph.Add(op, graph.Input("y", [12]), t, dl), Throws.TypeOf<ShapeException>());
            Assert.That(() => graph.Add(loss, graph.Input("y", [4, 0]), graph.Input("t", [4, 0])), Throws.TypeOf<ShapeException>());
        }
    }

    [Test]
    public void Constant_keeps_a_copy_of_the_callers_values()
    {
        var graph = new Graph();
        float[] values = [1, 2, 3];
        Node constant = graph.Constant([3], values), y = 2 * constant;
        values[0] = 100;
        using Plan plan = graph.Compile([y]);
        values[1] = 100;
        plan.Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 2, 4, 6 }));
    }

    [Test]
    public void Zeros_of_both_signs_are_two_constants()
    {
        var graph = new Graph();
        Node a = graph.Constant(0f).Reciprocal(), b = graph.Constant(-0f).Reciprocal();
        Assert.That(b, Is.Not.SameAs(a));
        Node x = graph.Input("x");
        Assert.That(0f * x, Is.Not.SameAs(-0f * x));
        Node nan = graph.Constant(float.NaN), again = graph.Constant(float.NaN);
        Assert.That(again, Is.SameAs(nan));
    }

    [TestCase(-0.1f)]
    [TestCase(1f)]
    [TestCase(float.NaN)]
    public void Mask_that_keeps_nothing_or_drops_less_than_nothing_is_refused(float probability) =>
        Assert.That(
            () => new DropoutMask(probability, 1, [3]),
            Throws.TypeOf<OptionException>().With.Message.EqualTo($"a mask's probability must lie in [0, 1), got {probability}"));

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void Parameter_of_a_function_that_means_nothing_is_an_error(float value)
    {
        var graph = new Graph();
        Node x = graph.Input("x");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => new LeakyRelu(value),
                Throws.TypeOf<OptionException>().With.Message.Contains("negative_slope must be a finite number"));
            Assert.That(() => new Elu(value), Throws.TypeOf<OptionException>());
            Assert.That(() => new Softplus(value), Throws.TypeOf<OptionException>());
            Assert.That(() => x.Power(value), Throws.TypeOf<OptionException>());
            Assert.That(() => new Huber(value), Throws.TypeOf<OptionException>());
            Assert.That(() => new Softplus(0), Throws.TypeOf<OptionException>().With.Message.Contains("above 0, got 0"));
            Assert.That(() => new Softplus(-1), Throws.TypeOf<OptionException>());
            Assert.That(() => new Huber(0), Throws.TypeOf<OptionException>());
            Assert.That(() => value * x, Throws.Nothing, "a factor is data");
        }
    }

    private static IEnumerable<TestCaseData> NullCalls
    {
        get
        {
            static TestCaseData Case(string name, Action<Graph, Node> call) => new TestCaseData(call).SetArgDisplayNames(name);
            static void Drop(Node _)
            {
            }

            Node none = null!;
            Graph nowhere = null!;
            yield return Case("none + x", (_, x) => Drop(none + x));
            yield return Case("x + none", (_, x) => Drop(x + none));
            yield return Case("none + 1", (_, _) => Drop(none + 1));
            yield return Case("1 - none", (_, _) => Drop(1 - none));
            yield return Case("-none", (_, _) => Drop(-none));
            yield return Case("x - none", (_, x) => Drop(x - none));
            yield return Case("none * x", (_, x) => Drop(none * x));
            yield return Case("2 * none", (_, _) => Drop(2 * none));
            yield return Case("none / x", (_, x) => Drop(none / x));
            yield return Case("none / 2", (_, _) => Drop(none / 2));
            yield return Case("2 / none", (_, _) => Drop(2 / none));
            yield return Case("none.Relu()", (_, _) => none.Relu());
            yield return Case("x.Apply(null)", (_, x) => x.Apply((Elementwise)null!));
            yield return Case("none.Sum()", (_, _) => none.Sum());
            yield return Case("none.Sum(0)", (_, _) => none.Sum(0));
            yield return Case("none.Mean(-1)", (_, _) => none.Mean(-1));
            yield return Case("none.Max()", (_, _) => none.Max());
            yield return Case("none.Softmax()", (_, _) => none.Softmax());
            yield return Case("none.LogSumExp()", (_, _) => none.LogSumExp());
            yield return Case("x.MatMul(none)", (_, x) => x.MatMul(none));
            yield return Case("x.Maximum(none)", (_, x) => x.Maximum(none));
            yield return Case("none.Minimum(x)", (_, x) => none.Minimum(x));
            yield return Case("none.Reshape", (_, _) => none.Reshape([1]));
            yield return Case("x.Reshape(null)", (_, x) => x.Reshape(null!));
            yield return Case("x.BroadcastTo(null)", (_, x) => x.BroadcastTo(null!));
            yield return Case("x.SumTo(null)", (_, x) => x.SumTo(null!));
            yield return Case("none.Transpose()", (_, _) => none.Transpose());
            yield return Case("none.Slice", (_, _) => none.Slice(-1, 0, 1));
            yield return Case("Input(null)", (graph, _) => graph.Input(null!));
            yield return Case("Input(x, null)", (graph, _) => graph.Input("x", (Shape)null!));
            yield return Case("Input(x, no rows)", (graph, _) => graph.Input("x", (RowShape)null!));
            yield return Case("Labels(null)", (graph, _) => graph.Labels(null!, 3));
            yield return Case("Variable(null)", (graph, _) => graph.Variable(null!));
            yield return Case("Variable(null, [1])", (graph, _) => graph.Variable(null!, [1], 1));
            yield return Case("Constant(null, 1)", (graph, _) => graph.Constant(null!, 1f));
            yield return Case("Constant(1, null)", (graph, _) => graph.Constant(1, null!));
            yield return Case("Concatenate(null)", (graph, x) => graph.Concatenate(-1, none, x));
            yield return Case("nowhere.Input", (_, _) => nowhere.Input("x"));
            yield return Case("nowhere.Constant", (_, _) => nowhere.Constant(1));
            yield return Case("nowhere.Concatenate", (_, x) => nowhere.Concatenate(0, x));
            yield return Case("Build(null, x)", (_, x) => new MeanSquaredError().Build(null!, x));
            yield return Case("Build(x, null)", (_, x) => new SoftmaxCrossEntropy().Build(x, null!));
            yield return Case("Covers(null)", (_, _) => Regularizer.L2(1).Covers(null!));
            yield return Case("AddTo(null)", (_, _) => Regularizer.L2(1).AddTo(null!, []));
            yield return Case("AddTo(x, null)", (_, x) => Regularizer.L2(1).AddTo(x, null!));
            yield return Case("Penalty(null)", (_, _) => Regularizer.Elastic(1, 1).Penalty(null!));
            yield return Case("CreateTargets(null)", (_, _) => new MulticlassHinge().CreateTargets(null!));
        }
    }

    [TestCaseSource(nameof(NullCalls))]
    public void Null_is_an_argument_exception(Action<Graph, Node> call)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2, 2]);
        Assert.That(() => call(graph, x), Throws.InstanceOf<ArgumentNullException>());
    }

    [TestCase(2)]
    [TestCase(-3)]
    [TestCase(int.MaxValue)]
    [TestCase(int.MinValue)]
    public void Axis_out_of_range_is_a_shape_exception(int axis)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2, 3]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => x.Sum(axis), Throws.TypeOf<ShapeException>());
            Assert.That(() => x.Mean(axis, keepDimensions: true), Throws.TypeOf<ShapeException>());
            Assert.That(() => x.Max(axis), Throws.TypeOf<ShapeException>());
            Assert.That(() => x.Slice(axis, 0, 1), Throws.TypeOf<ShapeException>());
            Assert.That(() => graph.Concatenate(axis, x, x), Throws.TypeOf<ShapeException>());
            Assert.That(() => x.Transpose(axis, 0), Throws.TypeOf<ShapeException>());
        }
    }

    [Test]
    public void Sum_to_a_shape_that_does_not_broadcast_is_a_shape_exception()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2, 3]);
        Assert.That(() => x.SumTo([4, 2, 3]), Throws.TypeOf<ShapeException>());
        Assert.That(() => x.SumTo([2, 2]), Throws.TypeOf<ShapeException>());
        Assert.That(x.SumTo([1, 3]).Shape.Extents.ToArray(), Is.EqualTo(new[] { 1, 3 }));
    }

    [Test]
    public void Concatenation_of_nothing_is_a_shape_exception() =>
        Assert.That(() => new Graph().Concatenate(0), Throws.TypeOf<ShapeException>());

    [Test]
    public void Node_of_another_graph_is_a_graph_exception()
    {
        Node x = new Graph().Input("x", [2]), y = new Graph().Input("y", [2]);
        Assert.That(() => x + y, Throws.TypeOf<GraphException>());
        Assert.That(() => new MeanAbsoluteError().Build(x.Reshape([1, 2]), y.Reshape([1, 2])), Throws.TypeOf<GraphException>());
    }

    // More than a vector's width, a fault in the body and in the tail; −0, NaN and infinity are inside.
    [TestCase(0)]
    [TestCase(21)]
    [TestCase(66)]
    public void Domain_is_checked_at_every_element(int place)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [67]), y = x.Sqrt();
        using Plan plan = graph.Compile([y]);
        float[] values = [.. Enumerable.Repeat(4f, 67)];
        (values[1], values[40]) = (-0f, float.MaxValue);
        Assert.That(() => plan.Bind(x, values).Run(), Throws.Nothing);
        values[place] = -float.Epsilon;
        Assert.That(() => plan.Bind(x, values).Run(), Throws.TypeOf<GraphException>().With.Message.Contains($"element {place}"));
    }
}
