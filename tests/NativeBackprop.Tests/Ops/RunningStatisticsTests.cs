using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>What a batch norm keeps from batch to batch.</summary>
[TestFixture]
internal sealed class RunningStatisticsTests
{
    [Test]
    public void Running_statistics_follow_the_batches_as_the_reference_does()
    {
        const int rows = 5, channels = 19;
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, channels]), s = graph.Add(new BatchStatistics(), x);
        Parameter[] kept = [Parameter.Zeros("mean", [channels]), new Parameter("variance", [channels]), Parameter.Counts("count", [])];
        kept[1].Set([.. Enumerable.Repeat(1f, channels)]);
        Node[] variables = [.. kept.Select(graph.Variable)];
        Node variance = graph.Add(new UnbiasedVariance(), Channels.Row(s, 1), x);
        Node update = graph.Add(new RunningStatistics(0.1f), [.. variables, s, variance]);
        var reference = new ReferenceEvaluator(graph, rows);
        _ = variables.Select(reference.Leaf).ToArray();
        using Plan plan = graph.Compile([update], new PlanOptions { BatchSize = rows });
        var random = new RandomSource(5);
        var values = new float[rows * channels];
        for (int step = 0; step < 7; step++)
        {
            Domains.Normal(values, random);
            reference.Set(x, values).Run(update);
            plan.Bind(x, values).Run();
        }

        Assert.That(kept[2].Value[0], Is.EqualTo(7));
        for (int i = 0; i < kept.Length; i++)
        {
            Assert.That(Norms.Error(kept[i].Value, reference.Leaf(variables[i])), Is.LessThan(1e-6), kept[i].Name);
        }

        // 1 − 0.9^7 of the way from 1 to the variance of one column.
        Assert.That(kept[1].Value[0], Is.Not.EqualTo(1).And.GreaterThan(0.4));
    }

    [Test]
    public void Count_of_batches_stays_where_it_is_full()
    {
        var graph = new Graph();
        Parameter mean = Parameter.Zeros("mean", [1]), variance = Parameter.Zeros("variance", [1]), count = Parameter.Counts("count", []);
        count.Set([(1 << 24) - 1]);
        Node update = graph.Add(new RunningStatistics(0.5f), graph.Variable(mean), graph.Variable(variance), graph.Variable(count),
            graph.Constant([2, 1], 4, 8), graph.Constant([1], 16));
        using Plan plan = graph.Compile([update]);
        plan.Run();
        plan.Run();
        Assert.That((mean.Value[0], variance.Value[0], count.Value[0]), Is.EqualTo((3f, 12f, (float)(1 << 24))));
    }

    [TestCase(-0.1f)]
    [TestCase(1.1f)]
    [TestCase(float.NaN)]
    public void Momentum_outside_0_to_1_is_refused(float momentum) => Assert.That(() => new RunningStatistics(momentum),
        Throws.TypeOf<OptionException>().With.Message.EqualTo($"a batch norm's momentum must lie in [0, 1], got {momentum}"));

    [Test]
    public void Statistics_of_one_row_are_refused_when_the_plan_is_made()
    {
        var graph = new Graph();
        Node s = graph.Add(new BatchStatistics(), graph.Input("x", [Shape.Batch, 3]));
        Assert.That(() => graph.Compile([s], new PlanOptions { BatchSize = 1 }),
            Throws.TypeOf<ShapeException>().With.Message.Contains("more than one value a channel, got [1, 3]"));
        Assert.That(() => graph.Compile([s], new PlanOptions { BatchSize = 2 }).Dispose(), Throws.Nothing);
    }

    // Far from 0 the squares of the values would say nothing of the variance: 1e8 ± 1e4, in steps of 8.
    [Test]
    public void Variance_is_exact_however_far_the_mean_lies_from_zero([Values(1, 2, 3)] int threads)
    {
        const int rows = 3000, channels = 70;
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, channels]), s = graph.Add(new BatchStatistics(), x);
        var random = new RandomSource(3);
        float[] values = [.. Enumerable.Range(0, rows * channels).Select(_ => (float)(1e4 + random.NextNormal()))];
        using Plan plan = graph.Compile([s], new PlanOptions { BatchSize = rows, Threads = threads, ExactThreads = true });
        plan.Bind(x, values).Run();
        double[] exact = new ReferenceEvaluator(graph, rows).Set(x, values).Run(s)[s];
        for (int c = 0; c < channels; c++)
        {
            Assert.That(plan[s].Span[c], Is.EqualTo(exact[c]).Within(1e4 * Math.Pow(2, -24)), $"mean {c}");
            Assert.That(plan[s].Span[channels + c], Is.EqualTo(exact[channels + c]).Within(1e-6), $"variance {c}");
        }
    }
}
