using NUnit.Framework;

namespace NativeBackprop.Tests.Tensors;

[TestFixture]
public sealed class FiniteCheckTests
{
    [Test]
    public void The_first_value_that_is_not_finite_is_found_wherever_it_stands()
    {
        foreach (int length in (ReadOnlySpan<int>)[1, 3, 8, 15, 31, 32, 33, 63, 64, 65, 127, 200, 2_047, 2_048, 2_049, 5_003])
        {
            float[] values = [.. Enumerable.Range(0, length).Select(i => i % 3 == 0 ? float.MaxValue : -float.Epsilon * i)];
            Assert.That(FiniteCheck.IndexOfNonFinite(values), Is.EqualTo(-1), $"{length} finite values");
            for (int at = length - 1; at >= 0; at -= 1 + (length / 150))
            {
                // Those behind it stay: it is the first that counts.
                values[at] = (at % 3) switch { 0 => float.NaN, 1 => float.PositiveInfinity, _ => float.NegativeInfinity };
                Assert.That(FiniteCheck.IndexOfNonFinite(values), Is.EqualTo(at), $"of {length} values");
            }
        }

        Assert.That(FiniteCheck.IndexOfNonFinite([]), Is.EqualTo(-1));
    }
}
