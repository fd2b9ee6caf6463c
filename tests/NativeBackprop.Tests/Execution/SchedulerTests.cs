using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>Threads meet wherever one reads what another writes, at the boundary of two halves as well.</summary>
[TestFixture]
public sealed class SchedulerTests
{
    [TestCase(2)]
    [TestCase(3)]
    public void A_run_through_both_halves_meets_before_it_reads_what_the_first_half_writes(int threads)
    {
        const int Length = 4096, Rounds = 40;
        int owner = Environment.CurrentManagedThreadId;
        var graph = new Graph();
        Node x = graph.Input("x", [Length]);

        // The workers are late with their part of the first half; the second half reads all of it.
        Node late = graph.Add(new Probe(() => Thread.Sleep(Environment.CurrentManagedThreadId == owner ? 0 : 2), 1000), x);
        Node reversed = late.Reshape([2, Length / 2]).Transpose(1, 0).Tanh(), sum = reversed.Sum();
        using Plan plan = graph.Compile([late, reversed, sum], new PlanOptions { First = [late], Threads = threads, ExactThreads = true });
        for (int round = 1; round <= Rounds; round++)
        {
            float[] values = [.. Enumerable.Range(0, Length).Select(i => MathF.Sin(i * round))];
            plan.Bind(x, values);
            if (round % 2 == 0)
            {
                plan.Run();
            }
            else
            {
                plan.RunFirst();
                plan.RunRest();
            }

            float[] expected = [.. Enumerable.Range(0, Length).Select(i => MathF.Tanh(values[(i % 2 * (Length / 2)) + (i / 2)]))];
            Assert.That(plan[reversed].ToArray(), Is.EqualTo(expected).Within(1e-5), $"round {round}");
        }
    }

    [Test]
    public void Threads_meet_before_a_step_that_touches_the_memory_of_an_earlier_one_and_before_no_other()
    {
        var graph = new Graph();
        Node w = graph.Variable("w", [4, 2], new float[8]), x = graph.Input("x", [2]);
        var root = new PlanValue(w, [4, 2], Storage.Variable);
        PlanValue top = new(w, [2, 2], Storage.Variable, root, 0), bottom = new(w, [2, 2], Storage.Variable, root, 4);
        PlanStep Reads(PlanValue value, long at) => new(new Copy(), [value], [Computed([4], at)], 0);
        PlanValue Computed(Shape shape, long at) => new(x, shape, Storage.Computed) { Offset = at };
        PlanStep Writes(PlanValue value) => new(new Commit(), [Computed(value.Shape, 512), value], [value], 0);
        PlanStep workspace = Reads(top, 256);
        (workspace.WorkspaceLength, workspace.WorkspaceOffset) = (64, 0);

        bool[] meets = Meets([Reads(top, 0), Writes(bottom), Reads(top, 128), Writes(top), Reads(bottom, 0), workspace]);
        Assert.That(meets, Is.EqualTo(new[] { false, false, false, true, false, true }));
        Assert.That(Meets([Reads(top, 64), Reads(bottom, 64)]), Is.EqualTo(new[] { false, true }), "two results in one place of the arena");
        Assert.That(Meets([Reads(top, 0), workspace]), Is.EqualTo(new[] { false, true }), "a workspace where a result is");
    }

    private static bool[] Meets(PlanStep[] steps)
    {
        var scheduler = new Scheduler(new PlanProgram { Steps = [.. steps], CommitStep = steps.Length }, 2, splitsAll: true);
        return [.. steps.Select((_, i) => scheduler.Add(i, new Splittable()).Meets)];
    }

    private sealed class Splittable : Kernel
    {
        public Splittable() => Units = 64;

        public override string Call => "splittable";

        public override void Run(int begin, int end, int thread)
        {
        }
    }
}
