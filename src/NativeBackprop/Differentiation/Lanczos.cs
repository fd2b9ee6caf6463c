namespace NativeBackprop;

/// <summary>What Lanczos's method found.</summary>
/// <param name="Eigenvalues">The largest eigenvalues, in descending order.</param>
/// <param name="Eigenvectors">Their eigenvectors, of length 1.</param>
/// <param name="Residuals">‖Av − λv‖ of each pair, as the method estimates it: an eigenvalue is no farther away.</param>
/// <param name="Iterations">Products with the matrix.</param>
/// <param name="IsConverged">True when every residual is below the tolerance times the largest magnitude seen.</param>
/// <remarks>Thread safety: any threads may use it at once, as long as nobody changes its arrays.</remarks>
public sealed record LanczosResult(double[] Eigenvalues, double[][] Eigenvectors, double[] Residuals, int Iterations, bool IsConverged);

/// <summary>
/// The leading eigenvalues of a symmetric matrix by Lanczos's method (1950), with full reorthogonalisation: the basis stays orthogonal
/// in floating-point arithmetic, at the price of keeping all of it.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, each with a matrix of its own.</remarks>
public static class Lanczos
{
    private const int StepsBetweenChecks = 8;

    /// <summary>Finds the algebraically largest eigenvalues and their eigenvectors.</summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="count">How many, from 1 to the matrix's size.</param>
    /// <param name="tolerance">The residual that is good enough, relative to the matrix's norm.</param>
    /// <param name="maxIterations">Most products with the matrix; the smaller of its size and 40 + 4·count when null.</param>
    /// <param name="seed">Of the random vector that it starts with.</param>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="DataException">A product is not finite.</exception>
    public static LanczosResult Leading(
        KrylovOperator matrix, int count = 1, double tolerance = 1e-6, int? maxIterations = null, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (count < 1 || count > matrix.Size)
        {
            throw new OptionException($"the number of eigenvalues must lie in 1..{matrix.Size}, got {count}");
        }

        if (!(tolerance > 0) || maxIterations < count)
        {
            throw new OptionException(
                $"Lanczos's method needs a tolerance above 0 and at least {count} iterations, got {tolerance} and {maxIterations}");
        }

        int limit = Math.Min(matrix.Size, maxIterations ?? 40 + (4 * count));
        var random = new RandomSource(seed);
        var basis = new List<double[]>();
        List<double> diagonal = [], offDiagonal = [];
        double[] next = Start(basis, matrix.Size, random);
        while (true)
        {
            double[] q = next;
            basis.Add(q);
            next = new double[matrix.Size];
            matrix.Multiply(q, next);
            double alpha = KrylovOperator.Dot(q, next);
            if (!double.IsFinite(alpha))
            {
                throw new DataException($"Lanczos's method: the product with the matrix is not finite at iteration {basis.Count}");
            }

            diagonal.Add(alpha);
            Orthogonalize(next, basis);
            double beta = Math.Sqrt(KrylovOperator.Dot(next, next)), scale = diagonal.Concat(offDiagonal).Max(Math.Abs);
            bool isInvariant = beta <= 1e-13 * scale || scale == 0;
            if (basis.Count == limit || (basis.Count >= count && (isInvariant || basis.Count % StepsBetweenChecks == 0)))
            {
                LanczosResult result = Result(basis, diagonal, offDiagonal, isInvariant ? 0 : beta, count, tolerance);
                if (basis.Count == limit || (result.IsConverged && !isInvariant))
                {
                    return result;
                }
            }

            // In an invariant subspace the method has seen all that its start could show; a new direction shows what is left.
            offDiagonal.Add(isInvariant ? 0 : beta);
            next = isInvariant ? Start(basis, matrix.Size, random) : [.. next.Select(value => value / beta)];
        }
    }

    private static LanczosResult Result(
        List<double[]> basis, List<double> diagonal, List<double> offDiagonal, double beta, int count, double tolerance)
    {
        (double[] values, double[][] vectors) = Eigen(diagonal, offDiagonal);
        int[] order = [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).Take(count)];
        double norm = values.Max(Math.Abs);
        double[] residuals = [.. order.Select(i => Math.Abs(beta * vectors[i][^1]))];
        return new LanczosResult(
            [.. order.Select(i => values[i])], [.. order.Select(i => Combine(basis, vectors[i]))], residuals, basis.Count,
            residuals.All(residual => residual <= tolerance * norm));
    }

    private static double[] Combine(List<double[]> basis, double[] weights)
    {
        var vector = new double[basis[0].Length];
        for (int i = 0; i < weights.Length; i++)
        {
            KrylovOperator.AddScaled(vector, weights[i], basis[i]);
        }

        return vector;
    }

    private static double[] Start(List<double[]> basis, int size, RandomSource random)
    {
        double[] vector = [.. Enumerable.Range(0, size).Select(_ => random.NextNormal())];
        Orthogonalize(vector, basis);
        double norm = Math.Sqrt(KrylovOperator.Dot(vector, vector));
        return [.. vector.Select(value => value / norm)];
    }

    // Twice is enough (Kahan's remark, in Parlett's The Symmetric Eigenvalue Problem).
    private static void Orthogonalize(double[] vector, List<double[]> basis)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (double[] q in basis)
            {
                KrylovOperator.AddScaled(vector, -KrylovOperator.Dot(q, vector), q);
            }
        }
    }

    // Jacobi's rotations on the small tridiagonal matrix: each makes one element off the diagonal zero. Vectors are rows.
    private static (double[] Values, double[][] Vectors) Eigen(List<double> diagonal, List<double> offDiagonal)
    {
        int n = diagonal.Count;
        var a = new double[n, n];
        var vectors = new double[n][];
        for (int i = 0; i < n; i++)
        {
            a[i, i] = diagonal[i];
            vectors[i] = new double[n];
            vectors[i][i] = 1;
            if (i + 1 < n)
            {
                a[i, i + 1] = a[i + 1, i] = offDiagonal[i];
            }
        }

        bool rotated = true;
        for (int sweep = 0; rotated && sweep < 60; sweep++)
        {
            rotated = false;
            for (int p = 0; p < n; p++)
            {
                for (int q = p + 1; q < n; q++)
                {
                    rotated |= Rotate(a, vectors, p, q);
                }
            }
        }

        return ([.. Enumerable.Range(0, n).Select(i => a[i, i])], vectors);
    }

    private static bool Rotate(double[,] a, double[][] vectors, int p, int q)
    {
        double off = a[p, q];
        if (Math.Abs(off) <= 1e-16 * (Math.Abs(a[p, p]) + Math.Abs(a[q, q])) || off == 0)
        {
            return false;
        }

        // The smaller angle with tan 2φ = 2·a_pq / (a_pp − a_qq).
        double angle = 0.5 * Math.Atan2(2 * off, a[p, p] - a[q, q]);
        angle -= angle > Math.PI / 4 ? Math.PI / 2 : angle < -Math.PI / 4 ? -Math.PI / 2 : 0;
        (double sin, double cos) = Math.SinCos(angle);
        for (int k = 0; k < vectors.Length; k++)
        {
            (a[k, p], a[k, q]) = ((cos * a[k, p]) + (sin * a[k, q]), (cos * a[k, q]) - (sin * a[k, p]));
        }

        for (int k = 0; k < vectors.Length; k++)
        {
            (a[p, k], a[q, k]) = ((cos * a[p, k]) + (sin * a[q, k]), (cos * a[q, k]) - (sin * a[p, k]));
            (vectors[p][k], vectors[q][k]) = ((cos * vectors[p][k]) + (sin * vectors[q][k]), (cos * vectors[q][k]) - (sin * vectors[p][k]));
        }

        (a[p, q], a[q, p]) = (0, 0);
        return true;
    }
}
