using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NUnit.Framework;

namespace NativeBackprop.Tests.Losses;

public class LossTests
{
    private const int Batch = 4;

    [Test]
    public void Names_are_those_of_model_files() => Assert.That(
        new Loss[]
        {
            new SoftmaxCrossEntropy(), new SigmoidCrossEntropy(), new MeanSquaredError(), new MulticlassHinge(), new GaussianNll(),
            new MeanAbsoluteError(), new Huber(),
        }.Select(loss => loss.Name),
        Is.EqualTo(new[] { "softmax_cross_entropy", "sigmoid_cross_entropy", "mse", "multiclass_hinge", "gaussian_nll", "l1", "huber" }));

    [TestCase(typeof(SigmoidCrossEntropy))]
    [TestCase(typeof(MeanSquaredError))]
    [TestCase(typeof(MulticlassHinge))]
    [TestCase(typeof(GaussianNll))]
    [TestCase(typeof(MeanAbsoluteError))]
    public void Gradients_agree_with_the_reference_and_with_differences(Type type)
    {
        var loss = (Loss)Activator.CreateInstance(type)!;
        (GraphHarness harness, Node output, Node cost) = Build(loss, 6, GraphHarness.Random(Batch * 6, 1), loss switch
        {
            SigmoidCrossEntropy => [.. Enumerable.Range(0, Batch * 6).Select(i => i % 5 * 0.25f)],
            MulticlassHinge => [5, 0, 2, 2],
            _ => GraphHarness.Random(Batch * 6, 2),
        });
        harness.Check(cost, output);
    }

    [Test]
    public void Sigmoid_cross_entropy_is_the_logarithm_of_the_right_probability()
    {
        (GraphHarness harness, Node output, Node cost) = Build(new SigmoidCrossEntropy(), 2, [0.7f, -1.2f], [1, 0]);
        double right = 1 / (1 + Math.Exp(-0.7f)), wrong = 1 / (1 + Math.Exp(1.2f));
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo(-0.5 * (Math.Log(right) + Math.Log(1 - wrong))).Within(1e-6));
        Assert.That(results[1], Is.EqualTo(new[] { (right - 1) / 2, wrong / 2 }).AsCollection.Within(1e-6));
    }

    // ζ(z) − y·z and (σ(z) − y)/K: for y = ¼ and z = log 3 the sign of the gradient is that of ¾ − ¼.
    [TestCase(0.25f, 0.5)]
    [TestCase(0.75f, 0)]
    [TestCase(1f, -0.25)]
    public void Sigmoid_cross_entropy_takes_targets_between_zero_and_one(float target, double slope)
    {
        float z = MathF.Log(3);
        (GraphHarness harness, Node output, Node cost) = Build(new SigmoidCrossEntropy(), 1, [z], [target]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo(Math.Log(4) - (target * Math.Log(3))).Within(1e-6));
        Assert.That(results[1][0], Is.EqualTo(slope).Within(1e-6));
    }

    // Where softplus(z) − y·z is a difference of large numbers, and where the answer is right by far.
    [TestCase(20f, 1f, 2.061153620e-9, -2.061153620e-9)]
    [TestCase(-20f, 0f, 2.061153620e-9, 2.061153620e-9)]
    [TestCase(50f, 1f, 1.928749848e-22, -1.928749848e-22)]
    [TestCase(3e38f, 1f, 0, 0)]
    [TestCase(3e38f, 0f, 3e38, 1)]
    [TestCase(-3e38f, 1f, 3e38, -1)]
    [TestCase(3e38f, 0.5f, 1.5e38, 0.5)]
    public void Sigmoid_cross_entropy_cancels_nowhere(float z, float target, double loss, double slope)
    {
        (GraphHarness harness, Node output, Node cost) = Build(new SigmoidCrossEntropy(), 1, [z], [target]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo(loss).Within(1e-6 * loss));
        Assert.That(results[1][0], Is.EqualTo(slope).Within(1e-6 * Math.Abs(slope)));
    }

    [Test]
    public void Dense_targets_of_huge_logits_are_not_NaN()
    {
        (GraphHarness harness, Node output, Node cost) =
            Build(new SoftmaxCrossEntropy(denseTargets: true), 3, [3e38f, -3e38f, 0, 3e38f, -3e38f, 0], [1, 0, 0, 0.75f, 0.25f, 0]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo(0.75e38).Within(1e-6 * 0.75e38));
        Assert.That(results[1], Is.EqualTo(new[] { 0, 0, 0, 0.125f, -0.125f, 0 }));
    }

    // By hand: p = softmax(0, log 3) = (¼, ¾).
    [TestCase(0f, null, 1.3862943611)]
    [TestCase(0.5f, null, (0.75 * 1.3862943611) + (0.25 * 0.2876820724))]
    [TestCase(0f, new[] { 3f, 1f }, ((3 * 1.3862943611) + 0.2876820724) / 4, 1)]
    [TestCase(0.5f, new[] { 3f, 1f }, ((3 * 0.75 * 1.3862943611) + (0.25 * 0.2876820724)) / 3)]
    public void Smoothing_and_class_weights_are_those_of_PyTorch(float smoothing, float[]? weights, double expected, int second = 0)
    {
        float logThree = MathF.Log(3);
        (GraphHarness harness, _, Node cost) =
            Build(new SoftmaxCrossEntropy(labelSmoothing: smoothing, classWeights: weights), 2, [0, logThree, 0, logThree], [0, second]);
        Assert.That(harness.Run([cost])[0][0], Is.EqualTo(expected).Within(1e-6));
    }

    // With probabilities PyTorch divides by the batch size, whatever the weights.
    [Test]
    public void Class_weights_of_probabilities_leave_the_divisor_alone()
    {
        float logThree = MathF.Log(3);
        (GraphHarness harness, _, Node cost) =
            Build(new SoftmaxCrossEntropy(true, classWeights: [3, 1]), 2, [0, logThree, 0, logThree], [1, 0, 0.5f, 0.5f]);
        Assert.That(harness.Run([cost])[0][0], Is.EqualTo((4.1588830834 + 2.0794415417 + 0.1438410362) / 2).Within(1e-6));
    }

    [TestCase(-1f, null)]
    [TestCase(1.5f, null)]
    [TestCase(float.NaN, null)]
    [TestCase(0f, new float[0])]
    [TestCase(0f, new[] { 1, -1f })]
    [TestCase(0f, new[] { 1, float.NaN })]
    [TestCase(0f, new[] { 1, float.PositiveInfinity })]
    public void Smoothing_and_class_weights_outside_their_range_are_errors(float smoothing, float[]? weights) =>
        Assert.That(() => new SoftmaxCrossEntropy(labelSmoothing: smoothing, classWeights: weights), Throws.TypeOf<OptionException>());

    [Test]
    public void Class_weights_are_copied_and_one_for_each_class()
    {
        float[] weights = [1, 2, 3];
        var loss = new SoftmaxCrossEntropy(classWeights: weights);
        weights[0] = 7;
        Assert.That(loss.ClassWeights.ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, 2]), labels = loss.CreateTargets(output);
        Assert.That(() => loss.Build(output, labels), Throws.TypeOf<ShapeException>().With.Message.Contains("expected 2 class weights"));
    }

    // l = (1, 3, ½·1, ½) for the four errors, and the mean of w·l over the batch.
    [TestCase(typeof(MeanSquaredError), 1, 9, 0.25, 4)]
    [TestCase(typeof(MeanAbsoluteError), 1, 3, 0.5, 2)]
    [TestCase(typeof(Huber), 0.5, 2.5, 0.125, 1.5)]
    public void Sample_weights_multiply_and_the_divisor_stays_the_batch_size(Type type, double a, double b, double c, double d)
    {
        var loss = type == typeof(Huber) ? new Huber() : (Loss)Activator.CreateInstance(type)!;
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, 1]), targets = loss.CreateTargets(output);
        Node weights = graph.Input("weights", [Shape.Batch]);
        var harness = new GraphHarness(graph, 4);
        harness.Set(output, [1, 3, -0.5f, -2]);
        harness.Set(targets, new float[4]);
        harness.Set(weights, [2, 1, 0, 0.5f]);
        Assert.That(harness.Run([loss.Build(output, targets)])[0][0], Is.EqualTo((a + b + c + d) / 4).Within(1e-6));
        Assert.That(harness.Run([loss.Build(output, targets, weights)])[0][0], Is.EqualTo(((2 * a) + b + (0.5 * d)) / 4).Within(1e-6));
    }

    [Test]
    public void Sample_weights_of_another_shape_are_errors()
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, 1]), targets = graph.Input("targets", [Shape.Batch, 1]);
        Assert.That(() => new MeanSquaredError().Build(output, targets, graph.Input("weights", [Shape.Batch, 1])),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("mse: expected sample weights of shape [B], got [B, 1]"));
        Assert.That(() => new MeanSquaredError().Build(output, targets, graph.Input("weights")), Throws.TypeOf<ShapeException>());
    }

    [Test]
    public void Huber_is_smooth_within_delta_and_straight_beyond()
    {
        (GraphHarness harness, Node output, Node cost) = Build(new Huber(2), 4, [1, 2, 5, -3], [0, 0, 0, 0]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.EqualTo((0.5 + 2 + 8 + 4) / 4).Within(1e-6));
        Assert.That(results[1], Is.EqualTo(new[] { 0.25f, 0.5f, 0.5f, -0.5f }));
    }

    [Test]
    public void A_loss_of_a_user_is_a_loss()
    {
        (GraphHarness harness, Node output, Node cost) = Build(new FourthPower(), 1, [2, -1], [0, 0]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That((results[0][0], results[1][0], results[1][1]), Is.EqualTo((8.5f, 16f, -2f)));
        Assert.That(new FourthPower().Name, Is.EqualTo("fourth_power"));
    }

    [Test]
    public void What_a_loss_of_a_user_throws_is_the_inner_exception()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 1]);
        GraphException error = Assert.Throws<GraphException>(() => new Broken().Build(x, x))!;
        Assert.That((error.Message, error.InnerException), Is.EqualTo(("broken: PerExample failed: FormatException: no", Broken.Error)));
        Assert.That(() => Regularizer.L1(1, _ => throw Broken.Error).Covers(new Parameter("w", [1])),
            Throws.TypeOf<GraphException>().With.InnerException.SameAs(Broken.Error));
    }

    private sealed class Broken : Loss
    {
        public static readonly FormatException Error = new("no");

        public override bool IsClassifier => false;

        public override Node PerExample(Node output, Node targets) => throw Error;
    }

    private sealed class FourthPower : Loss
    {
        public override bool IsClassifier => false;

        public override Node PerExample(Node output, Node targets) => (output - targets).Power(4).Sum(1);
    }

    [Test]
    public void The_likelihood_of_a_Gaussian_weighs_the_error_by_the_precision()
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
    public void Large_logits_do_not_overflow(Type type, double z1, double z2, double t1, double t2, double expected)
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
    public void Hinge_has_no_gradient_at_the_margin()
    {
        (GraphHarness harness, Node output, Node cost) = Build(new MulticlassHinge(), 2, [2, 1], [0]);
        float[][] results = harness.Run([cost, .. output.Graph.Gradient(cost, output)]);
        Assert.That(results[0][0], Is.Zero);
        Assert.That(results[1], Is.EqualTo(new float[] { 0, 0 }));
    }

    [Test]
    public void Targets_of_the_wrong_shape_are_errors()
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, 3]), narrow = graph.Input("targets", [Shape.Batch, 1]);
        Assert.That(
            () => new SigmoidCrossEntropy().Build(output, narrow),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("sigmoid_cross_entropy: expected targets of shape [B, 3], got [B, 1]"));
        Assert.That(
            () => new GaussianNll().CreateTargets(output),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo(
                "gaussian_nll: the output [mean, log precision] must have an even width, got 3"));
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
