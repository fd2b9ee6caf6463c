using NativeBackprop.Layers;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

public class InitializerTests
{
    [TestCase(20, 8)]
    [TestCase(8, 20)]
    [TestCase(16, 16)]
    public void Orthogonal_makes_the_shorter_side_orthonormal(int rows, int columns)
    {
        float[] w = Fill(Initializer.Orthogonal(3), rows, columns);
        int count = Math.Min(rows, columns), length = Math.Max(rows, columns);
        double Element(int i, int j) => rows <= columns ? w[(i * columns) + j] : w[(j * columns) + i];
        for (int i = 0; i < count; i++)
        {
            for (int k = 0; k <= i; k++)
            {
                double dot = Enumerable.Range(0, length).Sum(j => Element(i, j) * Element(k, j));
                Assert.That(dot, Is.EqualTo(i == k ? 9 : 0).Within(2e-6), $"rows {i} and {k}");
            }
        }
    }

    [Test]
    public void Uniform_stays_within_its_bounds_and_fills_them()
    {
        float[] w = Fill(Initializer.Uniform(-1, 3), 100, 100);
        Assert.That(w, Has.All.InRange(-1f, 3f));
        Assert.That(w.Average(), Is.EqualTo(1).Within(6 * 4 / Math.Sqrt(12.0 * w.Length)));
        Assert.That(w.Max() - w.Min(), Is.GreaterThan(3.9f));
    }

    [Test]
    public void Variances_are_those_of_the_formulas()
    {
        Assert.That(Variance(Initializer.Normal(0.5f)), Is.EqualTo(0.25).Within(0.01));
        Assert.That(Variance(Initializer.He()), Is.EqualTo(2.0 / 200).Within(4e-4));
        Assert.That(Variance(Initializer.He(uniform: true)), Is.EqualTo(2.0 / 200).Within(4e-4));
        Assert.That(Variance(Initializer.Glorot()), Is.EqualTo(2.0 / 300).Within(3e-4));
        Assert.That(Variance(Initializer.Glorot(uniform: false)), Is.EqualTo(2.0 / 300).Within(3e-4));
    }

    [Test]
    public void Relu_bias_starts_at_a_tenth()
    {
        var model = new Sequential(new Linear(2, 3, biasInitializer: Initializer.Constant(0.1f)));
        model.Initialize(1);
        Assert.That(model.Parameters["0.bias"].Value.ToArray(), Is.EqualTo(new[] { 0.1f, 0.1f, 0.1f }));
    }

    [Test]
    public void Options_outside_their_domain_are_errors()
    {
        Assert.That(() => Initializer.Uniform(1, 0), Throws.TypeOf<OptionException>());
        Assert.That(() => Initializer.Normal(-1), Throws.TypeOf<OptionException>());
        Assert.That(() => Initializer.Orthogonal().Fill(new float[3], 2, 2, new RandomSource(1)), Throws.TypeOf<OptionException>());
    }

    private static double Variance(Initializer initializer)
    {
        float[] w = Fill(initializer, 200, 100);
        return w.Average(value => (double)value * value);
    }

    private static float[] Fill(Initializer initializer, int rows, int columns)
    {
        var values = new float[rows * columns];
        initializer.Fill(values, rows, columns, new RandomSource(5));
        return values;
    }
}
