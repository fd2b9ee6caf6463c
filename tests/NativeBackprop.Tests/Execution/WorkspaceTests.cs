using System.Collections.Concurrent;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>Scratch memory that a kernel asks for when it is made, and the plan reserves.</summary>
[TestFixture]
internal sealed unsafe class WorkspaceTests
{
    private const int Rows = 48, Columns = 100;

    [Test]
    public void Each_thread_has_an_aligned_part_of_its_own([Values(1, 2, 3)] int threads)
    {
        var seen = new ConcurrentDictionary<int, nint>();
        (Plan plan, Node y, float[] expected) = Compile(threads, seen);
        using Plan disposed = plan;
        for (int run = 0; run < 20; run++)
        {
            plan.Run();
            Assert.That(plan[y].ToArray(), Is.EqualTo(expected), $"run {run}");
        }

        // The addresses of the threads' parts, in order, and the common part before them.
        Assert.That(seen, Has.Count.EqualTo(threads + 1));
        long[] parts = [.. seen.OrderBy(pair => pair.Key).Select(pair => (long)pair.Value)];
        Assert.That(parts.Select(part => part % 64), Is.All.EqualTo(0L));
        Assert.That(parts[1] - parts[0], Is.GreaterThanOrEqualTo(Reversal.SharedBytes));
        for (int t = 2; t < parts.Length; t++)
        {
            Assert.That(parts[t] - parts[t - 1], Is.GreaterThanOrEqualTo(Columns * sizeof(float)));
        }
    }

    [Test]
    public void It_overlaps_values_that_are_dead()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Rows, Columns]), before = x.Exp().Square().Sum(), y = graph.Add(new Reversal(null), x) + before;
        using Plan plan = graph.Compile([y], new PlanOptions { Threads = 2, ExactThreads = true });
        PlanStep step = plan.Kernels.Single(kernel => kernel.Step.Operation is Reversal).Step;
        Assert.That(step.WorkspaceLength, Is.EqualTo((2 * Arena.Align(Columns)) + Arena.Align(Reversal.SharedBytes / sizeof(float))));
        long arena = plan.ArenaBytes / sizeof(float);
        Assert.That(arena, Is.LessThan((3 * Arena.Align(Rows * Columns)) + 200), "x, the result, and one value that is dead by then");

        // What the workspace was laid over must not be lost, nor spoil it: the threads meet between the two.
        float[] values = [.. Enumerable.Range(0, Rows * Columns).Select(i => 0.001f * i)];
        plan.Bind(x, values);
        float sum = 0;
        for (int run = 0; run < 200; run++)
        {
            plan.Run();
            float[] result = plan[y].ToArray();
            sum = run == 0 ? result[0] - values[Columns - 1] : sum;
            Assert.That(result[^1], Is.EqualTo(values[(Rows - 1) * Columns] + sum).Within(1e-6 * sum), $"run {run}");
        }
    }

    [Test]
    public void A_step_that_is_run_when_the_plan_is_made_has_one_too()
    {
        var graph = new Graph();
        Node y = graph.Add(new Reversal(null), graph.Constant([2, 3], 1, 2, 3, 4, 5, 6));
        using Plan plan = graph.Compile([y]);
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 3, 2, 1, 6, 5, 4 }));
    }

    private static (Plan Plan, Node Y, float[] Expected) Compile(int threads, ConcurrentDictionary<int, nint> seen)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Rows, Columns]), y = graph.Add(new Reversal(seen), graph.Add(new Reversal(null), x.Square()).Square());
        Plan plan = graph.Compile([y], new PlanOptions { Threads = threads, ExactThreads = true });
        float[] values = [.. Enumerable.Range(0, Rows * Columns).Select(i => 0.01f * i)];
        return (plan.Bind(x, values), y, [.. values.Select(value => value * value * (value * value))]);
    }

    /// <summary>Turns each row round, by way of the thread's own memory.</summary>
    private sealed record Reversal(ConcurrentDictionary<int, nint>? Seen) : Op
    {
        public const int SharedBytes = 192;

        internal override bool CanOverwrite(int input, int output) => true;

        internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        internal override Node? Gradient(Node node, int input, Node dy) => node.Graph.Add(this, dy);

        internal override Kernel CreateKernel(KernelArguments arguments) => new ReversalKernel(this, arguments.Inputs[0], arguments.Output);

        internal override void Evaluate(ReferenceArguments arguments)
        {
            int columns = arguments.OutputShape[-1];
            for (int i = 0; i < arguments.Output.Length; i++)
            {
                arguments.Output[i] = arguments.Inputs[0][i - (i % columns) + columns - 1 - (i % columns)];
            }
        }
    }

    private sealed class ReversalKernel : Kernel
    {
        private readonly ConcurrentDictionary<int, nint>? _seen;
        private readonly Operand _x, _y;
        private readonly int _columns;

        public ReversalKernel(Reversal operation, Operand x, Operand y)
        {
            (_seen, _x, _y, _columns) = (operation.Seen, x, y, x.Shape[-1]);
            (Units, Flops) = (x.Shape[0], 10_000_000);
            (WorkspacePerThread, WorkspaceShared) = (sizeof(float) * _columns, Reversal.SharedBytes);
        }

        public override string Call => "reversal";

        public override void Run(int begin, int end, int thread)
        {
            _ = _seen?.TryAdd(-1, (nint)SharedWorkspace);
            _ = _seen?.TryAdd(thread, (nint)WorkspaceOf(thread));
            var own = new Span<float>(WorkspaceOf(thread), _columns);
            for (int row = begin; row < end; row++)
            {
                _x.Span.Slice(row * _columns, _columns).CopyTo(own);
                Thread.SpinWait(50);
                own.Reverse();
                own.CopyTo(_y.Span.Slice(row * _columns, _columns));
            }
        }
    }
}
