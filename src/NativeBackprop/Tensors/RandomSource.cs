using System.Numerics;

namespace NativeBackprop;

/// <summary>
/// A seeded generator of random numbers whose streams are part of the contract: the same seed gives the same numbers in
/// every version of this library and on every platform.
/// </summary>
/// <remarks>
/// The generator is xoshiro256** (D. Blackman, S. Vigna, <i>Scrambled linear pseudorandom number generators</i>, ACM
/// Transactions on Mathematical Software 47, 2021); its four words of state are the first four outputs of SplitMix64
/// started at the seed, as its authors recommend. The state is those four words and nothing more: no method keeps a
/// value back for the next call.
/// <para>
/// Thread safety: for one thread at a time. Give each its own <see cref="Split"/>.
/// </para>
/// </remarks>
public sealed class RandomSource
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    private ulong _s0, _s1, _s2, _s3;

    /// <summary>A stream that is determined by <paramref name="seed"/> alone.</summary>
    public RandomSource(ulong seed) => Reset(seed);

    internal RandomSource(ulong s0, ulong s1, ulong s2, ulong s3) => (_s0, _s1, _s2, _s3) = (s0, s1, s2, s3);

    /// <summary>The seed that this stream began with.</summary>
    public ulong Seed { get; private set; }

    /// <summary>The next 64 random bits.</summary>
    public ulong NextUInt64()
    {
        ulong result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        ulong shifted = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= shifted;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A uniform number in [0, 1): a multiple of 2⁻⁵³, from the upper 53 bits of one output.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1L << 53));

    /// <summary>A uniform number in [0, 1): a multiple of 2⁻²⁴, from the upper 24 bits of one output.</summary>
    public float NextSingle() => (NextUInt64() >> 40) * (1f / (1 << 24));

    /// <summary>A uniform integer in [0, <paramref name="bound"/>), without bias.</summary>
    /// <remarks>
    /// The upper word of the 128-bit product of one output and the bound; the few outputs that would favour some
    /// results are rejected (D. Lemire, <i>Fast random integer generation in an interval</i>, 2019).
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is not positive.</exception>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        ulong range = (ulong)bound;
        ulong result = Math.BigMul(NextUInt64(), range, out ulong low);
        if (low < range)
        {
            ulong threshold = (0 - range) % range;
            while (low < threshold)
            {
                result = Math.BigMul(NextUInt64(), range, out low);
            }
        }

        return (int)result;
    }

    /// <summary>A number from the normal distribution with mean 0 and variance 1.</summary>
    /// <remarks>
    /// The ratio of two uniforms, with the quadratic bounds of J. Leva, <i>A fast normal random number generator</i>,
    /// ACM Transactions on Mathematical Software 18, 1992. Takes two outputs of the generator, and two more for each
    /// of the about 27 % of pairs that are rejected; keeps nothing for the next call. The result is one division; the
    /// logarithm, one of our own, only decides the rare pair between the two bounds: no platform's mathematics library shapes it.
    /// </remarks>
    public double NextNormal()
    {
        while (true)
        {
            double u = 1.0 - NextDouble();
            double v = 1.7156 * (NextDouble() - 0.5);
            double x = u - 0.449871;
            double y = Math.Abs(v) + 0.386595;
            double q = (x * x) + (y * ((0.19600 * y) - (0.25472 * x)));
            if (q < 0.27597 || (q <= 0.27846 && v * v <= -4.0 * u * u * PortableMath.Log(u)))
            {
                return v / u;
            }
        }
    }

    /// <summary>Puts <paramref name="items"/> in a uniformly random order (Fisher and Yates, from the last item down).</summary>
    public void Shuffle(Span<int> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>
    /// An independent stream, determined by this stream's <see cref="Seed"/> and <paramref name="stream"/>, and not by
    /// how many numbers were drawn so far. Different numbers give streams of different seeds, and may be split again.
    /// </summary>
    public RandomSource Split(ulong stream) => new(DeriveSeed(Seed, stream));

    /// <summary>
    /// The seed of sub-stream <paramref name="stream"/>: that output, counted from 0, of SplitMix64 started at
    /// the first output of SplitMix64 started at <paramref name="seed"/>.
    /// </summary>
    internal static ulong DeriveSeed(ulong seed, ulong stream) =>
        Mix(Mix(seed + GoldenGamma) + ((stream + 1) * GoldenGamma));

    /// <summary>Starts over with another seed, for a caller that needs a stream an epoch and no garbage.</summary>
    internal void Reset(ulong seed)
    {
        Seed = seed;
        _s0 = Mix(seed += GoldenGamma);
        _s1 = Mix(seed += GoldenGamma);
        _s2 = Mix(seed += GoldenGamma);
        _s3 = Mix(seed + GoldenGamma);
    }

    /// <summary>The finaliser of SplitMix64: its output for a state that was already advanced.</summary>
    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
