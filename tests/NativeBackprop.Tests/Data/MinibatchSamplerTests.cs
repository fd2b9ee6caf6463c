using NativeBackprop.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Data;

[TestFixture]
public sealed class MinibatchSamplerTests
{
    [Test]
    public void Without_shuffling_rows_come_in_order_and_the_last_batch_is_short()
    {
        var sampler = new MinibatchSampler(7, 3, shuffle: false, seed: 1);
        Assert.That(sampler.BatchesPerEpoch, Is.EqualTo(3));
        Assert.That(Batches(sampler, 4), Is.EqualTo(new[] { new[] { 0, 1, 2 }, [3, 4, 5], [6] }));
    }

    [TestCase(6, 3, 2)]
    [TestCase(7, 7, 1)]
    [TestCase(7, int.MaxValue, 1)]
    [TestCase(7, 1, 7)]
    [TestCase(1, 4, 1)]
    public void Every_row_comes_once_an_epoch(int count, int batchSize, int batches)
    {
        var sampler = new MinibatchSampler(count, batchSize, shuffle: true, seed: 2);
        int[][] epoch = Batches(sampler, 0);
        Assert.That(epoch, Has.Length.EqualTo(batches));
        Assert.That(epoch.SkipLast(1).Select(b => b.Length), Is.All.EqualTo(Math.Min(batchSize, count)));
        Assert.That(epoch.SelectMany(b => b), Is.EquivalentTo(Enumerable.Range(0, count)));
    }

    [Test]
    public void Shuffling_is_the_fixed_permutation_of_seed_and_epoch()
    {
        var sampler = new MinibatchSampler(7, 7, shuffle: true, seed: 5);
        int[] first = [6, 0, 3, 2, 4, 1, 5], second = [5, 2, 0, 3, 1, 4, 6];
        Assert.That(sampler.Batch(0, 0).ToArray(), Is.EqualTo(first));
        Assert.That(sampler.Batch(1, 0).ToArray(), Is.EqualTo(second));
        Assert.That(sampler.Batch(0, 0).ToArray(), Is.EqualTo(first), "going back gives the same order");
        Assert.That(new MinibatchSampler(7, 7, true, 5).Batch(1, 0).ToArray(), Is.EqualTo(second), "so does starting there");
        Assert.That(new MinibatchSampler(7, 7, true, 6).Batch(0, 0).ToArray(), Is.Not.EqualTo(first));
    }

    [Test]
    public void Batch_and_epoch_agree()
    {
        var sampler = new MinibatchSampler(10, 4, shuffle: true, seed: 3);
        int[][] epoch = Batches(sampler, 2);
        var other = new MinibatchSampler(10, 4, shuffle: true, seed: 3);
        Assert.That(other.Batch(2, 2).ToArray(), Is.EqualTo(epoch[2]));
        Assert.That(other.Batch(2, 0).ToArray(), Is.EqualTo(epoch[0]));
        Assert.That(() => other.Batch(2, 3), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => other.Batch(-1, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => other.Epoch(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Epochs_allocate_nothing()
    {
        var sampler = new MinibatchSampler(1000, 32, shuffle: true, seed: 3);
        long sum = Visit(sampler, 0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int epoch = 1; epoch <= 5; epoch++)
        {
            sum += Visit(sampler, epoch);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(sum, Is.EqualTo(6L * 999 * 1000 / 2));
    }

    [Test]
    public void Mistakes_are_one_line_that_names_them()
    {
        Assert.That(
            () => new MinibatchSampler(0, 1, true, 1),
            Throws.InstanceOf<DataException>().With.Message.EqualTo("minibatches: expected at least 1 row, found 0"));
        Assert.That(
            () => new MinibatchSampler(5, 0, true, 1),
            Throws.InstanceOf<OptionException>().With.Message.EqualTo("batch size: expected at least 1, found 0"));
    }

    private static long Visit(MinibatchSampler sampler, int epoch)
    {
        long sum = 0;
        foreach (ReadOnlySpan<int> rows in sampler.Epoch(epoch))
        {
            foreach (int row in rows)
            {
                sum += row;
            }
        }

        return sum;
    }

    private static int[][] Batches(MinibatchSampler sampler, int epoch)
    {
        var batches = new List<int[]>();
        foreach (ReadOnlySpan<int> rows in sampler.Epoch(epoch))
        {
            batches.Add(rows.ToArray());
        }

        return [.. batches];
    }

    [Test]
    public void A_sequence_without_a_current_batch_says_so()
    {
        MinibatchSampler.BatchSequence epoch = new MinibatchSampler(3, 2, shuffle: true, seed: 1).Epoch(0), none = default;
        Assert.That(() => Current(epoch), Throws.InvalidOperationException.With.Message.Contains("MoveNext"));
        Assert.That(() => Current(none), Throws.InvalidOperationException);
        Assert.That(none.MoveNext(), Is.False);
        Assert.That((epoch.MoveNext(), epoch.MoveNext(), epoch.MoveNext(), epoch.MoveNext()), Is.EqualTo((true, true, false, false)));
        Assert.That(() => Current(epoch), Throws.InvalidOperationException);

        static int Current(MinibatchSampler.BatchSequence sequence) => sequence.Current.Length;
    }

    [Test]
    public void Two_threads_never_see_a_row_twice_or_not_at_all()
    {
        var sampler = new MinibatchSampler(200, 200, shuffle: true, seed: 1);
        int wrong = 0, refused = 0;
        Task[] tasks = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            for (int epoch = 0; epoch < 2000; epoch++)
            {
                try
                {
                    sampler.Batch(epoch, 0);
                }
                catch (InvalidOperationException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        }))];
        Task.WaitAll(tasks);
        wrong += sampler.Batch(1, 0).ToArray().Order().SequenceEqual(Enumerable.Range(0, 200)) ? 0 : 1;
        Assert.That(wrong, Is.Zero);
        Assert.That(refused, Is.LessThan(4000));
    }
}
