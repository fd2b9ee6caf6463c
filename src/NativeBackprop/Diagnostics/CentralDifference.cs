namespace NativeBackprop.Diagnostics;

/// <summary>The derivative of a function of one number by central differences in double precision, with an eye for kinks.</summary>
internal static class CentralDifference
{
    // The cube root of 2⁻⁵²: the step at which truncation, O(h²), and rounding, O(ε/h), are about as large.
    private const double Step = 6.055454e-6;

    // Each finer step is this much smaller. Two of them leave enough digits to tell a kink from curvature.
    private const double Refinement = 8;
    private const int Refinements = 2;

    /// <summary>The derivative at <paramref name="x"/>.</summary>
    /// <param name="function">The function.</param>
    /// <param name="x">Where.</param>
    /// <param name="value">The function's value there.</param>
    /// <param name="expected">What the derivative should be: when the first difference is close to it, it is taken.</param>
    /// <param name="tolerance">How close.</param>
    /// <returns>
    /// The difference, and whether the function has a kink at x. The difference between the one-sided slopes is the step times the
    /// curvature
    /// where the function is smooth, and shrinks with the step; across a kink it stays. Whether it stays does not depend on what is
    /// expected.
    /// </returns>
    public static (double Derivative, bool IsKink) At(
        Func<double, double> function, double x, double value, double expected, double tolerance)
    {
        double h = Step * Math.Max(1, Math.Abs(x)), firstJump = 0;
        for (int refinement = 0; ; refinement++, h /= Refinement)
        {
            // The steps as they are after rounding, not as they were meant.
            double above = x + h, below = x - h;
            double up = function(above), down = function(below);
            double derivative = (up - down) / (above - below);
            double jump = Math.Abs(((up - value) / (above - x)) - ((value - down) / (x - below)));
            if (refinement == 0)
            {
                firstJump = jump;
                if (Math.Abs(derivative - expected) <= tolerance)
                {
                    return (derivative, false);
                }
            }

            if (refinement == Refinements)
            {
                double noise = 100 * 2.2e-16 * Math.Max(Math.Abs(value), Math.Abs(up)) / h;
                return (derivative, jump > firstJump / 4 && jump > noise);
            }
        }
    }
}
