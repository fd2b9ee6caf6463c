using NUnit.Framework;

namespace NativeBackprop.Tests.Tensors;

/// <summary>Our own elementary functions against the C library's, which are right to about a unit of the last place.</summary>
[TestFixture]
internal sealed class PortableMathTests
{
    private const double Unit = 1.0 / (1L << 52);

    [Test]
    public void Logarithms_are_those_of_the_C_library_to_two_units()
    {
        var random = new RandomSource(1);
        for (int i = 0; i < 100_000; i++)
        {
            double x = i < 50_000 ? 1 - random.NextDouble() : Math.ScaleB(1 + random.NextDouble(), random.NextInt(2096) - 1073);
            double expected = Math.Log(x);
            Assert.That(PortableMath.Log(x), Is.EqualTo(expected).Within(2 * Unit * Math.Abs(expected)), $"{x:R}");
        }

        Assert.That(PortableMath.Log(1), Is.Zero);
    }

    [Test]
    public void Cosines_of_half_turns_are_those_of_the_C_library_to_two_units()
    {
        var random = new RandomSource(2);
        for (int i = 0; i < 100_000; i++)
        {
            double x = random.NextDouble(), expected = double.CosPi(x);
            Assert.That(PortableMath.CosPi(x), Is.EqualTo(expected).Within(2 * Unit * Math.Abs(expected)), $"{x:R}");
        }

        Assert.That((double[])[PortableMath.CosPi(0), PortableMath.CosPi(0.5), PortableMath.CosPi(1)], Is.EqualTo((double[])[1, 0, -1]));
    }

    [Test]
    public void Powers_are_those_of_the_C_library_to_a_unit()
    {
        var random = new RandomSource(3);
        for (int i = 0; i < 100_000; i++)
        {
            double x = i % 2 == 0 ? random.NextDouble() : 1 - (random.NextDouble() / 1000);
            long n = random.NextInt(i % 3 == 0 ? 20 : 100_000);
            double expected = Math.Pow(x, n);
            Assert.That(PortableMath.Power(x, n), Is.EqualTo(expected).Within((Unit * expected) + double.Epsilon), $"{x:R}, {n}");
        }

        Assert.That((double[])[PortableMath.Power(0, 0), PortableMath.Power(0, 3), PortableMath.Power(1, long.MaxValue)],
            Is.EqualTo((double[])[1, 0, 1]));
    }

    // These bits are the contract: they are the same on every platform and in every version.
    [Test]
    public void Values_are_fixed() => Assert.That(
        (double[])[PortableMath.Log(0.1), PortableMath.Log(1e300), PortableMath.CosPi(0.1), PortableMath.CosPi(0.4),
            PortableMath.CosPi(0.9), PortableMath.Power(0.999, 12345), PortableMath.Power(0.9, 7)],
        Is.EqualTo((double[])
            [
                -2.3025850929940455, 690.7755278982137, 0.9510565162951535, 0.30901699437494734, -0.9510565162951536,
                4.324661796025634e-06, 0.4782969000000001,
            ]));
}
