namespace NativeBackprop;

/// <summary>How a solve by conjugate gradients ended.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public enum ConjugateGradientStatus
{
    /// <summary>The residual is below the tolerance.</summary>
    Converged,

    /// <summary>The iterations ran out first; the result is the best so far.</summary>
    IterationLimit,

    /// <summary>A direction along which the matrix does not curve upward: it is not positive definite, and needs more damping.</summary>
    NegativeCurvature,
}

/// <summary>What a solve by conjugate gradients came to.</summary>
/// <param name="Solution">x.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Iterations">Products with the matrix.</param>
/// <param name="RelativeResidual">‖b − (A + damping·I)x‖ / ‖b‖, as the recurrence has it.</param>
/// <remarks>Thread safety: any threads may use it at once, as long as nobody changes its arrays.</remarks>
public sealed record ConjugateGradientResult(double[] Solution, ConjugateGradientStatus Status, int Iterations, double RelativeResidual);

/// <summary>
/// Solves (A + damping·I)x = b for a symmetric A by conjugate gradients (Hestenes and Stiefel 1952): x ≈ H⁻¹b without an inverse,
/// when A is a Hessian. Vectors are kept in double precision.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, each with a matrix of its own.</remarks>
public static class ConjugateGradient
{
    /// <summary>
    /// Solves the system. At negative curvature it stops with what it has, or with b itself when it has nothing yet: then both are
    /// directions of descent if b is one (truncated Newton; Nocedal and Wright, algorithm 7.1).
    /// </summary>
    /// <param name="matrix">A.</param>
    /// <param name="b">The right-hand side.</param>
    /// <param name="damping">What is added to A's diagonal, at least 0.</param>
    /// <param name="tolerance">The relative residual that is good enough, above 0.</param>
    /// <param name="maxIterations">Most products with A; twice the size when null.</param>
    /// <exception cref="ShapeException">b has another size than A.</exception>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="DataException">A product is not finite.</exception>
    public static ConjugateGradientResult Solve(
        KrylovOperator matrix, ReadOnlySpan<double> b, double damping = 0, double tolerance = 1e-6, int? maxIterations = null)
    {
        Check(matrix, b.Length, damping, tolerance, maxIterations);
        double[] x = new double[b.Length], r = b.ToArray(), p = b.ToArray(), product = new double[b.Length];
        double norm = Math.Sqrt(KrylovOperator.Dot(b, b)), squared = norm * norm;
        int limit = maxIterations ?? Math.Max(10, 2 * b.Length), iterations = 0;
        while (Math.Sqrt(squared) > tolerance * norm)
        {
            if (iterations == limit)
            {
                return Result(ConjugateGradientStatus.IterationLimit);
            }

            matrix.Multiply(p, product);
            iterations++;
            KrylovOperator.AddScaled(product, damping, p);
            double curvature = KrylovOperator.Dot(p, product);
            if (!double.IsFinite(curvature))
            {
                throw new DataException($"conjugate gradients: the product with the matrix is not finite at iteration {iterations}");
            }

            if (curvature <= 0)
            {
                if (iterations == 1)
                {
                    b.CopyTo(x);
                }

                return Result(ConjugateGradientStatus.NegativeCurvature);
            }

            double length = squared / curvature;
            KrylovOperator.AddScaled(x, length, p);
            KrylovOperator.AddScaled(r, -length, product);
            double next = KrylovOperator.Dot(r, r);
            for (int i = 0; i < p.Length; i++)
            {
                p[i] = r[i] + (next / squared * p[i]);
            }

            squared = next;
        }

        return Result(ConjugateGradientStatus.Converged);

        ConjugateGradientResult Result(ConjugateGradientStatus status) =>
            new(x, status, iterations, norm == 0 ? 0 : Math.Sqrt(squared) / norm);
    }

    private static void Check(KrylovOperator matrix, int length, double damping, double tolerance, int? maxIterations)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (length != matrix.Size)
        {
            throw new ShapeException($"the right-hand side must have {matrix.Size} elements, got {length}");
        }

        if (!(damping >= 0) || double.IsInfinity(damping))
        {
            throw new OptionException($"the damping must be a finite number of at least 0, got {damping}");
        }

        if (!(tolerance > 0))
        {
            throw new OptionException($"the tolerance must be above 0, got {tolerance}");
        }

        if (maxIterations < 1)
        {
            throw new OptionException($"the number of iterations must be at least 1, got {maxIterations}");
        }
    }
}
