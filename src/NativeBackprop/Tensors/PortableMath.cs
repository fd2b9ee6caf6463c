using System.Diagnostics;

namespace NativeBackprop;

/// <summary>
/// The elementary functions that stand on the way to a weight, from the operations that IEEE 754 defines to the last bit: those of
/// <see cref="Math"/> are the C library's, and differ from one system to the next.
/// </summary>
internal static class PortableMath
{
    private const double SquareRootOfHalf = 0.70710678118654752440;

    // log 2 in two parts, of which the first has 32 bits: a multiple of it is exact.
    private const double Ln2High = 0xB17217F7 * (1.0 / (1L << 32)), Ln2Low = 1.9082149292705877e-10;

    /// <summary>The natural logarithm of a positive, finite number, within 2 units of the last place.</summary>
    public static double Log(double x)
    {
        Debug.Assert(x > 0 && double.IsFinite(x), "the logarithm of a positive, finite number");
        int n = Math.ILogB(x);
        double m = Math.ScaleB(x, -n);
        if (m > 2 * SquareRootOfHalf)
        {
            (m, n) = (m / 2, n + 1);
        }

        // log m = 2 (s + s³/3 + s⁵/5 + …), |s| < 0.172
        double f = m - 1, s = f / (2 + f), square = s * s, series = 0;
        for (int k = 23; k > 1; k -= 2)
        {
            series = (series * square) + (1.0 / k);
        }

        return (n * Ln2High) + (f - ((s * (f - (2 * square * series))) - (n * Ln2Low)));
    }

    /// <summary>cos πx for x in [0, 1], within 2 units of the last place; exactly 0 for ½.</summary>
    public static double CosPi(double x)
    {
        Debug.Assert(x is >= 0 and <= 1, "a half turn");
        return x > 0.5 ? -CosPi(1 - x) : x <= 0.25 ? Series(Math.PI * x, 0) : Series(Math.PI * (0.5 - x), 1);

        // 1 − y²/2! + y⁴/4! − … or y − y³/3! + …, y at most π/4
        static double Series(double y, int first)
        {
            double square = y * y, sum = 0;
            for (int k = 20 + first; k > first; k -= 2)
            {
                sum = (1 + sum) * (-square / (k * (k - 1)));
            }

            return first == 0 ? 1 + sum : y + (y * sum);
        }
    }

    /// <summary>xⁿ for x in [0, 1] and n ≥ 0, rounded almost always correctly.</summary>
    public static double Power(double x, long n)
    {
        Debug.Assert(x is >= 0 and <= 1 && n >= 0, "a fraction and no negative exponent");
        (double High, double Low) power = (1, 0), square = (x, 0);
        for (; n > 0; n >>= 1)
        {
            if ((n & 1) != 0)
            {
                power = Product(power, square);
            }

            square = Product(square, square);
        }

        return power.High + power.Low;

        // In twice the precision: squaring doubles the error.
        static (double High, double Low) Product((double High, double Low) a, (double High, double Low) b)
        {
            double high = a.High * b.High, low = Math.FusedMultiplyAdd(a.High, b.High, -high) + ((a.High * b.Low) + (a.Low * b.High));
            double sum = high + low;
            return (sum, low - (sum - high));
        }
    }
}
