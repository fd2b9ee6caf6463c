namespace NativeBackprop.Tests.Ops;

/// <summary>Errors relative to the norm of what is expected.</summary>
internal static class Norms
{
    public static double Norm(ReadOnlySpan<double> x)
    {
        double sum = 0;
        foreach (double value in x)
        {
            sum += value * value;
        }

        return Math.Sqrt(sum);
    }

    /// <summary>
    /// ‖actual − expected‖ / ‖expected‖; NaN counts as infinitely far, and a difference from nothing but zeros is not
    /// forgiven.
    /// </summary>
    public static double Error(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected)
    {
        if (actual.Length != expected.Length)
        {
            return double.PositiveInfinity;
        }

        var difference = new double[actual.Length];
        for (int i = 0; i < difference.Length; i++)
        {
            difference[i] = actual[i] - expected[i];
        }

        double error = Norm(difference), norm = Norm(expected);
        return double.IsNaN(error) || double.IsNaN(norm) ? double.PositiveInfinity : error == 0 ? 0 : error / norm;
    }

    public static double Error(ReadOnlySpan<float> actual, ReadOnlySpan<double> expected) => Error(Widen(actual), expected);

    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    public static double[] Widen(ReadOnlySpan<float> x)
    {
        var wide = new double[x.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = x[i];
        }

        return wide;
    }
}
