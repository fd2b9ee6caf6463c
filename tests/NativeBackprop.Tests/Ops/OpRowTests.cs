using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>
/// What is asked of every row: the float32 plan against the double reference, and the reference against finite differences.
/// </summary>
[TestFixtureSource(typeof(OpTable), nameof(OpTable.Rows))]
[TestFixtureSource(typeof(NetworkTable), nameof(NetworkTable.Layers))]
[TestFixtureSource(typeof(NetworkTable), nameof(NetworkTable.Losses))]
internal sealed class OpRowTests(OpRow row)
{
    private const double Single = 1e-5, Differences = 1e-6, Second = 1e-4;

    // Of the size that finite differences go over every element of, and of a size that is split between threads.
    private readonly OpCase _small = new(row, 5, 3);

    [Test]
    public void A_plan_agrees_with_the_reference() => AssertMatchesReference(_small, new PlanOptions { Threads = 1, ExactThreads = true });

    [Test]
    public void A_plan_without_fusion_agrees_with_the_reference() =>
        AssertMatchesReference(_small, new PlanOptions { Threads = 1, ExactThreads = true, Fuse = false });

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void A_plan_of_any_size_and_threads_agrees_with_the_reference(int threads)
    {
        if (row.Operands.Length > 0)
        {
            AssertMatchesReference(
                new OpCase(row, 515, 144, seed: 2), new PlanOptions { Threads = threads, ExactThreads = true }, second: false);
        }

        AssertMatchesReference(_small, new PlanOptions { Threads = threads, ExactThreads = true });
    }

    [Test]
    public void Work_is_split_unless_the_row_says_otherwise()
    {
        if (row.IsSerial is not { } serial)
        {
            Assert.That(row.Op.IsSubclassOf(typeof(Op)), Is.False, "every op says whether it is split");
            return;
        }

        var large = new OpCase(row, 515, 144);
        using Plan plan = large.Compile([large.Result], new PlanOptions { Threads = 2, ExactThreads = true });
        Assert.That(plan.Kernels.Any(kernel => kernel.Threads > 1), Is.EqualTo(!serial));
    }

    [Test]
    public void The_gradient_agrees_with_central_differences()
    {
        ReferenceEvaluator reference = _small.Reference().Run([_small.Result, .. _small.Gradients]);
        double[][] gradients = [.. _small.Gradients.Select(gradient => reference[gradient])];
        double[] u = Norms.Widen(_small[_small.Cotangent]);
        for (int i = 0; i < gradients.Length; i++)
        {
            double[] x = reference.Leaf(_small.Smooth[i]), differences = new double[x.Length];
            for (int k = 0; k < x.Length; k++)
            {
                differences[k] = CentralDifference(reference, x, k, _small.Result, u);
            }

            Assert.That(Norms.Error(gradients[i], differences), Is.LessThanOrEqualTo(Differences), $"operand {i}");
        }
    }

    [Test]
    public void The_gradient_of_the_gradient_agrees_with_differences_of_the_gradient()
    {
        if (_small.Second.Length == 0)
        {
            AssertIsNotDifferentiable();
            return;
        }

        ReferenceEvaluator reference = _small.Reference().Run(_small.Second);
        double[][] second = [.. _small.Second.Select(node => reference[node])];
        double[][] differences = AlongDirections(reference, _small.Gradients);
        Assert.That(Norms.Error([.. second.SelectMany(x => x)], Settled(differences)), Is.LessThanOrEqualTo(Second));
    }

    [Test]
    public void The_Jacobian_vector_product_agrees_with_differences_and_with_the_vector_Jacobian_product()
    {
        if (_small.Tangent is null)
        {
            AssertIsNotDifferentiable();
            return;
        }

        ReferenceEvaluator reference = _small.Reference().Run(_small.Tangent);
        double[] tangent = reference[_small.Tangent];
        Assert.That(Norms.Error(tangent, Settled(AlongDirections(reference, [_small.Result]))), Is.LessThanOrEqualTo(Differences));

        float[][] single = _small.Run([_small.Tangent, .. _small.Gradients]);
        double[] u = Norms.Widen(_small[_small.Cotangent]), jv = Norms.Widen(single[0]);
        double forward = Norms.Dot(u, jv), backward = 0;
        for (int i = 0; i < _small.Smooth.Length; i++)
        {
            backward += Norms.Dot(Norms.Widen(single[i + 1]), Norms.Widen(_small[_small.Directions[i]]));
        }

        Assert.That(forward, Is.EqualTo(backward).Within(Single * Norms.Norm(u) * Norms.Norm(jv)));
    }

    // What a row says of itself is so: it has no gradient at all, or its gradient refuses to be differentiated.
    private void AssertIsNotDifferentiable()
    {
        for (int i = 0; i < _small.Operands.Length; i++)
        {
            Node end = row.Derivatives == 0 ? _small.Result : _small.Gradients[i], seed = _small.Cotangent;
            if (end.Op.GetType().Name == "CustomBackward")
            {
                Assert.That(
                    () => end.Op.Gradient(end, 0, seed), Throws.TypeOf<GraphException>().With.Message.Contains("has no second derivative"));
            }
            else
            {
                Assert.That(end.Op.Gradient(end, i, seed), Is.Null);
            }
        }
    }

    private static void AssertMatchesReference(OpCase example, PlanOptions options, bool second = true)
    {
        Node[] nodes = second ? example.All : [example.Result, .. example.Gradients];
        ReferenceEvaluator reference = example.Reference().Run(nodes);
        float[][] actual = example.Run(nodes, options);
        Assert.Multiple(() =>
        {
            for (int i = 0; i < nodes.Length; i++)
            {
                Assert.That(Norms.Error(actual[i], reference[nodes[i]]), Is.LessThanOrEqualTo(Single), nodes[i].ToString());
            }
        });
    }

    // d/dx_k ⟨u, y⟩
    private static double CentralDifference(ReferenceEvaluator reference, double[] x, int k, Node y, double[] u)
    {
        const double step = 1e-5;
        double at = x[k];
        x[k] = at + step;
        double[] above = [.. reference.Run(y)[y]];
        x[k] = at - step;
        double[] below = [.. reference.Run(y)[y]];
        x[k] = at;
        double[] difference = [.. above.Zip(below, (a, b) => (a - b) / (2 * step))];
        return Norms.Dot(u, difference);
    }

    // d/dt of some nodes when every operand moves along its direction.
    private double[][] AlongDirections(ReferenceEvaluator reference, Node[] nodes)
    {
        const double step = 1e-5;
        double[][] Moved(double t)
        {
            for (int i = 0; i < _small.Smooth.Length; i++)
            {
                double[] x = reference.Leaf(_small.Smooth[i]);
                for (int k = 0; k < x.Length; k++)
                {
                    x[k] += t * _small[_small.Directions[i]][k];
                }
            }

            reference.Run(nodes);
            return [.. nodes.Select(node => reference[node].ToArray())];
        }

        double[][] above = Moved(step), below = Moved(-2 * step);
        Moved(step);
        return [.. above.Zip(below, (a, b) => a.Zip(b, (p, q) => (p - q) / (2 * step)).ToArray())];
    }

    // Differences of what does not change at all are rounding: exactly zero is meant.
    private static double[] Settled(double[][] differences) =>
        differences.SelectMany(x => x).All(d => Math.Abs(d) < 1e-9)
            ? new double[differences.Sum(x => x.Length)]
            : [.. differences.SelectMany(x => x)];
}
