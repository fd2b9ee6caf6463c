using NUnit.Framework;

namespace NativeBackprop.Tests.Differentiation;

public class KrylovTests
{
    [TestCase(1)]
    [TestCase(12)]
    [TestCase(60)]
    public void Conjugate_gradients_solve_a_system(int size)
    {
        var matrix = new Dense(Symmetric([.. Enumerable.Range(1, size).Select(i => (double)i)], 3));
        double[] x = [.. GraphHarness.Random(size, 1).Select(value => (double)value)], b = new double[size];
        matrix.Apply(x, b);
        ConjugateGradientResult result = ConjugateGradient.Solve(matrix, b, tolerance: 1e-10);
        Assert.That(result.Status, Is.EqualTo(ConjugateGradientStatus.Converged));
        Assert.That(result.RelativeResidual, Is.LessThan(1e-10));
        Assert.That(GraphHarness.Distance<double>(result.Solution, x), Is.LessThan(1e-8));
        Assert.That(result.Iterations, Is.LessThanOrEqualTo(2 * size));
    }

    [Test]
    public void Damping_is_added_to_the_diagonal()
    {
        ConjugateGradientResult result = ConjugateGradient.Solve(
            new Dense(new double[,] { { 2, 0 }, { 0, 6 } }), [1, 1], damping: 2, tolerance: 1e-12);
        Assert.That(result.Solution, Is.EqualTo(new[] { 0.25, 0.125 }).AsCollection.Within(1e-12));
    }

    [Test]
    public void The_reason_why_an_iteration_ended_is_told()
    {
        var indefinite = new Dense(new double[,] { { 1, 0 }, { 0, -1 } });
        Assert.That(ConjugateGradient.Solve(indefinite, [0, 1]).Status, Is.EqualTo(ConjugateGradientStatus.NegativeCurvature));
        Assert.That(
            ConjugateGradient.Solve(indefinite, [0, 1]).Solution, Is.EqualTo(new double[] { 0, 1 }),
            "b itself is left as a direction of descent");
        Assert.That(ConjugateGradient.Solve(indefinite, [0, 1], damping: 3).Status, Is.EqualTo(ConjugateGradientStatus.Converged));
        var hard = new Dense(Symmetric([1, 10, 100, 1000], 5));
        ConjugateGradientResult limited = ConjugateGradient.Solve(hard, [1, 1, 1, 1], maxIterations: 2);
        Assert.That((limited.Status, limited.Iterations), Is.EqualTo((ConjugateGradientStatus.IterationLimit, 2)));
        Assert.That(ConjugateGradient.Solve(hard, [0, 0, 0, 0]).Solution, Is.EqualTo(new double[4]));
    }

    [TestCase(1)]
    [TestCase(4)]
    public void Lanczos_finds_the_leading_eigenvalues_and_vectors(int count)
    {
        double[] spectrum = [.. Enumerable.Range(0, 100).Select(i => i < 95 ? Math.Sin(i) : 2.0 + (i - 95))];
        var matrix = new Dense(Symmetric(spectrum, 7));
        LanczosResult result = Lanczos.Leading(matrix, count, 1e-8);
        Assert.That(result.IsConverged, Is.True);
        Assert.That(result.Iterations, Is.LessThan(100));
        Assert.That(result.Eigenvalues, Is.EqualTo(new double[] { 6, 5, 4, 3 }.Take(count)).AsCollection.Within(1e-8));
        for (int i = 0; i < count; i++)
        {
            double[] product = new double[100], v = result.Eigenvectors[i];
            matrix.Apply(v, product);
            Assert.That(v.Sum(value => value * value), Is.EqualTo(1).Within(1e-10));
            Assert.That(product.Zip(v, (p, q) => Math.Abs(p - (result.Eigenvalues[i] * q))).Max(), Is.LessThan(1e-6));
        }
    }

    [Test]
    public void Lanczos_finds_repeated_and_negative_eigenvalues()
    {
        Assert.That(
            Lanczos.Leading(new Dense(Symmetric([5, 5, 5, 1, -9], 2)), 3).Eigenvalues,
            Is.EqualTo(new double[] { 5, 5, 5 }).AsCollection.Within(1e-9));
        Assert.That(
            Lanczos.Leading(new Dense(Symmetric([-3, -2, -7], 4)), 3).Eigenvalues,
            Is.EqualTo(new double[] { -2, -3, -7 }).AsCollection.Within(1e-9));
        Assert.That(Lanczos.Leading(new Dense(new double[6, 6]), 2).Eigenvalues, Is.EqualTo(new double[2]));
        Assert.That(
            Lanczos.Leading(new Dense(new double[,] { { 4 } })).Eigenvalues, Is.EqualTo(new double[] { 4 }).AsCollection.Within(1e-12));
    }

    [Test]
    public void Options_outside_their_domain_are_errors()
    {
        var matrix = new Dense(new double[,] { { 2, 0 }, { 0, 6 } });
        Assert.That(
            () => ConjugateGradient.Solve(matrix, [1]),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("the right-hand side must have 2 elements, got 1"));
        Assert.That(() => ConjugateGradient.Solve(matrix, [1, 1], damping: -1), Throws.TypeOf<OptionException>());
        Assert.That(() => ConjugateGradient.Solve(matrix, [1, 1], tolerance: 0), Throws.TypeOf<OptionException>());
        Assert.That(() => ConjugateGradient.Solve(matrix, [1, 1], maxIterations: 0), Throws.TypeOf<OptionException>());
        Assert.That(() => ConjugateGradient.Solve(new Dense(new double[,] { { double.NaN } }), [1]), Throws.TypeOf<DataException>());
        Assert.That(() => Lanczos.Leading(matrix, 3), Throws.TypeOf<OptionException>());
        Assert.That(() => Lanczos.Leading(matrix, 2, maxIterations: 1), Throws.TypeOf<OptionException>());
        Assert.That(() => Lanczos.Leading(new Dense(new double[,] { { double.NaN } })), Throws.TypeOf<DataException>());
    }

    // A symmetric matrix of given eigenvalues: a diagonal one seen through a few Householder reflections.
    private static double[,] Symmetric(double[] eigenvalues, ulong seed)
    {
        int n = eigenvalues.Length;
        var a = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            a[i, i] = eigenvalues[i];
        }

        for (ulong r = 0; r < 3; r++)
        {
            double[] u = [.. GraphHarness.Random(n, seed + r).Select(value => (double)value)];
            double norm = u.Sum(value => value * value);
            Reflect((i, j) => a[i, j], (i, j, value) => a[i, j] = value);
            Reflect((i, j) => a[j, i], (i, j, value) => a[j, i] = value);

            void Reflect(Func<int, int, double> get, Action<int, int, double> set)
            {
                for (int j = 0; j < n; j++)
                {
                    double along = 2 * Enumerable.Range(0, n).Sum(i => u[i] * get(i, j)) / norm;
                    for (int i = 0; i < n; i++)
                    {
                        set(i, j, get(i, j) - (along * u[i]));
                    }
                }
            }
        }

        return a;
    }

    private sealed class Dense(double[,] matrix) : KrylovOperator
    {
        public override int Size => matrix.GetLength(0);

        public override void Apply(ReadOnlySpan<double> v, Span<double> product)
        {
            for (int i = 0; i < Size; i++)
            {
                product[i] = 0;
                for (int j = 0; j < Size; j++)
                {
                    product[i] += matrix[i, j] * v[j];
                }
            }
        }
    }
}
