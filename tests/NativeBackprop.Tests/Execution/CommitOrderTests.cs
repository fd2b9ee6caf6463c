using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// Variables are written behind everything that can fault. What has to happen before is done in the arena, and written to the variable
/// there; what can fault nowhere waits for nothing.
/// </summary>
[TestFixture]
public sealed class CommitOrderTests
{
    private static readonly float[] Batch = [1, 2, 3, 4, 5, 6];

    [Test]
    public void A_step_without_faults_keeps_its_updates_where_they_were()
    {
        (Graph graph, Node[] outputs, _) = Network(checksCost: false);
        Assert.That(Names(graph, outputs), Is.EqualTo(new[]
        {
            "matmul_tanh", "matmul_tanh", "matmul_tanh", "sum", "tanh_gradient", "matmul_tanh_gradient", "matmul_sgd_update",
            "matmul_tanh_gradient", "matmul_sgd_update", "matmul_sgd_update",
        }));
    }

    [Test]
    public void The_check_of_the_cost_comes_before_the_updates_which_stay_in_the_backward_pass()
    {
        (Graph plain, Node[] updates, _) = Network(checksCost: false);
        (Graph graph, Node[] outputs, Node check) = Network(checksCost: true);
        string[] expected = Names(plain, updates), actual = Names(graph, [.. outputs, check]);
        Assert.That(actual.Where(name => name != "check"), Is.EqualTo(expected), "nothing else moves");
        int at = Array.IndexOf(actual, "check");
        Assert.That(at, Is.LessThan(Array.FindIndex(actual, name => name.Contains("update"))));
        Assert.That(actual[at - 1], Is.EqualTo("sum"), "right behind the cost, however late it was asked for");
        Assert.That(actual[^2..], Has.Some.Contains("update"));
        int firstUpdate = Array.FindIndex(actual, name => name.Contains("update"));
        Assert.That(Array.FindLastIndex(actual, name => !name.Contains("update")), Is.GreaterThan(firstUpdate),
            "updates are made while the backward pass goes on");
        AssertCommits(graph, [.. outputs, check]);
    }

    [Test]
    public void A_fault_in_the_backward_pass_holds_all_updates_back()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 2]), rate = graph.Input("rate");
        Node[] w = [graph.Variable("w0", [2, 2], 1, 0.5f, 0.25f, 2), graph.Variable("w1", [2, 2], 1, 2, 3, 4)];
        Node hidden = graph.Add(new MultiplyGateOfOne(), x.MatMul(w[0])), cost = hidden.MatMul(w[1]).Sum();
        Node[] updates = [.. w.Zip(graph.Gradient(cost, w), (variable, d) => graph.Add(new SgdUpdate(0), variable, d, rate))];
        string[] names = Names(graph, updates);
        Assert.That(Array.FindLastIndex(names, name => name.StartsWith("multiply_gate_of_one", StringComparison.Ordinal)),
            Is.LessThan(Array.FindIndex(names, name => name.Contains("update"))));
        AssertCommits(graph, updates);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_counter_that_a_cost_depends_on_is_counted_in_the_arena_and_committed_behind_the_check(bool fuse)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 2]), state = graph.Variable("state", [2], 7, 0), count = graph.Add(new Counter(2), state);
        Node mask = graph.Add(new DropoutMask(0.5f, 1, [3, 2]), count), cost = (x * mask).Sum(), check = graph.Add(new Check(), cost);
        string[] names = Names(graph, [cost, count, check]);
        Assert.That(names, Is.EqualTo(new[] { "copy", "counter", "dropout_mask", "multiply", "sum", "check", "commit" }));
        AssertCommits(graph, [cost, count, check]);
        using Plan plan = graph.Compile([cost, count, check, state], new PlanOptions { Fuse = fuse });
        plan.Bind(x, Batch);
        for (int run = 1; run <= 3; run++)
        {
            plan.Run();
            Assert.That(plan[count].ToArray(), Is.EqualTo(new[] { 7f + run, 0 }));
            Assert.That(plan[state].ToArray(), Is.EqualTo(new[] { 7f + run, 0 }), "the variable after the run");
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Running_statistics_are_an_effect_like_any_other(bool isChecked)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 2]), running = graph.Variable("running", [2], 10, 20);
        Node mean = graph.Add(new RunningMean(), running, x);
        Node cost = x.Square().Sum(), check = graph.Add(new Check(), isChecked ? (x - mean).Sum() : cost);
        Node[] outputs = [cost, mean, check, running];
        string[] names = Names(graph, outputs);
        Assert.That(names.Count(name => name is "copy" or "commit"), Is.EqualTo(isChecked ? 2 : 0),
            "a copy only where a check depends on the effect");
        Assert.That(Array.IndexOf(names, isChecked ? "commit" : "running_mean"), Is.GreaterThan(Array.IndexOf(names, "check")));
        AssertCommits(graph, outputs);
        foreach (int threads in (int[])[1, 2, 3])
        {
            using Plan plan = graph.Compile(outputs, new PlanOptions { Threads = threads, ExactThreads = true });
            float[] expected = [10, 20];
            expected.CopyTo(((Variable)running.Op).Parameter.Span);
            for (int run = 0; run < 3; run++)
            {
                plan.Bind(x, Batch).Run();
                expected = [(0.9f * expected[0]) + 0.3f, (0.9f * expected[1]) + 0.4f];
                Assert.That(plan[running].ToArray(), Is.EqualTo(expected).Within(1e-5));
                Assert.That(plan[mean].ToArray(), Is.EqualTo(expected).Within(1e-5));
            }
        }
    }

    [Test]
    public void Two_halves_have_a_commit_each()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 2]), rate = graph.Input("rate");
        Node state = graph.Variable("state", [1], 0), w = graph.Variable("w", [2, 2], 1, 2, 3, 4);
        Node count = graph.Add(new Counter(), state), cost = (x.MatMul(w) * count).Sum(), check = graph.Add(new Check(), cost);
        Node gradient = graph.Gradient(cost, w)[0], late = graph.Add(new Check(), gradient);
        Node update = graph.Add(new SgdUpdate(0), w, gradient, rate);
        PlanProgram program = Program(graph, [cost, check, late, update], [cost, check, count]);
        string[] names = [.. program.Steps.Select(step => step.Operation.Name)];
        Assert.That(names[..program.FirstSteps], Does.Contain("commit").And.Contain("counter").And.Not.Contain("sgd_update"));
        Assert.That(program.FirstCommitStep, Is.EqualTo(Array.IndexOf(names, "commit")));
        Assert.That(program.CommitStep, Is.EqualTo(Array.FindIndex(names, name => name.Contains("update"))));
        AssertCommits(graph, [cost, check, late, update], [cost, check, count]);
        using Plan plan = graph.Compile([cost, check, late, update, w, state], new PlanOptions { First = [cost, check, count] });
        plan.Bind(x, Batch).Bind(rate, 0.1f).RunFirst();
        Assert.That(((Variable)state.Op).Parameter.Span[0], Is.EqualTo(1), "the first half's effects are committed with it");
        Assert.That(((Variable)w.Op).Parameter.Span.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        plan.RunRest();
        Assert.That(plan[w].ToArray(), Is.EqualTo(new[] { 0.1f, 1.1f, 1.8f, 2.8f }).Within(1e-5));
        Assert.That(plan[state].ToArray(), Is.EqualTo(new[] { 1f }));
    }

    [Test]
    public void Two_updates_of_a_variable_of_which_a_check_needs_the_first_are_committed_and_made_in_order()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), w = graph.Variable("w", [2], 1, 2), rate = graph.Input("rate");
        Node first = graph.Add(new SgdUpdate(0), w, x, rate), check = graph.Add(new Check(), w * x);
        Node second = graph.Add(new SgdUpdate(0), w, x, rate), third = w * x;
        Node[] outputs = [first, check, second, third, w];
        Assert.That(Names(graph, outputs)[..2], Is.EqualTo(new[] { "copy", "sgd_update" }));
        AssertCommits(graph, outputs);
        foreach (int threads in (int[])[1, 2, 3])
        {
            new float[] { 1, 2 }.CopyTo(((Variable)w.Op).Parameter.Span);
            using Plan plan = graph.Compile(outputs, new PlanOptions { Threads = threads, ExactThreads = true });
            plan.Bind(x, [1, -1]).Bind(rate, 0.5f).Run();
            Assert.That(plan[check].ToArray(), Is.EqualTo(new[] { 0.5f, -2.5f }));
            Assert.That(plan[w].ToArray(), Is.EqualTo(new[] { 0f, 3 }));
            Assert.That(plan[third].ToArray(), Is.EqualTo(new[] { 0f, -3 }));
        }
    }

    /// <summary>Checks what a program promises: no fault at or behind a commit in its half, and no variable written before one.</summary>
    internal static void AssertCommits(Graph graph, Node[] outputs, params Node[] first)
    {
        foreach (bool fuse in (bool[])[true, false])
        {
            PlanProgram program = Program(graph, outputs, first, fuse);
            for (int s = 0; s < program.Steps.Count; s++)
            {
                PlanStep step = program.Steps[s];
                bool isCommitted = s >= (s < program.FirstSteps ? program.FirstCommitStep : program.CommitStep);
                Assert.That(step.Operation.CanFault && isCommitted, Is.False, $"{step.Operation.Name} can fault behind the commit");
                Assert.That(step.WritesVariable && !isCommitted, Is.False, $"{step.Operation.Name} writes a variable before the commit");
            }
        }
    }

    internal static PlanProgram Program(Graph graph, Node[] outputs, Node[] first, bool fuse = true) =>
        graph.Program(outputs, first, new PlanOptions { Fuse = fuse });

    private static string[] Names(Graph graph, Node[] outputs) =>
        [.. Program(graph, outputs, []).Steps.Select(step => step.Operation.Name)];

    // The check is asked for last, as a trainer might.
    private static (Graph Graph, Node[] Updates, Node Check) Network(bool checksCost)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 2]), rate = graph.Input("rate");
        Node[] w = [.. Enumerable.Range(0, 3).Select(i => graph.Variable($"w{i}", [2, 2], 1, 0.5f, -0.5f, 1))];
        Node cost = w.Aggregate(x, (h, weight) => h.MatMul(weight).Tanh()).Sum();
        Node[] updates = [.. w.Zip(graph.Gradient(cost, w), (weight, d) => graph.Add(new SgdUpdate(0), weight, d, rate))];
        return (graph, [cost, .. updates], checksCost ? graph.Add(new Check(), cost) : cost);
    }

    /// <summary>Passes its input on, and may fault.</summary>
    internal sealed record Check : Op
    {
        internal override bool CanFault => true;

        internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        internal override Node? Gradient(Node node, int input, Node dy) => dy;

        internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);

        internal override Kernel CreateKernel(KernelArguments arguments) => Copy.CreateKernel(arguments.Inputs[0], arguments.Output);
    }

    private sealed class MultiplyGateOfOne : CustomOp
    {
        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output) => inputs[0].CopyTo(output);

        public override void Backward(
            int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) => outputGradient.CopyTo(inputGradient);
    }
}
