using NativeBackprop.Ops;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// Updates change memory that other steps read. Whatever the order that steps are put into, what was built before an update reads the old
/// value and what was built after it the new one, as the reference does, which evaluates in the order of building.
/// </summary>
[TestFixture]
public sealed class SchedulingTests
{
    private static readonly float[] Start = [0.5f, -1, 0.25f, 2], Input = [1, 2, -1, 0.5f];

    [TestCase(true)]
    [TestCase(false)]
    public void A_reader_built_after_an_update_sees_the_new_value_and_one_built_before_it_the_old(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node before = x.MatMul(w), gradient = graph.Gradient(before.Square().Sum(), w)[0];
            Node step = graph.Add(new SgdUpdate(0), w, gradient, rate), after = w.MatMul(x);
            return [before, step, after, after.Tanh()];
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_reader_fused_with_a_later_step_still_sees_the_old_value(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node product = x.MatMul(w), step = graph.Add(new SgdUpdate(0), w, x, rate);
            return [step, (product + graph.Constant([2], 1, 2)).Tanh()];
        });
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node saved = x.Tanh(), product = w.MatMul(x), step = graph.Add(new SgdUpdate(0), w, x, rate);
            return [step, graph.Add(new ElementwiseGradient(new Tanh()), product, saved)];
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void The_factors_of_a_product_are_updated_from_the_old_values_of_both(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node v = graph.Variable("v", [2, 2], 1, 0.5f, -0.5f, 2), residual = w.MatMul(v) - x;
            Node[] d = graph.Gradient(residual.Square().Sum(), w, v);
            return [graph.Add(new SgdUpdate(0), w, d[0], rate), graph.Add(new SgdUpdate(0), v, d[1], rate)];
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Two_updates_of_one_parameter_follow_each_other(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node first = graph.Add(new SgdUpdate(0), w, x, rate);
            Node second = graph.Add(new SgdUpdate(0.5f), w, graph.Gradient(w.Square().Sum(), w)[0] * x, rate);
            return [first, second];
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void An_update_that_reads_another_parameter_sees_what_stands_there_at_its_turn(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node average = graph.Variable("average", [2, 2], 1, 1, 1, 1), before = graph.Add(new SgdUpdate(1), average, w, rate);
            Node step = graph.Add(new SgdUpdate(0), w, x.MatMul(x), rate);
            return [before, step, graph.Add(new SgdUpdate(1), average, w, rate),
                graph.Add(new MomentumUpdate(0.5f, 0, false), average, w.MatMul(w), rate, w)];
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_penalty_on_the_old_value_stays_a_penalty_on_the_old_value(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node penalty = 0.3f * w, product = x.MatMul(x), first = graph.Add(new SgdUpdate(0), w, x, rate);
            return [first, graph.Add(new SgdUpdate(0), w, product + penalty, rate)];
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_loss_weighted_by_a_parameter_reads_it_before_and_after_its_update(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node weight = graph.Variable("weight", [2], 1, 2), loss = graph.Add(new SquaredError(), x, w);
            Node step = graph.Add(new SgdUpdate(0), weight, weight, rate);
            return [loss, step, graph.Add(new RowLossGradient(new SquaredError()), x, w, weight)];
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_gradient_seen_through_a_view_is_there_before_the_update_that_uses_it(bool fuse)
    {
        AssertAsTheReference(fuse, (graph, w, x, rate) =>
        {
            Node b = graph.Variable("b", [2, 1], 0.1f, -0.2f), z = (x.MatMul(w) + b.Reshape([2])).Tanh();
            Node[] d = graph.Gradient(z.Square().Sum(), w, b);
            return [graph.Add(new SgdUpdate(0), w, d[0], rate), graph.Add(new SgdUpdate(0), b, d[1], rate)];
        });
    }

    [Test]
    public void An_update_comes_right_after_its_gradient_and_the_last_reader()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 4]), rate = graph.Input("rate");
        Node[] w = [.. Enumerable.Range(0, 3).Select(i => graph.Variable($"w{i}", [4, 4], new float[16]))];
        Node y = w.Aggregate(x, (h, weight) => h.MatMul(weight).Tanh());
        Node[] gradients = graph.Gradient(y.Sum(), w);
        Node[] updates = [.. w.Zip(gradients, (weight, g) =>
            graph.Add(new MomentumUpdate(0.9f, 0, false), weight, g, rate, graph.Variable($"v{weight.Name}", [4, 4], new float[16])))];
        using Plan plan = graph.Compile(updates, new PlanOptions { BatchSize = 2 });
        string[] steps = [.. plan.Kernels.Select(kernel =>
            kernel.Step.Operation is Update ? kernel.Step.Inputs[0].Node.Name! : kernel.Step.Operation.Name)];
        Assert.That(Array.IndexOf(steps, "w2"), Is.LessThan(Array.IndexOf(steps, "w1")).And.LessThan(Array.LastIndexOf(steps, "matmul")),
            "while the gradient is in cache: not at the end");
        Assert.That(Array.IndexOf(steps, "w1"), Is.LessThan(Array.IndexOf(steps, "w0")));
        Assert.That(steps, Has.Length.EqualTo(plan.Kernels.Count).And.Contain("w0"));
    }

    private static void AssertAsTheReference(bool fuse, Func<Graph, Node, Node, Node, Node[]> build)
    {
        var graph = new Graph();
        Node w = graph.Variable("w", [2, 2], Start), x = graph.Input("x", [2, 2]), rate = graph.Input("rate");
        Node[] outputs = build(graph, w, x, rate);
        var reference = new ReferenceEvaluator(graph).Set(x, Input).Set(rate, [0.125]);
        Node[] variables = [.. graph.Nodes.Where(node => node.Op is Variable)];
        Array.ForEach(variables, variable => reference.Leaf(variable));
        double[][] expected = RunReference(reference, outputs);

        foreach (int threads in (int[])[1, 2])
        {
            float[][] before = [.. variables.Select(variable => ((Variable)variable.Op).Parameter.Span.ToArray())];
            using Plan plan = graph.Compile(outputs, new PlanOptions { Fuse = fuse, Threads = threads, ExactThreads = true });
            plan.Bind(x, Input).Bind(rate, 0.125f).Run();
            for (int i = 0; i < outputs.Length; i++)
            {
                if (outputs[i].Op is not Update)
                {
                    Assert.That(Norms.Error(plan[outputs[i]].Span, expected[i]), Is.LessThanOrEqualTo(1e-6), outputs[i].ToString());
                }
            }

            for (int i = 0; i < variables.Length; i++)
            {
                Span<float> value = ((Variable)variables[i].Op).Parameter.Span;
                Assert.That(Norms.Error(value, reference.Leaf(variables[i])), Is.LessThanOrEqualTo(1e-6), variables[i].ToString());
                before[i].CopyTo(value);
            }
        }
    }

    private static double[][] RunReference(ReferenceEvaluator reference, Node[] outputs)
    {
        reference.Run(outputs);
        return [.. outputs.Select(output => (double[])reference[output].Clone())];
    }
}
