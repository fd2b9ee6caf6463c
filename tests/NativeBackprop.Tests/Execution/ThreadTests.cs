using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// A plan on several threads: the same numbers every time, no thread left behind by a failure, and plans that do not know of one
/// another.
/// </summary>
[TestFixture]
public sealed class ThreadTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    public void Results_are_the_same_bits_run_after_run_and_plan_after_plan(int threads)
    {
        float[] first = Train(threads, 5), again = Train(threads, 5);
        Assert.That(again, Is.EqualTo(first));
        Assert.That(first, Is.EqualTo(Train(1, 5)).Within(1e-4));
    }

    [TestCase(2)]
    [TestCase(3)]
    public void A_plan_that_is_run_many_times_gives_the_same_bits_each_time(int threads)
    {
        var net = new Network(threads);
        net.Plan.Run();
        float[] before = net.Gradients();
        for (int run = 0; run < 200; run++)
        {
            net.Plan.Run();
            Assert.That(net.Gradients().AsSpan().SequenceEqual(before), Is.True, $"run {run}");
        }

        net.Plan.Dispose();
    }

    [TestCase(2)]
    [TestCase(4)]
    public void A_failure_in_a_worker_reaches_the_caller_and_the_plan_still_works(int threads)
    {
        int owner = Environment.CurrentManagedThreadId;
        bool fail = false;
        var graph = new Graph();
        Node x = graph.Input("x", [4000]),
            y = graph.Add(
                new Probe(() => Fail(fail && Environment.CurrentManagedThreadId != owner), 10_000_000), x.Exp()).Log(), z = y.Square();
        using Plan plan = graph.Compile([z], new PlanOptions { Threads = threads, ExactThreads = true });
        Assert.That(plan.Kernels.Single(kernel => kernel.Step.Operation is Probe).Threads, Is.EqualTo(threads));
        plan.Bind(x, new float[4000]).Run();
        for (int round = 0; round < 3; round++)
        {
            fail = true;
            Assert.That(plan.Run, Throws.InvalidOperationException.With.Message.EqualTo("spoilt"));
            fail = false;
            float[] values = [.. Enumerable.Repeat(1f + round, 4000)];
            plan.Bind(x, values).Run();
            Assert.That(plan[z].ToArray(), Is.All.EqualTo((1f + round) * (1 + round)).Within(1e-4));
        }
    }

    [TestCase(1)]
    [TestCase(2)]
    public void A_failure_in_the_callers_part_reaches_it_and_the_plan_still_works(int threads)
    {
        int owner = Environment.CurrentManagedThreadId;
        bool fail = true;
        var graph = new Graph();
        Node x = graph.Input("x", [4000]),
            y = graph.Add(new Probe(() => Fail(fail && Environment.CurrentManagedThreadId == owner), 10_000_000), x).Exp();
        using Plan plan = graph.Compile([y], new PlanOptions { Threads = threads, ExactThreads = true });
        plan.Bind(x, new float[4000]);
        Assert.That(plan.Run, Throws.InvalidOperationException.With.Message.EqualTo("spoilt"));
        fail = false;
        plan.Run();
        Assert.That(plan[y].ToArray(), Is.All.EqualTo(1f));
    }

    [Test]
    public void Faults_of_split_kernels_are_found_whichever_thread_comes_upon_them()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [200_000]), y = x.Log();
        using Plan plan = graph.Compile([y], new PlanOptions { Threads = 2, ExactThreads = true });
        Assert.That(plan.Kernels[0].Threads, Is.EqualTo(2));
        foreach (int at in (int[])[3, 199_990])
        {
            float[] values = [.. Enumerable.Repeat(1f, 200_000)];
            values[at] = -1;
            plan.Bind(x, values);
            Assert.That(plan.Run, Throws.TypeOf<GraphException>().With.Message.Contains($"got -1 at element {at}"));
            values[at] = 1;
            Assert.That(plan.Bind(x, values).Run, Throws.Nothing);
        }
    }

    [Test]
    public void Several_plans_on_several_threads_give_what_each_gives_alone()
    {
        float[][] alone = [.. Enumerable.Range(0, 4).Select(i => Train((i % 2) + 1, 5 + i))];
        var together = new float[4][];
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(i => new Thread(() => together[i] = Train((i % 2) + 1, 5 + i)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        for (int i = 0; i < 4; i++)
        {
            Assert.That(together[i], Is.EqualTo(alone[i]), $"plan {i}");
        }
    }

    [Test]
    public void Plans_that_only_read_a_parameter_may_run_at_once()
    {
        var weights = Parameter.Zeros("w", [64, 64]);
        for (int i = 0; i < 4096; i++)
        {
            weights.Span[i] = MathF.Sin(i);
        }

        float[] Evaluate(int seed)
        {
            var graph = new Graph();
            Node x = graph.Input("x", [8, 64]), y = x.MatMul(graph.Variable(weights)).Tanh();
            using Plan plan = graph.Compile([y], new PlanOptions { Threads = 1 });
            plan.Bind(x, [.. Enumerable.Range(0, 512).Select(i => MathF.Cos(i + seed))]);
            for (int run = 0; run < 50; run++)
            {
                plan.Run();
            }

            return plan[y].ToArray();
        }

        float[][] alone = [.. Enumerable.Range(0, 4).Select(Evaluate)], together = new float[4][];
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, seed => together[seed] = Evaluate(seed));
        Assert.That(together, Is.EqualTo(alone));
    }

    [Test]
    public void A_team_meets_as_often_as_it_is_asked_and_stops()
    {
        const int threads = 4, meetings = 500;
        int[] arrived = new int[meetings];
        int early = 0;
        using (var team = new ThreadTeam(threads))
        {
            for (int round = 0; round < 3; round++)
            {
                Array.Clear(arrived);
                team.Run(thread =>
                {
                    for (int i = 0; i < meetings; i++)
                    {
                        Interlocked.Increment(ref arrived[i]);
                        team.Meet(thread);
                        if (Volatile.Read(ref arrived[i]) != threads)
                        {
                            Interlocked.Increment(ref early);
                        }
                    }
                });
                Assert.That(arrived, Is.All.EqualTo(threads));
            }
        }

        Assert.That(early, Is.Zero, "a thread passed a meeting before all had come");
    }

    [Test]
    public void A_team_that_parks_is_woken_again()
    {
        var counts = new int[2];
        using var team = new ThreadTeam(2);
        for (int round = 0; round < 3; round++)
        {
            team.Run(thread => counts[thread]++);
            Thread.Sleep(30);
        }

        Assert.That(counts, Is.EqualTo(new[] { 3, 3 }));
    }

    private static void Fail(bool fail)
    {
        if (fail)
        {
            throw new InvalidOperationException("spoilt");
        }
    }

    private static float[] Train(int threads, int steps)
    {
        var net = new Network(threads);
        for (int step = 0; step < steps; step++)
        {
            net.Plan.Run();
        }

        float[] result = net.Gradients();
        net.Plan.Dispose();
        return result;
    }

    /// <summary>Three layers and an update, big enough to be split.</summary>
    private sealed class Network
    {
        private readonly Node[] _outputs;

        public Network(int threads)
        {
            var graph = new Graph();
            Node x = graph.Input("x", [Shape.Batch, 96]), labels = graph.Labels("labels", 10), rate = graph.Input("rate");
            Node w = Weight(graph, "w", 96, 80), b = Weight(graph, "b", 1, 80), v = Weight(graph, "v", 80, 10);
            Node z = (x.MatMul(w) + b).Apply(new Gelu()).MatMul(v);
            Node loss = graph.Add(new SoftmaxCrossEntropyPerExample(false), z, labels).Mean();
            Node[] d = graph.Gradient(loss, w, b, v);
            Node velocity = graph.Variable("velocity", [80, 10], new float[800]);
            _outputs = [loss, .. d, graph.Add(new MomentumUpdate(0.9f, 0, false), v, d[2], rate, velocity)];
            Plan = graph.Compile(_outputs, new PlanOptions { BatchSize = 64, Threads = threads, ExactThreads = true });
            Plan.Bind(x, [.. Enumerable.Range(0, 64 * 96).Select(i => MathF.Sin(i * 0.7f))]).Bind(rate, 0f);
            Plan.BindLabels(labels, (int[])[.. Enumerable.Range(0, 64).Select(i => i % 10)]);
        }

        public Plan Plan { get; }

        public float[] Gradients() => [.. _outputs.SelectMany(output => Plan[output].ToArray())];

        private static Node Weight(Graph graph, string name, int rows, int columns) =>
            graph.Variable(name, [rows, columns], [.. Enumerable.Range(0, rows * columns).Select(i => 0.2f * MathF.Cos(i * 1.3f))]);
    }
}

