using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>Binding, running and reading a plan, and what it says when it is used wrongly.</summary>
[TestFixture]
public sealed class PlanTests
{
    [Test]
    public void A_reduction_to_no_elements_touches_none()
    {
        var graph = new Graph();
        Node sum = graph.Input("x", [8, 0, 4]).Sum(-1), y = sum.Sum(0).Reciprocal();
        using Plan plan = graph.Compile([sum, y]);
        plan.Bind(graph.Nodes[0], []).Run();
        Assert.That(plan[y].Shape.ToString(), Is.EqualTo("[0]"));
        Assert.That(plan.Kernels.Single(scheduled => scheduled.Step.Outputs[0].Node == sum).Kernel.Units, Is.Zero);
    }

    [Test]
    public void Runs_compute_the_example_of_the_notes_again_and_again()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = graph.Input("y"), z = graph.Input("z"), f = (x + y) * z;
        Node[] d = graph.Gradient(f, x, y, z);
        using Plan plan = graph.Compile([f, .. d]);
        plan.Bind(x, -2f).Bind(y, 5f).Bind(z, -4f).Run();
        Assert.That((plan[f].Item, plan[d[0]].Item, plan[d[1]].Item, plan[d[2]].Item), Is.EqualTo((-12f, -4f, -4f, 3f)));
        plan.Bind(z, 10f).Run();
        Assert.That((plan[f].Item, plan[d[0]].Item, plan[d[2]].Item), Is.EqualTo((30f, 10f, 3f)));
    }

    [Test]
    public void A_run_with_an_unbound_input_names_it()
    {
        var graph = new Graph();
        Node a = graph.Input("a"), b = graph.Input("b");
        using Plan plan = graph.Compile([a + b]);
        plan.Bind(a, 1f);
        Assert.That(plan.Run, Throws.InvalidOperationException.With.Message.Contains("input b is not bound"));
        plan.Bind(b, 2f).Run();
        Assert.That(plan[a + b].Item, Is.EqualTo(3));
    }

    [Test]
    public void Binding_a_wrong_length_names_node_shape_and_counts()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 3]), y = x.Relu();
        using Plan plan = graph.Compile([y], new PlanOptions { BatchSize = 2 });
        Assert.That(() => plan.Bind(x, new float[5]),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("x has the shape [2, 3] and needs 6 values, got 5"));
        Assert.That(() => plan.Bind(x, 1f), Throws.TypeOf<ShapeException>());
        Assert.That(() => plan.Bind(x, new PinnedBuffer(7)), Throws.TypeOf<ShapeException>().With.Message.Contains("got 7"));
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(float.NegativeInfinity)]
    public void Binding_a_number_that_is_not_finite_names_node_and_element(float bad)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [300]), y = x.Relu();
        using Plan plan = graph.Compile([y]);
        foreach (int at in (int[])[0, 7, 128, 299])
        {
            var values = new float[300];
            values[at] = bad;
            Assert.That(() => plan.Bind(x, values), Throws.TypeOf<DataException>().With.Message.StartsWith($"x: element {at} is {bad}"));
        }
    }

    [TestCase(3, 1)]
    [TestCase(-1, 0)]
    [TestCase(int.MinValue, 1)]
    public void Binding_a_label_out_of_range_names_node_label_and_position(int label, int at)
    {
        var graph = new Graph();
        Node labels = graph.Labels("labels", 3), y = graph.Add(new OneHot(3), labels);
        using Plan plan = graph.Compile([y], new PlanOptions { BatchSize = 2 });
        int[] values = [0, 0];
        values[at] = label;
        Assert.That(() => plan.BindLabels(labels, values),
            Throws.TypeOf<DataException>().With.Message.EqualTo($"labels: label {label} at position {at} lies outside 0..2"));
        plan.BindLabels(labels, (int[])[2, 0]).Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 0, 0, 1, 1, 0, 0 }));
    }

    [Test]
    public void Binding_the_wrong_kind_or_node_is_refused()
    {
        var graph = new Graph();
        Node labels = graph.Labels("labels", 3), x = graph.Input("x", [Shape.Batch, 3]), y = x + graph.Add(new OneHot(3), labels),
            unused = graph.Input("unused");
        using Plan plan = graph.Compile([y], new PlanOptions { BatchSize = 1 });
        Assert.That(() => plan.Bind(labels, new float[1]),
            Throws.TypeOf<GraphException>().With.Message.EqualTo("labels takes class indices, not numbers"));
        Assert.That(() => plan.BindLabels(x, new int[3]),
            Throws.TypeOf<GraphException>().With.Message.EqualTo("x takes numbers, not class indices"));
        Assert.That(() => plan.Bind(unused, 1f),
            Throws.TypeOf<GraphException>().With.Message.EqualTo("unused is not an input of this plan"));
        Assert.That(() => plan.Bind(y, 1f), Throws.TypeOf<GraphException>().With.Message.Contains("is not an input of this plan"));
        Assert.That(() => plan[x], Throws.TypeOf<GraphException>().With.Message.EqualTo("x is not an output of this plan"));
    }

    [Test]
    public unsafe void A_bound_pinned_buffer_is_read_without_a_copy_until_another_binding()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [4]), y = 2 * x;
        using Plan plan = graph.Compile([y, x]);
        var buffer = new PinnedBuffer([1f, 2, 3, 4]);
        plan.Bind(x, buffer).Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 2, 4, 6, 8 }));
        Assert.That(plan[x].Pointer == buffer.Pointer, Is.True);
        buffer.Span[0] = 10;
        plan.Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 20, 4, 6, 8 }));

        plan.Bind(x, [5f, 6, 7, 8]).Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 10, 12, 14, 16 }));
        Assert.That(buffer.Span.ToArray(), Is.EqualTo(new float[] { 10, 2, 3, 4 }), "binding values must not write to the caller's buffer");

        plan.Bind(x, new PinnedBuffer([0f, 0, 0, 1])).Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 0, 0, 0, 2 }));
    }

    [Test]
    public void A_run_leaves_inputs_alone_even_where_results_go_in_place()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [40]), y = x.Relu().Square().Exp();
        using Plan plan = graph.Compile([y]);
        var buffer = new PinnedBuffer([.. Enumerable.Range(0, 40).Select(i => 0.01f * i)]);
        float[] before = buffer.Span.ToArray();
        plan.Bind(x, buffer).Run();
        Assert.That(buffer.Span.ToArray(), Is.EqualTo(before));
    }

    [Test]
    public void RunFirst_stops_at_the_first_nodes_and_RunRest_does_the_others()
    {
        int forward = 0, backward = 0;
        var graph = new Graph();
        Node w = graph.Variable("w", [3], 1, 2, 3), x = graph.Input("x", [3]), y = graph.Add(new Probe(() => forward++), w * x).Tanh();
        Node loss = y.Sum(), dw = graph.Add(new Probe(() => backward++), graph.Gradient(loss, w)[0]);
        using Plan halves = graph.Compile([loss, dw], new PlanOptions { First = [loss] });
        using Plan whole = graph.Compile([loss, dw]);
        whole.Bind(x, [0.1f, 0.2f, 0.3f]).Run();
        Assert.That((forward, backward), Is.EqualTo((1, 1)));
        halves.Bind(x, [0.1f, 0.2f, 0.3f]).RunFirst();
        Assert.That((forward, backward), Is.EqualTo((2, 1)));
        Assert.That(halves[loss].Item, Is.EqualTo(whole[loss].Item));
        halves.RunRest();
        Assert.That((forward, backward), Is.EqualTo((2, 2)));
        Assert.That(halves[dw].ToArray(), Is.EqualTo(whole[dw].ToArray()));
        Assert.That(halves[loss].Item, Is.EqualTo(whole[loss].Item));
    }

    [Test]
    public void Compiling_without_a_needed_batch_size_names_the_node()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 3]), y = x.Relu();
        Assert.That(() => graph.Compile([y]),
            Throws.TypeOf<GraphException>().With.Message.Contains("x has the shape [B, 3]").And.Message.Contains("BatchSize"));
        Assert.That(() => graph.Compile([y], new PlanOptions { BatchSize = 0 }),
            Throws.TypeOf<OptionException>().With.Message.Contains("at least 1, got 0"));
        Assert.That(() => graph.Compile([y], new PlanOptions { BatchSize = 1, Threads = -1 }),
            Throws.TypeOf<OptionException>().With.Message.Contains("got -1"));
        Assert.That(() => graph.Compile([y], new PlanOptions { BatchSize = 1, ExactThreads = true }), Throws.TypeOf<OptionException>());
        Assert.That(() => graph.Compile([new Graph().Input("stranger")]),
            Throws.TypeOf<GraphException>().With.Message.Contains("stranger belongs to another graph"));
        Assert.That(() => graph.Compile([x.Relu()], new PlanOptions { BatchSize = 1, First = [new Graph().Input("stranger")] }),
            Throws.TypeOf<GraphException>().With.Message.Contains("stranger"));
    }

    [Test]
    public void A_run_outside_a_domain_names_node_operand_and_value_and_only_once()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), log = x.Log(), root = graph.SetName(x.Sqrt(), "root");
        using Plan plan = graph.Compile([log, root]);
        plan.Bind(x, [1f, -2, 3]);
        Assert.That(plan.Run, Throws.TypeOf<GraphException>().With.Message.EqualTo("log#1(x): log needs x ≥ 0, got -2 at element 1"));
        plan.Bind(x, [1f, 4, 9]);
        Assert.That(plan.Run, Throws.Nothing, "the fault of an earlier run must not come back");
        Assert.That(plan[root].ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));

        using Plan second = graph.Compile([root]);
        second.Bind(x, [1f, 2, -0.5f]);
        Assert.That(second.Run, Throws.TypeOf<GraphException>().With.Message.EqualTo("root(x): sqrt needs x ≥ 0, got -0.5 at element 2"));
    }

    [Test]
    public void The_logarithm_of_a_negative_constant_is_refused_when_the_plan_is_made()
    {
        var graph = new Graph();
        Node logarithm = graph.Constant(-1).Log();
        Assert.That(() => graph.Compile([logarithm]),
            Throws.TypeOf<GraphException>().With.Message.Contains("log").And.Message.Contains("-1"));
    }

    [Test]
    public void A_power_of_a_negative_number_is_refused_unless_the_exponent_is_whole()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), half = x.Power(0.5f), cube = x.Power(3);
        using Plan plan = graph.Compile([cube]);
        plan.Bind(x, [-2f, 3]).Run();
        Assert.That(plan[cube].ToArray(), Is.EqualTo(new float[] { -8, 27 }));
        using Plan refused = graph.Compile([half]);
        Assert.That(refused.Bind(x, [-2f, 3]).Run,
            Throws.TypeOf<GraphException>().With.Message.Contains("power").And.Message.Contains("exponent 0.5").And.Message.Contains("-2"));
    }

    [Test]
    public void Outputs_may_be_inputs_parameters_constants_views_and_repeated()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [4]), w = graph.Variable("w", [2], 1, 2), c = graph.Constant(3, [2]);
        Node folded = c.Square() + w.Graph.Constant(1);
        Node view = x.Reshape([2, 2]), second = view.Reshape([4, 1]), y = x.Relu();
        using Plan plan = graph.Compile([x, w, c, folded, view, second, y, y, x]);
        plan.Bind(x, [1f, -2, 3, -4]).Run();
        Assert.That(plan[x].ToArray(), Is.EqualTo(new float[] { 1, -2, 3, -4 }));
        Assert.That(plan[w].ToArray(), Is.EqualTo(new float[] { 1, 2 }));
        Assert.That(plan[folded].ToArray(), Is.EqualTo(new float[] { 10, 10 }));
        Assert.That(plan[view].Shape.ToString() + plan[second].Shape, Is.EqualTo("[2, 2][4, 1]"));
        Assert.That(plan[second].ToArray(), Is.EqualTo(new float[] { 1, -2, 3, -4 }));
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 1, 0, 3, 0 }));
        Assert.That(plan.Kernels, Has.Count.EqualTo(1), "constants are folded when the plan is made");
    }

    [Test]
    public void A_run_of_a_disposed_plan_is_refused()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [100_000]), y = x.Exp();
        Plan plan = graph.Compile([y], new PlanOptions { Threads = 2, ExactThreads = true });
        plan.Bind(x, new float[100_000]).Run();
        plan.Dispose();
        plan.Dispose();
        Task run = Task.Run(plan.Run);
        Assert.That(() => run.Wait(TimeSpan.FromSeconds(20)),
            Throws.InstanceOf<AggregateException>().With.InnerException.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void A_run_from_two_callers_at_once_is_refused()
    {
        var graph = new Graph();
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        Node x = graph.Input("x", [4]), y = graph.Add(new Probe(() => { entered.Set(); leave.Wait(); }), x);
        using Plan plan = graph.Compile([y]);
        plan.Bind(x, new float[4]);
        Task run = Task.Run(plan.Run);
        entered.Wait();
        Assert.That(plan.Run, Throws.InvalidOperationException.With.Message.Contains("the plan is in use"));
        Assert.That(() => plan.Bind(x, new float[4]), Throws.InvalidOperationException.With.Message.Contains("the plan is in use"));
        Assert.That(() => plan.Bind(x, new PinnedBuffer(4)), Throws.InvalidOperationException);
        Assert.That(() => plan[y], Throws.InvalidOperationException);
        leave.Set();
        run.Wait();
        Assert.That(plan.Run, Throws.Nothing);
    }
}
