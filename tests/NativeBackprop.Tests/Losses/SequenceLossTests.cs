using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Losses;

/// <summary>Losses over sequences: each step an example, and what does not count.</summary>
[TestFixture]
public sealed class SequenceLossTests
{
    private const int Rows = 3, Steps = 4, Classes = 5;

    private static readonly int[] _lengths = [4, 1, 3];

    private static readonly float[] _output = Numbers(Rows * Steps * Classes, 1);

    // The sum over the steps that count, divided by their number, or by the sum of their classes' weights, each step computed alone.
    [TestCase(false, 0f, false)]
    [TestCase(true, 0f, false)]
    [TestCase(false, 0.2f, false)]
    [TestCase(true, 0.2f, true)]
    [TestCase(false, 0f, true)]
    public void Only_steps_with_a_class_within_the_length_count(bool hasLengths, float smoothing, bool isWeighed)
    {
        float[]? weights = isWeighed ? [0.5f, 2, 0, 1, 1.5f] : null;
        var loss = new SoftmaxCrossEntropy(labelSmoothing: smoothing, classWeights: weights);
        int[] labels = [0, 3, -100, 1, 2, 2, 4, 4, -100, 1, 4, 0];
        double sum = 0, divisor = 0;
        var gradient = new double[_output.Length];
        for (int p = 0; p < labels.Length; p++)
        {
            if (labels[p] < 0 || (hasLengths && p % Steps >= _lengths[p / Steps]))
            {
                continue;
            }

            double weight = weights?[labels[p]] ?? 1;
            divisor += weight;
            (double value, double[] slope) = OfOne(loss, _output.AsSpan(p * Classes, Classes), labels[p], weights);
            sum += value;
            slope.CopyTo(gradient, p * Classes);
        }

        (float cost, float[] dy, string[] kernels) = Compute(loss, _output, labels, hasLengths ? _lengths : null);
        Assert.That(cost, Is.EqualTo(sum / divisor).Within(1e-5));
        for (int i = 0; i < dy.Length; i++)
        {
            Assert.That(dy[i], Is.EqualTo(gradient[i] / divisor).Within(1e-6), $"{i}");
        }

        Assert.That(kernels, Has.One.EqualTo("softmax_cross_entropy_with_gradient"), "in one pass");
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Where_nothing_counts_the_loss_and_its_gradient_are_0(bool isWeighed)
    {
        var loss = new SoftmaxCrossEntropy(classWeights: isWeighed ? [1, 2, 3, 4, 5] : null);
        int[] none = new int[Rows * Steps];
        Array.Fill(none, -100);
        (float cost, float[] dy, _) = Compute(loss, _output, none, _lengths);
        Assert.That(cost, Is.Zero);
        Assert.That(dy, Is.All.Zero);
    }

    [Test]
    public void What_stands_where_nothing_counts_does_not_matter()
    {
        int[] labels = [0, 3, -100, 1, 2, 2, 4, 4, -100, 1, 4, 0];
        float[] other = [.. _output];
        other.AsSpan(2 * Classes, Classes).Fill(3e38f);
        other.AsSpan(5 * Classes, 3 * Classes).Fill(-3e38f);
        var loss = new SoftmaxCrossEntropy();
        (float cost, float[] dy, _) = Compute(loss, _output, labels, _lengths);
        (float sameCost, float[] sameDy, _) = Compute(loss, other, labels, _lengths);
        Assert.That(sameCost, Is.EqualTo(cost));
        Assert.That(sameDy, Is.EqualTo(dy));
    }

    [Test]
    public void Plain_classes_may_be_none_where_their_leaf_says_so()
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, 2]), labels = graph.Labels("labels", [Shape.Batch], 2);
        Node cost = new SoftmaxCrossEntropy().Build(output, labels);
        using Plan plan = graph.Compile([cost], new PlanOptions { BatchSize = 3 });
        plan.Bind(output, [0, 0, 9, 9, 0, 0]).BindLabels(labels, [0, -100, 1]).Run();
        Assert.That(plan[cost].Item, Is.EqualTo(Math.Log(2)).Within(1e-6));
        Assert.That(() => plan.BindLabels(labels, [0, -1, 1]), Throws.TypeOf<DataException>().With.Message.EqualTo(
            "labels: label -1 at position 1 lies outside 0..1, and is not -100"));
        Assert.That(() => new MulticlassHinge().Build(output, graph.Labels("others", 2)), Throws.Nothing);
    }

    [TestCaseSource(nameof(OfNumbers))]
    public void Losses_of_numbers_are_the_mean_over_the_steps_within_the_lengths(Loss loss)
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, Steps, Classes]), targets = loss.CreateTargets(output);
        Node lengths = graph.Lengths("lengths", Steps), cost = loss.Build(output, targets, lengths: lengths);
        Node dy = graph.Gradient(cost, output)[0];
        float[] t = Array.ConvertAll(Numbers(_output.Length, 2), x => 1 / (1 + (x * x)));
        using Plan plan = graph.Compile([cost, dy], new PlanOptions { BatchSize = Rows });
        plan.Bind(output, _output).Bind(targets, t).BindLabels(lengths, _lengths).Run();
        var single = new Graph();
        Node y = single.Input("y", [Shape.Batch, Classes]), s = loss.CreateTargets(y), alone = loss.Build(y, s);
        Node slope = single.Gradient(alone, y)[0];
        int[] counted = [.. Enumerable.Range(0, Rows * Steps).Where(p => p % Steps < _lengths[p / Steps])];
        float[] Taken(float[] x) => [.. counted.SelectMany(p => x.AsSpan(p * Classes, Classes).ToArray())];
        using Plan other = single.Compile([alone, slope], new PlanOptions { BatchSize = counted.Length });
        other.Bind(y, Taken(_output)).Bind(s, Taken(t)).Run();
        Assert.That(plan[cost].Item, Is.EqualTo(other[alone].Item).Within(1e-6));
        float[] gradient = plan[dy].ToArray(), expected = other[slope].ToArray();
        Assert.That(Taken(gradient).Zip(expected, (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(1e-7));
        Assert.That(gradient.Count(value => value != 0), Is.EqualTo(expected.Count(value => value != 0)));
    }

    [Test]
    public void A_weight_of_a_row_is_that_of_its_steps_and_leaves_the_divisor_alone()
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, Steps, Classes]);
        var loss = new SoftmaxCrossEntropy();
        Node labels = loss.CreateTargets(output), weights = graph.Input("weights", [Shape.Batch]);
        Node cost = loss.Build(output, labels, weights), plain = loss.Build(output, labels);
        using Plan plan = graph.Compile([cost, plain], new PlanOptions { BatchSize = Rows });
        plan.Bind(output, _output).BindLabels(labels, new int[Rows * Steps]).Bind(weights, [2, 2, 2]).Run();
        Assert.That(plan[cost].Item, Is.EqualTo(2 * plan[plain].Item).Within(1e-5));
        Assert.That(() => loss.Build(output, labels, graph.Input("w", [Shape.Batch, Steps])), Throws.TypeOf<ShapeException>());
    }

    [Test]
    public void Losses_that_know_no_sequences_refuse_them()
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, Steps, 4]), rows = graph.Input("rows", [Shape.Batch, 4]);
        Node lengths = graph.Lengths("lengths", Steps);
        Assert.That(() => new MulticlassHinge().CreateTargets(output), Throws.TypeOf<ShapeException>());
        Assert.That(() => new GaussianNll().CreateTargets(output), Throws.TypeOf<ShapeException>());
        var loss = new SoftmaxCrossEntropy();
        Assert.That(() => loss.Build(rows, loss.CreateTargets(rows), lengths: lengths),
            Throws.TypeOf<ShapeException>().With.Message.Contains("only the loss of a sequence [B, T, K] has lengths"));
        Assert.That(() => loss.Build(output, graph.Indices("t", [Shape.Batch], 4)), Throws.TypeOf<ShapeException>());
    }

    private static IEnumerable<Loss> OfNumbers =>
        [new MeanSquaredError(), new MeanAbsoluteError(), new Huber(0.5f), new SigmoidCrossEntropy()];

    private static (float Cost, float[] Gradient, string[] Kernels) Compute(Loss loss, float[] y, int[] labels, int[]? lengths)
    {
        var graph = new Graph();
        Node output = graph.Input("output", [Shape.Batch, Steps, Classes]), targets = loss.CreateTargets(output);
        Node? counts = lengths is null ? null : graph.Lengths("lengths", Steps);
        Node cost = loss.Build(output, targets, lengths: counts), dy = graph.Gradient(cost, output)[0];
        using Plan plan = graph.Compile([cost, dy], new PlanOptions { BatchSize = Rows });
        plan.Bind(output, y).BindLabels(targets, labels);
        _ = counts is null ? plan : plan.BindLabels(counts, lengths);
        plan.Run();
        using Plan unfused = graph.Compile([cost, dy], new PlanOptions { BatchSize = Rows, Fuse = false });
        unfused.Bind(output, y).BindLabels(targets, labels);
        _ = counts is null ? unfused : unfused.BindLabels(counts, lengths);
        unfused.Run();
        Assert.That(unfused[cost].Item, Is.EqualTo(plan[cost].Item).Within(1e-6));
        return (plan[cost].Item, plan[dy].ToArray(), [.. plan.Kernels.Select(kernel => kernel.Step.Operation.Name)]);
    }

    // The loss of one example, with its class's weight, and its gradient.
    private static (double Value, double[] Slope) OfOne(SoftmaxCrossEntropy loss, ReadOnlySpan<float> logits, int label, float[]? weights)
    {
        double logSum = Math.Log(logits.ToArray().Sum(z => Math.Exp(z))), value = 0, total = 0;
        var t = new double[Classes];
        for (int c = 0; c < Classes; c++)
        {
            t[c] = (((c == label ? 1 - loss.LabelSmoothing : 0) + (loss.LabelSmoothing / Classes)) * (weights?[c] ?? 1));
            value += t[c] * (logSum - logits[c]);
            total += t[c];
        }

        var slope = new double[Classes];
        for (int c = 0; c < Classes; c++)
        {
            slope[c] = (total * Math.Exp(logits[c] - logSum)) - t[c];
        }

        return (value, slope);
    }

    private static float[] Numbers(int length, ulong seed)
    {
        var random = new RandomSource(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)random.NextNormal())];
    }
}
