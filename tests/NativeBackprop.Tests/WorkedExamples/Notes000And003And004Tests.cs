using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Differentiation;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.WorkedExamples;

/// <summary>The examples of lecture notes 000 (reverse mode), 003 (vector activations) and 004 (where 1/m belongs).</summary>
public class Notes000And003And004Tests
{
    [Test]
    public void Reverse_mode_starts_at_the_squared_error()
    {
        // Notes 000: c = Σ(f − y)², f̄ = 2(f − y), and through f = g(a): ā = f̄ ⊙ g′(a).
        var graph = new Graph();
        Node a = graph.Input("a", [3]), y = graph.Input("y", [3]), f = a.Tanh(), c = (f - y).Square().Sum();
        float[][] results = new GraphHarness(graph).Set(a, 0.5f, -1f, 2f).Set(y, 1f, 0f, 0.5f).Run([f, .. graph.Gradient(c, f, a)]);
        double[] seed = [.. results[0].Zip([1.0, 0, 0.5], (value, target) => 2 * (value - target))];
        Assert.That(results[1], Is.EqualTo(seed).AsCollection.Within(1e-6));
        Assert.That(results[2], Is.EqualTo(seed.Zip(results[0], (bar, value) => bar * (1 - (value * value)))).AsCollection.Within(1e-6));
    }

    [Test]
    public void A_product_of_matrices_has_the_gradients_of_the_notes()
    {
        // Notes 000: Z = XY gives X̄ = Z̄·Yᵀ and Ȳ = Xᵀ·Z̄, at the cost of two products.
        var graph = new Graph();
        Node x = graph.Input("X", [2, 3]), y = graph.Input("Y", [3, 4]), z = x.MatMul(y), bar = graph.Input("bar", [2, 4]);
        Node[] gradients = graph.VectorJacobianProduct(z, bar, x, y);
        GraphHarness harness = new GraphHarness(graph).Set(x, GraphHarness.Random(6, 1)).Set(y, GraphHarness.Random(12, 2)).Set(
            bar, GraphHarness.Random(8, 3));
        float[][] results = harness.Run([.. gradients, bar.MatMul(y.Transpose()), x.Transpose().MatMul(bar)]);
        Assert.That(results[0], Is.EqualTo(results[2]).AsCollection.Within(1e-6));
        Assert.That(results[1], Is.EqualTo(results[3]).AsCollection.Within(1e-6));
        using Plan plan = graph.Compile(gradients);
        Assert.That(plan.Flops, Is.EqualTo(2 * 2 * 2 * 3 * 4));
    }

    [Test]
    public void The_Jacobian_of_softmax_is_that_of_the_notes()
    {
        // Notes 003: y_i − y_i² on the diagonal (the notes call that path the other one), −y_i·y_j off it.
        var graph = new Graph();
        Node z = graph.Input("z", [4]), y = z.Softmax(), jacobian = graph.Jacobian(y, z);
        GraphHarness harness = new GraphHarness(graph).Set(z, 0.5f, -1f, 2f, 0f);
        float[][] results = harness.Run([y, jacobian]);
        for (int i = 0; i < 4; i++)
        {
            for (int j = 0; j < 4; j++)
            {
                double yi = results[0][i], yj = results[0][j];
                Assert.That(results[1][(i * 4) + j], Is.EqualTo(i == j ? yi - (yi * yi) : -yi * yj).Within(1e-6), $"dy{i}/dz{j}");
            }
        }

        // The influence on z_i is Σ_j dy_j·y_i(δ_ij − y_j): the notes have y_j for y_i there.
        Node dy = graph.Input("dy", [4]), dz = graph.VectorJacobianProduct(y, dy, z)[0];
        float[] upstream = [1, -2, 0.5f, 3], actual = harness.Set(dy, upstream).Run([dz])[0];
        for (int i = 0; i < 4; i++)
        {
            double expected = Enumerable.Range(0, 4).Sum(j => upstream[j] * results[0][i] * ((i == j ? 1 : 0) - (double)results[0][j]));
            Assert.That(actual[i], Is.EqualTo(expected).Within(1e-6));
        }
    }

    [Test]
    public void The_Jacobian_of_a_scalar_activation_is_diagonal()
    {
        var graph = new Graph();
        Node z = graph.Input("z", [3]), y = z.Sigmoid();
        float[][] results = new GraphHarness(graph).Set(z, 0.5f, -1f, 2f).Run([y, graph.Jacobian(y, z)]);
        for (int i = 0; i < 9; i++)
        {
            double value = results[0][i / 3];
            Assert.That(results[1][i], Is.EqualTo(i / 3 == i % 3 ? value * (1 - value) : 0).Within(1e-6));
        }
    }

    [Test]
    public void The_network_of_the_seminar_learns_by_the_gradient_of_its_logarithm()
    {
        // Notes 004: P(y|x) = σ(Σ wᵒσ(Σ wʰx + bʰ) + bᵒ), trained on −log P, which is the sigmoid cross-entropy.
        var model = new Sequential(new Linear(2, 3, weightInitializer: Initializer.Glorot()), new Sigmoid(), new Linear(3, 1));
        using var trainer = new Trainer(model, new SigmoidCrossEntropy(), new Sgd(2), new TrainerOptions { Seed = 4 });
        float[] inputs = [0, 0, 0, 1, 1, 0, 1, 1], targets = [0, 0, 0, 1];
        float first = trainer.Step(inputs, targets), last = first;
        for (int i = 0; i < 2000; i++)
        {
            last = trainer.Step(inputs, targets);
        }

        Assert.That(last, Is.LessThan(0.02f).And.LessThan(first));
        double expected = trainer.Output.ToArray().Zip(targets, (z, y) => -Math.Log(1 / (1 + Math.Exp(y == 1 ? -z : z)))).Average();
        Assert.That(trainer.Forward(inputs, targets), Is.LessThan(first));
        Assert.That(last, Is.EqualTo(expected).Within(1e-5), "the mean of −log P of the outputs before the last update");
    }

    [Test]
    public void Division_by_the_batch_size_belongs_to_the_loss()
    {
        // Notes 004 divide only the gradient of W. With 1/m in the loss, twice the same examples have the same gradients of W and of b.
        (float[] weight, float[] bias) = Gradients(1);
        (float[] weightTwice, float[] biasTwice) = Gradients(2);
        Assert.That(weightTwice, Is.EqualTo(weight).AsCollection.Within(1e-6));
        Assert.That(biasTwice, Is.EqualTo(bias).AsCollection.Within(1e-6));

        static (float[] Weight, float[] Bias) Gradients(int times)
        {
            var model = new Sequential(new Linear(2, 2));
            using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(1), new TrainerOptions { Seed = 1 });
            float[] inputs = [.. Enumerable.Repeat<float[]>([1, 2, -1, 0.5f], times).SelectMany(rows => rows)];
            trainer.ForwardLabels(inputs, [.. Enumerable.Repeat<int[]>([0, 1], times).SelectMany(labels => labels)]);
            trainer.Backward();
            return (trainer.Gradient(model.Parameters["0.weight"]).ToArray(), trainer.Gradient(model.Parameters["0.bias"]).ToArray());
        }
    }
}
