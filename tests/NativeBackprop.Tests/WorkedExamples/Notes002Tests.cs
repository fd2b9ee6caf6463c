using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Differentiation;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.WorkedExamples;

/// <summary>The examples of lecture notes 002: XOR, output units and their costs, hidden units, batches, repeated subexpressions.</summary>
public class Notes002Tests
{
    private static readonly float[] XorInputs = [0, 0, 0, 1, 1, 0, 1, 1], XorTargets = [0, 1, 1, 0];

    [Test]
    public void XOR_is_solved_by_the_slides_weights()
    {
        var model = new Sequential(new Linear(2, 2), new Relu(), new Linear(2, 1));
        Set(model, [1, 1, 1, 1], [0, -1], [1, -2], [0]);
        using Predictor predictor = model.CreatePredictor(4);
        var output = new float[4];
        predictor.Predict(XorInputs, output);
        Assert.That(output, Is.EqualTo(XorTargets));
    }

    [Test]
    public void The_best_linear_model_of_XOR_is_a_half_everywhere()
    {
        // W = (0, 0), b = 1/2 solves the normal equations: the gradient is zero and the cost 1/4.
        var model = new Sequential(new Linear(2, 1));
        Set(model, [0, 0], [0.5f]);
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        Assert.That(trainer.Forward(XorInputs, XorTargets), Is.EqualTo(0.25f));
        trainer.Backward();
        Assert.That(model.Parameters.SelectMany(parameter => trainer.Gradient(parameter).ToArray()), Has.All.EqualTo(0f));
    }

    [TestCase(1ul)]
    [TestCase(2ul)]
    [TestCase(3ul)]
    public void XOR_is_learned_from_random_weights(ulong seed)
    {
        var model = new Sequential(new Linear(2, 8, biasInitializer: Initializer.Constant(0.1f)), new Tanh(), new Linear(8, 1));
        using var trainer = new Trainer(model, new MeanSquaredError(), new Adam(0.02f), new TrainerOptions { Seed = seed });
        float loss = 1;
        for (int i = 0; i < 1500; i++)
        {
            loss = trainer.Step(XorInputs, XorTargets);
        }

        Assert.That(loss, Is.LessThan(1e-3f));
        Assert.That(trainer.Output.ToArray().Select(y => MathF.Round(y)), Is.EqualTo(XorTargets));
    }

    [Test]
    public void Cost_and_output_units_do_not_mix_and_match()
    {
        // A sigmoid output of target 1 that is utterly wrong, z = −20: squared error learns nothing, the cross-entropy everything.
        var graph = new Graph();
        Node z = graph.Input("z", [1, 1]), t = graph.Input("t", [1, 1]);
        Node mixed = new MeanSquaredError().Build(z.Sigmoid(), t), matched = new SigmoidCrossEntropy().Build(z, t);
        float[][] results = new GraphHarness(graph).Set(z, -20f).Set(t, 1f).Run(
            [.. graph.Gradient(mixed, z), .. graph.Gradient(matched, z)]);
        Assert.That(results[0][0], Is.Zero.Within(1e-8));
        Assert.That(results[1][0], Is.EqualTo(-1).Within(1e-6));
    }

    [Test]
    public void Softmax_is_unchanged_by_a_shift_and_its_cross_entropy_has_the_gradient_q_minus_p()
    {
        var graph = new Graph();
        Node z = graph.Input("z", [Shape.Batch, 3]), p = graph.Input("p", [Shape.Batch, 3]), q = z.Softmax();
        Node written = -(p * q.Log()).Sum(), fused = new SoftmaxCrossEntropy(denseTargets: true).Build(z, p);
        GraphHarness harness = new GraphHarness(graph, 1).Set(z, 1f, -0.5f, 2f).Set(p, 0.2f, 0.3f, 0.5f);
        float[][] results = harness.Run(
            [q, (z - 1000).Softmax(), written, fused, .. graph.Gradient(written, z), .. graph.Gradient(fused, z), q - p]);
        Assert.That(results[1], Is.EqualTo(results[0]).AsCollection.Within(1e-5));
        Assert.That(results[3][0], Is.EqualTo(results[2][0]).Within(1e-6));
        Assert.That(results[4], Is.EqualTo(results[6]).AsCollection.Within(1e-6));
        Assert.That(results[5], Is.EqualTo(results[6]).AsCollection.Within(1e-6));
    }

    [Test]
    public void Hidden_units_are_related_as_the_slides_say()
    {
        var graph = new Graph();
        Node z = graph.Input("z", [6]);
        float[][] results = new GraphHarness(graph).Set(z, -3f, -1f, -0.1f, 0.2f, 1f, 4f).Run(
        [
            z.Tanh(), (2 * (2 * z).Sigmoid()) - 1,
            z.Abs(), z.Apply(new LeakyRelu(-1)),
            z.Relu() + (0.01f * z.Minimum(graph.Constant(0))), z.Apply(new LeakyRelu()),
            -(-z).Sigmoid().Log(), z.Softplus(),
        ]);
        for (int i = 0; i < results.Length; i += 2)
        {
            Assert.That(results[i], Is.EqualTo(results[i + 1]).AsCollection.Within(1e-5), $"pair {i / 2}");
        }
    }

    [Test]
    public void A_batch_of_examples_has_the_two_products_of_the_gradient_in_their_order()
    {
        // The slide names the two the wrong way round: HᵀG is what W is updated by, GWᵀ is what is propagated.
        var graph = new Graph();
        Node h = graph.Input("H", [3, 2]), w = graph.Input("W", [2, 4]), g = graph.Input("G", [3, 4]);
        Node[] gradients = graph.VectorJacobianProduct(h.MatMul(w), g, h, w);
        GraphHarness harness = new GraphHarness(graph).Set(h, GraphHarness.Random(6, 1)).Set(w, GraphHarness.Random(8, 2)).Set(
            g, GraphHarness.Random(12, 3));
        float[][] results = harness.Run([.. gradients, g.MatMul(w.Transpose()), h.Transpose().MatMul(g)]);
        Assert.That(results[0], Is.EqualTo(results[2]).AsCollection.Within(1e-6));
        Assert.That(results[1], Is.EqualTo(results[3]).AsCollection.Within(1e-6));
    }

    [Test]
    public void Repeated_subexpressions_are_computed_once()
    {
        // w → x = f(w) → y = f(x) → z = f(y): dz/dw = f′(y)·f′(x)·f′(w), with each f computed once.
        var graph = new Graph();
        Node w = graph.Input("w"), x = w.Exp(), y = x.Exp(), z = y.Exp();
        Node gradient = graph.Gradient(z, w)[0];
        Assert.That(graph.Nodes.Count(node => node.Op == Functions.Exp.Create()), Is.EqualTo(3));
        Assert.That(w.Exp(), Is.SameAs(x), "asked for again, it is the node that is there");
        float[][] results = new GraphHarness(graph).Set(w, -1f).Run([x, y, z, gradient]);
        Assert.That(results[3][0], Is.EqualTo((double)results[0][0] * results[1][0] * results[2][0]).Within(1e-5));
    }

    [Test]
    public void Algorithm_6_4_adds_the_penalty_to_the_product_of_gradient_and_activations()
    {
        // ∇W J = (∇a L)·hᵀ + λ∇Ω for one example, and ∇b J = ∇a L.
        var model = new Sequential(new Linear(2, 2));
        Set(model, [1, 2, 3, 4], [0.5f, -0.5f]);
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(1), new TrainerOptions { L2 = 0.1f });
        trainer.Forward([1, 2], [0f, 0]);
        trainer.Backward();
        float[] a = [7.5f, 9.5f], w = [1, 2, 3, 4];
        Assert.That(trainer.Gradient(model.Parameters["0.bias"]).ToArray(), Is.EqualTo(a), "2(y − t)/K");
        Assert.That(
            trainer.Gradient(model.Parameters["0.weight"]).ToArray(),
            Is.EqualTo(Enumerable.Range(0, 4).Select(i => (a[i % 2] * (1 + (i / 2))) + (0.2f * w[i]))).AsCollection.Within(1e-5));
    }

    private static void Set(Sequential model, params float[][] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            model.Parameters[i].Set(values[i]);
        }

    }
}
