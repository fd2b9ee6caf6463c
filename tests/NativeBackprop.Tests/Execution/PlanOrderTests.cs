using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>What may follow what on a plan, and what a refused call leaves behind.</summary>
[TestFixture]
public sealed class PlanOrderTests
{
    [Test]
    public void Outputs_are_there_after_a_run_that_succeeded_and_not_before()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = x.Log(), w = graph.Variable("w", [1], 7);
        using Plan plan = graph.Compile([y, x, w]);
        Assert.That(() => plan[y], Throws.InvalidOperationException.With.Message.StartsWith("log#1 is not computed"));
        Assert.That(() => plan[x], Throws.InvalidOperationException, "nothing is bound");
        Assert.That(plan[w].Item, Is.EqualTo(7), "a parameter has its value always");
        plan.Bind(x, 1f);
        Assert.That(plan[x].Item, Is.EqualTo(1));
        plan.Run();
        Assert.That(plan[y].Item, Is.Zero);
        plan.Bind(x, -1f);
        Assert.That(plan.Run, Throws.TypeOf<GraphException>());
        Assert.That(() => plan[y], Throws.InvalidOperationException, "the last run has failed");
        plan.Bind(x, 1f).Run();
        Assert.That(plan[y].Item, Is.Zero);
    }

    [Test]
    public void A_concatenation_of_the_first_half_is_there_after_it_and_one_of_the_rest_is_not()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), y = x.Exp(), z = x.Tanh();
        Node first = graph.Concatenate(0, y, z), rest = graph.Concatenate(0, z.Square(), y.Square());
        using Plan plan = graph.Compile([first, rest], new PlanOptions { First = [first] });
        plan.Bind(x, [0, 0]).RunFirst();
        Assert.That(plan[first].ToArray(), Is.EqualTo(new float[] { 1, 1, 0, 0 }));
        Assert.That(() => plan[rest], Throws.InvalidOperationException);
        plan.RunRest();
        Assert.That(plan[rest].ToArray(), Is.EqualTo(new float[] { 0, 0, 1, 1 }));
    }

    [Test]
    public void Class_indices_are_no_tensor_that_a_caller_could_write_to()
    {
        var graph = new Graph();
        Node labels = graph.Labels("labels", 3);
        using Plan plan = graph.Compile([labels], new PlanOptions { BatchSize = 2 });
        plan.BindLabels(labels, [0, 1]).Run();
        Assert.That(() => plan[labels], Throws.TypeOf<GraphException>().With.Message.Contains("class indices"));
    }

    [Test]
    public void RunRest_needs_a_RunFirst_of_its_own()
    {
        (Plan plan, Node x, Node first, Node rest) = Halves();
        using Plan disposed = plan;
        Assert.That(plan.RunRest, Throws.InvalidOperationException.With.Message.Contains("call RunFirst, then RunRest"));
        plan.RunFirst();
        Assert.That(plan[first].Item, Is.EqualTo(5));
        Assert.That(() => plan[rest], Throws.InvalidOperationException.With.Message.Contains("not computed"));
        plan.RunRest();
        Assert.That(plan[rest].Item, Is.EqualTo(10));
        Assert.That(plan.RunRest, Throws.InvalidOperationException, "its first half has been used up");
        plan.RunFirst();
        plan.RunFirst();
        plan.RunRest();
        plan.RunFirst();
        plan.Run();
        Assert.That(plan.RunRest, Throws.InvalidOperationException, "a whole run drops a first half");
        plan.RunFirst();
        plan.Bind(x, [3f, 4]);
        Assert.That(plan.RunRest, Throws.InvalidOperationException, "what the first half has read is another value now");
        plan.RunFirst();
        plan.RunRest();
        Assert.That(plan[rest].Item, Is.EqualTo(50));
    }

    [Test]
    public void What_only_the_rest_reads_may_be_bound_between_the_halves()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), rate = graph.Input("rate"), first = x.Square(), rest = first * rate;
        using Plan plan = graph.Compile([first, rest], new PlanOptions { First = [first] });
        plan.Bind(x, 3f).Bind(rate, 1f).RunFirst();
        plan.Bind(rate, 2f).RunRest();
        Assert.That(plan[rest].Item, Is.EqualTo(18));
    }

    [Test]
    public void A_call_that_is_refused_leaves_the_plan_as_it_was()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), labels = graph.Labels("labels", 3), y = x.Sum() + graph.Add(new OneHot(3), labels);
        using Plan plan = graph.Compile([y], new PlanOptions { BatchSize = 2 });
        plan.Bind(x, [1f, 2]).BindLabels(labels, [0, 2]);
        Assert.That(() => plan.Bind(x, [5f, float.NaN]), Throws.TypeOf<DataException>());
        Assert.That(() => plan.Bind(x, new PinnedBuffer(3)), Throws.TypeOf<ShapeException>());
        Assert.That(() => plan.Bind(x, (PinnedBuffer)null!), Throws.ArgumentNullException);
        Assert.That(() => plan.Bind(null!, 1f), Throws.ArgumentNullException);
        Assert.That(() => plan.BindLabels(labels, [1, 3]), Throws.TypeOf<DataException>());
        Assert.That(() => plan[null!], Throws.ArgumentNullException);
        plan.Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 4, 3, 3, 3, 3, 4 }));
    }

    [Test]
    public void Whole_numbers_are_numbers()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), y = 2 * x;
        using Plan plan = graph.Compile([y]);
        plan.Bind(x, [1, 2, 3]).Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 2, 4, 6 }));
    }

    [Test]
    public void Class_indices_are_copied()
    {
        var graph = new Graph();
        Node labels = graph.Labels("labels", 2), y = graph.Add(new OneHot(2), labels);
        using Plan plan = graph.Compile([y], new PlanOptions { BatchSize = 1 });
        int[] mine = [1];
        plan.BindLabels(labels, mine);
        mine[0] = 1_000_000_000;
        plan.Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 0, 1 }));
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(int.MinValue)]
    public void Labels_have_at_least_one_class(int classes) =>
        Assert.That(() => new Graph().Labels("l", classes), Throws.TypeOf<OptionException>().With.Message.Contains($"got {classes}"));

    [Test]
    public void Compile_says_what_it_cannot_take()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = x.Exp(), stranger = new Graph().Input("stranger");
        Assert.That(() => graph.Compile([]), Throws.ArgumentException);
        Assert.That(() => graph.Compile([y, null!]), Throws.ArgumentNullException);
        Assert.That(() => graph.Compile([y, stranger]), Throws.TypeOf<GraphException>());
        Assert.That(() => graph.Compile([y], new PlanOptions { First = null! }), Throws.ArgumentNullException);
        Assert.That(() => graph.Compile([y], new PlanOptions { First = [null!] }), Throws.ArgumentNullException);
        Assert.That(() => graph.Compile([y], new PlanOptions { First = [stranger] }), Throws.TypeOf<GraphException>());
        Assert.That(() => graph.Compile([y], new PlanOptions { Threads = 1025 }), Throws.TypeOf<OptionException>());
        Assert.That(() => ((Graph)null!).Compile([y]), Throws.ArgumentNullException);
    }

    private static (Plan Plan, Node X, Node Half, Node Whole) Halves()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), first = x.Square().Sum(), rest = 2 * first;
        Plan plan = graph.Compile([first, rest], new PlanOptions { First = [first] });
        return (plan.Bind(x, [1f, 2]), x, first, rest);
    }
}
