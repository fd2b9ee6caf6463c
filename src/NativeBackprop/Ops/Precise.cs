namespace NativeBackprop.Ops;

/// <summary>Functions that .NET lacks, or computes with cancellation, in double precision, for references.</summary>
internal static class Precise
{
    /// <summary>φ(x) = exp(−x²/2)/√(2π).</summary>
    public static double NormalDensity(double x) => 0.3989422804014327 * Math.Exp(-0.5 * x * x);

    /// <summary>
    /// Φ(x) = 1 − Φ(−x): by the series φ(x)(x + x³/3 + x⁵/15 + …) near 0, and by Laplace's continued fraction in the tails.
    /// </summary>
    public static double NormalDistribution(double x)
    {
        if (double.IsNaN(x))
        {
            return x;
        }

        double a = Math.Abs(x);
        if (a < 5)
        {
            double term = x, sum = x;
            for (int k = 3; Math.Abs(term) > 1e-18 * Math.Abs(sum) && k < 400; k += 2)
            {
                term *= x * x / k;
                sum += term;
            }

            return 0.5 + (NormalDensity(x) * sum);
        }

        double fraction = 0;
        for (int k = 80; k >= 1; k--)
        {
            fraction = k / (a + fraction);
        }

        double tail = double.IsInfinity(a) ? 0 : NormalDensity(a) / (a + fraction);
        return x > 0 ? 1 - tail : tail;
    }

    /// <summary>1 / (1 + exp(−x)).</summary>
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>The hyperbolic tangent.</summary>
    public static double Tanh(double x) => Math.Tanh(x);

    /// <summary>exp(x) − 1 without cancellation near 0 (Kahan's correction of the rounded exponential).</summary>
    public static double ExpM1(double x)
    {
        double u = Math.Exp(x);
        return u == 1 ? x : u - 1 == -1 ? -1 : double.IsInfinity(u) ? u : (u - 1) * x / Math.Log(u);
    }

    /// <summary>log(1 + x) without cancellation near 0 (Kahan's correction of the rounded sum).</summary>
    public static double Log1P(double x)
    {
        double u = 1 + x;
        return u == 1 || double.IsInfinity(u) ? x : Math.Log(u) * x / (u - 1);
    }

    /// <summary>
    /// The decimal number that a float was written as, where seven decimals give the same float, else the float: the difference
    /// 1 − 0.999 of decays near 1 is wrong by 1.3e-5 otherwise. The native updates do the same.
    /// </summary>
    public static double AsWritten(float x)
    {
        double written = Math.Floor((x * 1e7) + 0.5) / 1e7;
        return (float)written == x ? written : x;
    }
}
