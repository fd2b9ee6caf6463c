using NativeBackprop.Data;
using NativeBackprop.Diagnostics;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Ops;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>What a batch norm uses when, and what it keeps.</summary>
[TestFixture]
internal sealed class BatchNormTests
{
    private const int Width = 3;

    private static float[] Rows(int rows, ulong seed = 1, int width = Width)
    {
        var values = new float[rows * width];
        Domains.Normal(values, new RandomSource(seed));
        return values;
    }

    private static (double Mean, double Unbiased) Statistics(float[] x, int column)
    {
        double[] values = [.. Enumerable.Range(0, x.Length / Width).Select(row => (double)x[(row * Width) + column])];
        double mean = values.Average();
        return (mean, values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
    }

    private static Trainer Train(Layer model, TrainerOptions? options = null) =>
        new(model, new MeanSquaredError(), new Sgd(0.01f), options ?? new TrainerOptions { BatchSize = 8, Threads = 1 });

    [Test]
    public void Running_statistics_follow_each_step_that_succeeds_once()
    {
        var norm = new BatchNorm(Width, momentum: 0.3f);
        using Trainer trainer = Train(new Sequential(norm));
        double[] mean = new double[Width], variance = [.. Enumerable.Repeat(1.0, Width)];
        for (int step = 1; step <= 4; step++)
        {
            float[] x = Rows(8, (ulong)step);
            trainer.Step(x, new float[x.Length]);
            for (int c = 0; c < Width; c++)
            {
                (double batch, double unbiased) = Statistics(x, c);
                (mean[c], variance[c]) = ((0.7 * mean[c]) + (0.3 * batch), (0.7 * variance[c]) + (0.3 * unbiased));
            }

            Assert.That(norm.BatchesTracked.Value[0], Is.EqualTo(step));
            Assert.That(Norms.Error(norm.RunningMean.Value, mean), Is.LessThan(1e-6));
            Assert.That(Norms.Error(norm.RunningVariance.Value, variance), Is.LessThan(1e-6));
        }
    }

    [Test]
    public void A_step_in_parts_commits_the_statistics_once()
    {
        var norm = new BatchNorm(Width);
        using Trainer trainer = Train(new Sequential(norm));
        float[] x = Rows(8);
        trainer.Forward(x, new float[x.Length]);
        Assert.That(norm.BatchesTracked.Value[0], Is.EqualTo(1));
        trainer.Backward();
        trainer.Update();
        Assert.That(norm.BatchesTracked.Value[0], Is.EqualTo(1));
    }

    [Test]
    public void A_step_that_faults_leaves_the_statistics_as_they_were()
    {
        var norm = new BatchNorm(Width);
        using Trainer trainer = Train(new Sequential(norm));
        trainer.Step(Rows(8), new float[8 * Width]);
        float[] mean = norm.RunningMean.Value.ToArray(), variance = norm.RunningVariance.Value.ToArray();
        float[] huge = new float[8 * Width];
        huge[4] = 3e38f;
        Assert.That(() => trainer.Step(Rows(8, 2), huge), Throws.TypeOf<NonFiniteException>());
        Assert.That(norm.RunningMean.Value.ToArray(), Is.EqualTo(mean));
        Assert.That(norm.RunningVariance.Value.ToArray(), Is.EqualTo(variance));
        Assert.That(norm.BatchesTracked.Value[0], Is.EqualTo(1));
    }

    [Test]
    public void Evaluation_and_prediction_go_by_the_running_statistics_and_keep_them()
    {
        var norm = new BatchNorm(Width, 0.5f);
        norm.Initialize(1);
        norm.Weight.Set([2, 3, 4]);
        norm.Bias.Set([-1, 0, 1]);
        norm.RunningMean.Set([1, 2, 3]);
        norm.RunningVariance.Set([0.5f, 3.5f, 15.5f]);
        var model = new Sequential(norm);
        using Predictor predictor = model.CreatePredictor(maxBatch: 4);
        float[] y = new float[2 * Width], expected = [1, 3, 4, -1, -1.5f, -1];
        predictor.Predict([2, 4, 6, 1, 1, 1], y);
        Assert.That(y, Is.EqualTo(expected).Within(1e-6));

        using Trainer trainer = Train(model);
        var data = Dataset.FromTargets("rows", [2, 4, 6, 1, 1, 1], Width, expected, Width);
        Assert.That(trainer.Evaluate(data).Loss, Is.LessThan(1e-12));
        Assert.That(norm.BatchesTracked.Value[0], Is.Zero);
        Assert.That(norm.RunningMean.Value.ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
    }

    [Test]
    public void Gradients_go_by_the_batch_and_keep_nothing_of_it()
    {
        var norm = new BatchNorm(Width);
        norm.Initialize(1);
        var network = new NetworkGradients(new Sequential(norm), new MeanSquaredError(), RowShape.Features(Width));
        var batch = Dataset.FromTargets("batch", Rows(6), Width, Rows(6, 2), Width);
        using Plan plan = network.Compile(batch, threads: 1);
        plan.Run();
        ReadOnlySpan<float> y = plan[network.Output].Span;
        for (int c = 0; c < Width; c++)
        {
            Assert.That(Statistics(y.ToArray(), c).Mean, Is.Zero.Within(1e-6));
        }

        Assert.That(norm.BatchesTracked.Value[0], Is.Zero);
        Assert.That(norm.RunningMean.Value.ToArray(), Is.All.Zero);
    }

    [Test]
    public void One_value_a_channel_is_refused_in_training_by_the_name_of_the_layer()
    {
        using Trainer trainer = Train(new Sequential(new Linear(2, Width), new BatchNorm(Width)));
        Assert.That(() => trainer.Step([1, 2], new float[Width]), Throws.TypeOf<ShapeException>().With.Message.EqualTo(
            "1.batch statistics: the statistics of a batch need more than one value a channel, got [1, 3]"));
        Assert.That(() => trainer.Step([1, 2, 3, 4], new float[2 * Width]), Throws.Nothing);
    }

    [TestCase(9, 4, 2)]
    [TestCase(9, 8, 1)]
    [TestCase(8, 4, 2)]
    [TestCase(10, 4, 3)]
    public void Fit_joins_a_last_row_to_the_batch_before_where_a_batch_norm_needs_it(int rows, int batchSize, int steps)
    {
        var norm = new BatchNorm(Width);
        using Trainer trainer = Train(new Sequential(norm), new TrainerOptions { BatchSize = batchSize, Threads = 1 });
        var data = Dataset.FromTargets("rows", Rows(rows), Width, new float[rows * Width], Width);
        trainer.Fit(data, null, epochs: 2);
        Assert.That(norm.BatchesTracked.Value[0], Is.EqualTo(2 * steps));
    }

    [Test]
    public void Fit_lets_a_last_row_stand_alone_where_no_batch_norm_minds()
    {
        foreach (Layer model in (Layer[])[new Sequential(new Linear(4, 3)), new Sequential(
            RowShape.Image(2, 2, 1), new BatchNorm(1), new Flatten(), new Linear(4, 3))])
        {
            using Trainer trainer = Train(model, new TrainerOptions { BatchSize = 4, Threads = 1 });
            trainer.Fit(Dataset.FromTargets("rows", Rows(9, width: 4), 4, new float[9 * 3], 3), null, epochs: 1);
            Assert.That(trainer.Steps, Is.EqualTo(3));
        }
    }

    [Test]
    public void A_layer_used_twice_has_seen_two_batches_a_step()
    {
        var norm = new BatchNorm(Width);
        using Trainer trainer = Train(new Sequential(norm, norm));
        trainer.Step(Rows(8), new float[8 * Width]);
        Assert.That(norm.BatchesTracked.Value[0], Is.EqualTo(2));
    }

    [Test]
    public void A_clone_has_statistics_of_its_own()
    {
        var norm = new BatchNorm(Width, 0.5f, 0.25f);
        norm.Initialize(1);
        norm.RunningMean.Set([1, 2, 3]);
        var clone = (BatchNorm)norm.Clone();
        norm.RunningMean.Set([4, 5, 6]);
        Assert.That(clone.RunningMean.Value.ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
        Assert.That((clone.Epsilon, clone.Momentum), Is.EqualTo((0.5f, 0.25f)));
        string[] names = ["running_mean", "running_var", "num_batches_tracked"];
        Assert.That(clone.Buffers.Select(buffer => buffer.Name), Is.EqualTo(names));
    }

    [Test]
    public void Options_outside_their_domain_are_refused()
    {
        Assert.That(() => new BatchNorm(0), Throws.TypeOf<OptionException>().With.Message.Contains("got 0"));
        Assert.That(() => new BatchNorm(3, 0), Throws.TypeOf<OptionException>().With.Message.EqualTo(
            "a batch norm's epsilon must be a finite number above 0, got 0"));
        Assert.That(() => new BatchNorm(3, momentum: 2), Throws.TypeOf<OptionException>().With.Message.Contains("momentum"));
        Assert.That(() => new GroupNorm(2, 3), Throws.TypeOf<OptionException>().With.Message.Contains("2 groups of 3 channels"));
        Assert.That(() => new GroupNorm(0, 3), Throws.TypeOf<OptionException>());
        Assert.That(() => new GroupNorm(1, 3, float.NaN), Throws.TypeOf<OptionException>());
    }

    [Test]
    public void An_input_of_another_kind_or_width_is_refused()
    {
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Training);
        Node sequence = graph.Input("s", RowShape.Sequence(4, Width)), features = graph.Input("f", RowShape.Features(4));
        Assert.That(() => new BatchNorm(Width).Build(sequence, context), Throws.TypeOf<ShapeException>().With.Message.Contains(
            "a batch norm takes features [B, 3] or a signal [B, L, 3] or an image [B, H, W, 3], got a sequence of shape [B, 4, 3] from s"));
        Assert.That(() => new BatchNorm(Width).Build(features, context), Throws.TypeOf<ShapeException>());
        Assert.That(() => new GroupNorm(1, Width).Build(sequence, context), Throws.TypeOf<ShapeException>());
    }

    // Blocks of rows, and columns, may be anybody's.
    [Test]
    public void A_training_step_has_the_same_bits_on_any_number_of_threads()
    {
        var results = new List<float[]>();
        foreach (int threads in (int[])[1, 2, 3])
        {
            var graph = new Graph();
            Node x = graph.Input("x", RowShape.Image(9, 7, 70)), u = graph.Input("u", x.Shape);
            var model = new Sequential(new BatchNorm(70), new Relu(), new MaxPool2d(3, stride: 2, padding: 1));
            model.Initialize(1);
            Node y = model.Build(x, new BuildContext(graph, BuildMode.Training));
            Node[] all = [y, .. graph.Gradient((y * y).Sum(), [x, .. model.Parameters.Select(graph.Variable)])];
            using Plan plan = graph.Compile(all, new PlanOptions { BatchSize = 11, Threads = threads, ExactThreads = true });
            plan.Bind(x, Rows(11 * 9 * 7, width: 70)).Run();
            results.Add([.. all.SelectMany(node => plan[node].ToArray())]);
        }

        Assert.That(results[1], Is.EqualTo(results[0]));
        Assert.That(results[2], Is.EqualTo(results[0]));
    }
}
