using System.Diagnostics;
using System.Runtime.CompilerServices;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>Disposing of plans and teams, at any time and from anywhere; and what happens to those that nobody disposes of.</summary>
[TestFixture, NonParallelizable]
public sealed class PlanLifetimeTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    [Test]
    public void After_its_disposal_everything_throws_and_tensors_keep_their_values()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = x.Square();
        Plan plan = graph.Compile([y]);
        plan.Bind(x, 3f).Run();
        Tensor before = plan[y];
        plan.Dispose();
        plan.Dispose();
        Assert.That(plan.Run, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(plan.RunFirst, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(plan.RunRest, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => plan.Bind(x, 1f), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => plan.Bind(x, new PinnedBuffer(1)), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => plan.BindLabels(x, [1]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => plan[y], Throws.TypeOf<ObjectDisposedException>());
        Assert.That(plan.Describe, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => plan.Threads, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => plan.Flops, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => plan.ArenaBytes, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(before.Item, Is.EqualTo(9));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Dispose_waits_for_a_run_in_another_thread(int threads)
    {
        using ManualResetEventSlim entered = new(), leave = new();
        var graph = new Graph();
        Node x = graph.Input("x", [400]), y = graph.Add(new Probe(() => { entered.Set(); leave.Wait(); }), x);
        Plan plan = graph.Compile([y], Exactly(threads));
        plan.Bind(x, new float[400]);
        Task run = Task.Run(plan.Run);
        Assert.That(entered.Wait(_patience));
        Task dispose = Task.Run(plan.Dispose);
        Assert.That(dispose.Wait(50), Is.False, "the run is not over");
        Assert.That(plan.Run, Throws.InstanceOf<InvalidOperationException>());
        leave.Set();
        Assert.That(Task.WaitAll([run, dispose], _patience));
        Assert.That(plan.Run, Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void Dispose_gets_its_turn_while_another_thread_runs_the_plan_over_and_over()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [4000]), y = x.Exp();
        Plan plan = graph.Compile([y], Exactly(2));
        plan.Bind(x, new float[4000]).Run();
        Task loop = Task.Run(() =>
        {
            while (true)
            {
                plan.Run();
            }
        });
        Task dispose = Task.Run(plan.Dispose);
        Assert.That(dispose.Wait(_patience));
        Assert.That(() => loop.Wait(_patience),
            Throws.InstanceOf<AggregateException>().With.InnerException.TypeOf<ObjectDisposedException>());
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void A_plan_cannot_be_disposed_of_from_inside_its_own_run(int threads)
    {
        Plan? plan = null;
        Exception?[] refusals = new Exception?[threads];
        int count = 0;
        var graph = new Graph();
        Node x = graph.Input("x", [400]);
        Node y = graph.Add(new Probe(() => refusals[Interlocked.Increment(ref count) - 1] = Caught(plan!.Dispose)), x);
        plan = graph.Compile([y], Exactly(threads));
        plan.Bind(x, new float[400]);
        Assert.That(Task.Run(plan.Run).Wait(_patience));
        Assert.That(refusals, Is.All.TypeOf<InvalidOperationException>().With.Message.Contains("from inside its own run"));
        plan.Dispose();
    }

    [Test]
    public void A_plan_cannot_be_disposed_of_from_inside_a_plan_that_its_run_runs()
    {
        Plan? outer = null;
        Exception? refusal = null;
        var graph = new Graph();
        Node x = graph.Input("x", [400]), a = graph.Add(new Probe(() => refusal = Caught(outer!.Dispose)), x);
        using Plan inner = graph.Compile([a], Exactly(2));
        Node b = graph.Add(new Probe(inner.Run), x);
        outer = graph.Compile([b], Exactly(1));
        inner.Bind(x, new float[400]);
        outer.Bind(x, new float[400]);
        Assert.That(Task.Run(outer.Run).Wait(_patience));
        Assert.That(refusal, Is.TypeOf<InvalidOperationException>());
        outer.Dispose();
    }

    [Test]
    public void Plans_that_are_dropped_are_collected_with_their_threads()
    {
        Collect();
        int threads = ThreadCount();
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        WeakReference[] dropped = [.. Enumerable.Range(0, 200).Select(_ => MakeAndDrop())];
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < _patience && (Array.Exists(dropped, plan => plan.IsAlive) || ThreadCount() > threads + 20))
        {
            Collect();
        }

        Assert.That(dropped.Count(plan => plan.IsAlive), Is.Zero, "plans that are still there");
        Assert.That(ThreadCount(), Is.LessThanOrEqualTo(threads + 20));
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - memory, Is.LessThan(20_000_000), "each plan had 4 MB of its own");
    }

    [Test]
    public void A_team_runs_one_plan_at_a_time()
    {
        using ManualResetEventSlim entered = new(), leave = new();
        using var team = new ThreadTeam(2);
        var graph = new Graph();
        Node x = graph.Input("x", [400]), y = graph.Add(new Probe(() => { entered.Set(); leave.Wait(); }), x), z = x.Exp();
        PlanOptions options = Exactly(2) with { Team = team };
        using Plan first = graph.Compile([y], options), second = graph.Compile([z], options);
        first.Bind(x, new float[400]);
        second.Bind(x, new float[400]);
        Task run = Task.Run(first.Run);
        Assert.That(entered.Wait(_patience));
        Assert.That(second.Run, Throws.InvalidOperationException.With.Message.StartsWith("the thread team is in use"));
        leave.Set();
        Assert.That(run.Wait(_patience));
        second.Run();
        Assert.That(second[z].ToArray(), Is.All.EqualTo(1f));
    }

    [Test]
    public void A_team_that_does_not_fit_or_is_disposed_of_is_refused()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [400]), y = x.Exp();
        var team = new ThreadTeam(2);
        Assert.That(() => graph.Compile([y], Exactly(3) with { Team = team }),
            Throws.TypeOf<OptionException>().With.Message.Contains("team of 2"));
        using Plan plan = graph.Compile([y], Exactly(2) with { Team = team });
        plan.Bind(x, new float[400]).Run();
        team.Dispose();
        team.Dispose();
        Assert.That(plan.Run, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => team.Run(_ => { }), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => graph.Compile([y], Exactly(2) with { Team = team }), Throws.TypeOf<ObjectDisposedException>());
    }

    private static PlanOptions Exactly(int threads) => new() { Threads = threads, ExactThreads = true };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference MakeAndDrop()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [1_000_000]), y = x.Exp();
        Plan plan = graph.Compile([y], Exactly(2));
        plan.Bind(x, new float[1_000_000]).Run();
        return new WeakReference(plan);
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Thread.Sleep(20);
    }

    private static int ThreadCount()
    {
        using var process = Process.GetCurrentProcess();
        return process.Threads.Count;
    }

    private static Exception? Caught(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }
}
