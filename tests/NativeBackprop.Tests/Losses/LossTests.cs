using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NUnit.Framework;

namespace NativeBackprop.Tests.Losses;

public class LossTests
{
    private const int Batch = 4;

    [Test]
    public void NamesAreThoseOfModelFiles() => Assert.That(
        new Loss[] { new SoftmaxCrossEntropy(), new SigmoidCrossEntropy(), new MeanSquaredError(), new MulticlassHinge(), new GaussianNll() }.Select(loss => loss.Name),
        Is.EqualTo(new[] { "softmax_cross_entropy", "sigmoid_cross_entropy", "mse", "multiclass_hinge", "gaussian_nll" }));

    [TestCase(typeof(SigmoidCrossEntropy))]
    [TestCase(typeof(MeanSquaredError))]
    [TestCase(typeof(MulticlassHinge))]
    [TestCase(typeof(GaussianNll))]
    public void GradientsAgreeWithTheReferenceAndWithDifferences(Type type)
    {
        var loss = (Loss)Activator.CreateInstance(type)!;
        (GraphHarness harness, Node output, Node cost) = Build(loss, 6, GraphHarness.Random(Batch * 6, 1), loss switch
        {
            SigmoidCrossEntropy => [.. Enumerable.Range(0, Batch * 6).Select(i => i % 5 < 2 ? 1f : 0f)],
            MulticlassHinge => [5, 0, 2, 2],
            _ => GraphHarness.Random(Batch * 6, 2),
        });
        harness.Check(cost, output);
    }

    [Test]
    public void SigmoidCrossEntropyIsTheLogarithmOfTheRightProbability()
    {
        (GraphHarness harness, Node output, Node cost) = Build(new SigmoidCrossEntropy(), 2, [0.7f, -1.2f], [1, 0]);
        double right = 1 / (1 + Math.Exp(-0.7f)), wrong = 1 / (1 + Math.Exp(1.2f));
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo(-0.5 * (Math.Log(right) + Math.Log(1 - wrong))).Within(1e-6));
        Assert.That(results[1], Is.EqualTo(new[] { (right - 1) / 2, wrong / 2 }).AsCollection.Within(1e-6));
    }

    [Test]
    public void GaussianNllWeighsTheErrorByThePrecision()
    {
        // μ = (1, 2), log β = (0, log 4), t = (3, 1): ½(1·4 − 0 + 4·1 − log 4).
        float logFour = MathF.Log(4);
        (GraphHarness harness, Node output, Node cost) = Build(new GaussianNll(), 4, [1, 2, 0, logFour], [3, 1]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo(0.5 * (8 - Math.Log(4))).Within(1e-5));
        Assert.That(results[1], Is.EqualTo(new[] { -2.0, 4, 1.5, 1.5 }).AsCollection.Within(1e-5));
    }

    // 1e4 squared is far inside float32's range, its exponential far outside.
    [TestCase(typeof(SigmoidCrossEntropy), 1e4, -1e4, 0, 1, 1e4)]
    [TestCase(typeof(SigmoidCrossEntropy), 1e4, -1e4, 1, 0, 0)]
    [TestCase(typeof(MeanSquaredError), 1e4, -1e4, -1e4, 1e4, 4e8)]
    [TestCase(typeof(MulticlassHinge), 1e4, -1e4, 1, 1, 20001)]
    [TestCase(typeof(MulticlassHinge), 1e4, -1e4, 0, 0, 0)]
    [TestCase(typeof(SoftmaxCrossEntropy), 1e4, -1e4, 1, 1, 2e4)]
    [TestCase(typeof(SoftmaxCrossEntropy), 1e4, -1e4, 0, 0, 0)]
    public void LargeLogitsDoNotOverflow(Type type, double z1, double z2, double t1, double t2, double expected)
    {
        Loss loss = type == typeof(SoftmaxCrossEntropy) ? new SoftmaxCrossEntropy() : (Loss)Activator.CreateInstance(type)!;
        (GraphHarness harness, Node output, Node cost) = Build(loss, 2, [(float)z1, (float)z2], [(float)t1, (float)t2]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo(expected).Within(1e-4 + (1e-6 * expected)));
        Assert.That(results[1], Has.All.Matches<float>(float.IsFinite));
        if (expected > 0)
        {
            Assert.That(results[1].Max(Math.Abs), Is.GreaterThanOrEqualTo(0.5f), "an utterly wrong answer must learn");
        }
    }

    [Test]
    public void HingeHasNoGradientAtTheMargin()
    {
        (GraphHarness harness, Node output, Node cost) = Build(new MulticlassHinge(), 2, [2, 1], [0]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.Zero);
        Assert.That(results[1], Is.EqualTo(new float[] { 0, 0 }));
    }

    [Test]
    public void TargetsOfTheWrongShapeAreErrors()
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, 3]), narrow = graph.Input("targets", [Shape.Batch, 1]);
        Assert.That(() => new SigmoidCrossEntropy().Build(output, narrow), Throws.TypeOf<ShapeException>().With.Message.EqualTo("sigmoid_cross_entropy: expected targets of shape [B, 3], got [B, 1]"));
        Assert.That(() => new GaussianNll().CreateTargets(output), Throws.TypeOf<ShapeException>().With.Message.EqualTo("gaussian_nll: the output [mean, log precision] must have an even width, got 3"));
    }

    private static (GraphHarness Harness, Node Output, Node Cost) Build(Loss loss, int width, float[] values, float[] targets)
    {
        var graph = new Graph();
        int batch = values.Length / width;
        Node output = graph.Input("output", [Shape.Batch, width]), leaf = loss.CreateTargets(output);
        var harness = new GraphHarness(graph, batch);
        harness.Set(output, values);
        if (loss.IsClassifier)
        {
            harness.Set(leaf, [.. targets.Take(batch).Select(target => (int)target)]);
        }
        else
        {
            harness.Set(leaf, targets[..(batch * leaf.Shape[1])]);
        }

        return (harness, output, loss.Build(output, leaf));
    }
}
