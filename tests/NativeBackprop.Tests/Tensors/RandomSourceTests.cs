using NUnit.Framework;

namespace NativeBackprop.Tests.Tensors;

/// <summary>
/// The streams are a contract: the figures here never change. The raw outputs are the published vectors of the two
/// algorithms; what is derived from them was computed by an independent program from the definitions in the docs.
/// </summary>
[TestFixture]
public sealed class RandomSourceTests
{
    [Test]
    public void Xoshiro_from_state_1_2_3_4_gives_the_published_outputs()
    {
        var random = new RandomSource(1, 2, 3, 4);
        Assert.That(Draw(random, 10), Is.EqualTo(new ulong[]
        {
            11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600,
            16172922978634559625, 8476171486693032832, 10595114339597558777, 2904607092377533576,
        }));
    }

    [Test]
    public void SplitMix_of_seed_1234567_gives_the_published_outputs()
    {
        ulong state = 1234567;
        ulong[] outputs = [.. Enumerable.Range(0, 5).Select(_ => RandomSource.Mix(state += 0x9E3779B97F4A7C15))];
        Assert.That(outputs, Is.EqualTo(new ulong[]
        {
            6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
        }));
    }

    [TestCase(0UL, 11091344671253066420UL, 13793997310169335082UL, 1900383378846508768UL)]
    [TestCase(42UL, 1546998764402558742UL, 6990951692964543102UL, 12544586762248559009UL)]
    public void NextUInt64_is_xoshiro_seeded_by_SplitMix(ulong seed, params ulong[] expected) =>
        Assert.That(Draw(new RandomSource(seed), expected.Length), Is.EqualTo(expected));

    [Test]
    public void Derived_numbers_of_seed_one_are_fixed()
    {
        var random = new RandomSource(1);
        Assert.That(Repeat(3, random.NextDouble), Is.EqualTo(new[] { 0.7029218331588505, 0.5204366199388569, 0.5741057000197225 }));

        random = new RandomSource(1);
        Assert.That(Repeat(3, random.NextSingle), Is.EqualTo(new[] { 11793071f / (1 << 24), 8731477f / (1 << 24), 9631895f / (1 << 24) }));

        random = new RandomSource(1);
        Assert.That(Repeat(12, () => random.NextInt(10)), Is.EqualTo(new[] { 7, 5, 5, 3, 6, 1, 0, 3, 8, 5, 9, 9 }));

        random = new RandomSource(1);
        Assert.That(Repeat(6, random.NextNormal), Is.EqualTo(new[]
        {
            0.11801966310721994, -0.4377533353828457, -2.019300628491448,
            -0.2194293702811304, 0.6677839740749018, 1.6747570169878803,
        }));

        int[] items = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        new RandomSource(1).Shuffle(items);
        Assert.That(items, Is.EqualTo(new[] { 3, 6, 1, 5, 0, 9, 2, 8, 4, 7 }));
    }

    [TestCase(0UL, 14521572776820312757UL)]
    [TestCase(7UL, 3771483228416587539UL)]
    public void A_split_stream_is_fixed_and_ignores_what_was_drawn(ulong stream, ulong first)
    {
        var random = new RandomSource(42);
        Assert.That(random.Split(stream).NextUInt64(), Is.EqualTo(first));
        Draw(random, 100);
        Assert.That(random.Split(stream).NextUInt64(), Is.EqualTo(first));
        Assert.That(new RandomSource(random.Split(stream).Seed).NextUInt64(), Is.EqualTo(first));
    }

    [Test]
    public void Split_streams_and_their_children_differ()
    {
        var random = new RandomSource(9);
        var seen = new HashSet<ulong>();
        for (ulong i = 0; i < 100; i++)
        {
            seen.Add(random.Split(i).NextUInt64());
            for (ulong j = 0; j < 100; j++)
            {
                seen.Add(random.Split(i).Split(j).NextUInt64());
            }
        }

        Assert.That(seen, Has.Count.EqualTo(100 + (100 * 100)));
    }

    [Test]
    public void NextInt_rejects_the_output_that_would_favour_a_result()
    {
        // From this state the first output is 0, which a bound that is no power of two must not use.
        var expected = Draw(new RandomSource(1, 0, 3, 4), 3);
        Assert.That(expected[0], Is.Zero);

        var power = new RandomSource(1, 0, 3, 4);
        power.NextInt(4);
        Assert.That(power.NextUInt64(), Is.EqualTo(expected[1]), "a power of two takes one output");

        var other = new RandomSource(1, 0, 3, 4);
        other.NextInt(3);
        Assert.That(other.NextUInt64(), Is.EqualTo(expected[2]), "another bound rejects the first output");
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void NextInt_needs_a_positive_bound(int bound) =>
        Assert.That(() => new RandomSource(1).NextInt(bound), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void NextInt_is_uniform()
    {
        const int draws = 70_000, bound = 7;
        var random = new RandomSource(3);
        int[] counts = new int[bound];
        for (int i = 0; i < draws; i++)
        {
            counts[random.NextInt(bound)]++;
        }

        const double expected = (double)draws / bound;
        double chiSquare = counts.Sum(c => (c - expected) * (c - expected) / expected);
        Assert.That(chiSquare, Is.LessThan(22.5), "the 0.1 % quantile with 6 degrees of freedom is 22.46");
    }

    [Test]
    public void Uniforms_stay_in_their_interval_and_average_one_half()
    {
        var random = new RandomSource(4);
        double[] doubles = Repeat(100_000, random.NextDouble);
        float[] singles = Repeat(100_000, random.NextSingle);
        Assert.That(doubles, Is.All.InRange(0.0, 1.0 - double.Epsilon).And.All.LessThan(1.0));
        Assert.That(singles, Is.All.InRange(0f, 1f).And.All.LessThan(1f));
        Assert.That(doubles.Average(), Is.EqualTo(0.5).Within(0.004));
        Assert.That(singles.Average(), Is.EqualTo(0.5).Within(0.004));
    }

    [Test]
    public void NextNormal_has_the_moments_and_tails_of_the_normal_distribution()
    {
        const int draws = 200_000;
        var random = new RandomSource(5);
        double[] z = Repeat(draws, random.NextNormal);
        Assert.That(z.Average(), Is.EqualTo(0).Within(0.01));
        Assert.That(z.Average(x => x * x), Is.EqualTo(1).Within(0.015));
        Assert.That(z.Average(x => x * x * x), Is.EqualTo(0).Within(0.04));
        Assert.That(z.Average(x => x * x * x * x), Is.EqualTo(3).Within(0.1));
        Assert.That(z.Count(x => Math.Abs(x) > 1) / (double)draws, Is.EqualTo(0.317311).Within(0.005));
        Assert.That(z.Count(x => Math.Abs(x) > 2) / (double)draws, Is.EqualTo(0.045500).Within(0.002));
        Assert.That(z.Count(x => Math.Abs(x) > 3) / (double)draws, Is.EqualTo(0.002700).Within(0.0005));
    }

    [Test]
    public void Shuffling_gives_every_permutation_about_equally_often()
    {
        const int draws = 24_000;
        var random = new RandomSource(6);
        var counts = new Dictionary<string, int>();
        for (int i = 0; i < draws; i++)
        {
            int[] items = [0, 1, 2, 3];
            random.Shuffle(items);
            string key = string.Join(',', items);
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        Assert.That(counts, Has.Count.EqualTo(24));
        Assert.That(
            counts.Values.Sum(c => (c - 1000.0) * (c - 1000.0) / 1000.0), Is.LessThan(49.8),
            "0.1 % quantile with 23 degrees of freedom: 49.73");
    }

    private static ulong[] Draw(RandomSource random, int count) => Repeat(count, random.NextUInt64);

    private static T[] Repeat<T>(int count, Func<T> draw)
    {
        var values = new T[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = draw();
        }

        return values;
    }
}
