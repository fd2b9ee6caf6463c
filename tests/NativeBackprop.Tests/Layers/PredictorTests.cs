using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Execution;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

[TestFixture]
[NonParallelizable]
internal sealed class PredictorTests
{
    private const int Inputs = 6, Outputs = 3;

    [Test]
    public void An_output_that_overlaps_the_input_is_refused()
    {
        var model = new Linear(2, 4);
        model.Initialize(1);
        using Predictor predictor = model.CreatePredictor(300);
        float[] buffer = new float[4 * 140];
        Assert.That(() => predictor.Predict(buffer.AsSpan(0, 2 * 140), buffer), Throws.ArgumentException.With.Message.Contains("overlap"));
    }

    [Test]
    public void Every_batch_size_gives_what_single_rows_give([Values(1, 7, 64, 100)] int maxBatch, [Values] bool keepsRowsApart)
    {
        Sequential model = keepsRowsApart ? Model() : new Sequential(Model(), new Standing());
        using Predictor predictor = model.CreatePredictor(maxBatch);
        float[] x = Rows(maxBatch), expected = new float[maxBatch * Outputs];
        for (int row = 0; row < maxBatch; row++)
        {
            predictor.Predict(x.AsSpan(row * Inputs, Inputs), expected.AsSpan(row * Outputs, Outputs));
        }

        for (int rows = 1; rows <= maxBatch; rows++)
        {
            float[] output = new float[rows * Outputs];
            predictor.Predict(x.AsSpan(0, rows * Inputs), output);
            Assert.That(output, Is.EqualTo(expected[..output.Length]).Within(1e-5), $"{rows} rows");
        }
    }

    [Test]
    public void Rows_that_have_to_do_with_one_another_are_not_padded()
    {
        using Predictor predictor = new Sequential(Model(), new Centred()).CreatePredictor(16);
        float[] x = Rows(5), output = new float[5 * Outputs];
        predictor.Predict(x, output);
        for (int column = 0; column < Outputs; column++)
        {
            Assert.That(Enumerable.Range(0, 5).Sum(row => output[(row * Outputs) + column]), Is.EqualTo(0).Within(1e-5));
        }
    }

    [Test]
    public void A_users_op_must_say_that_it_keeps_rows_apart([Values] bool says)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 2]), y = graph.Add(new Doubling(says), x);
        Assert.That(RowAnalysis.KeepsRowsApart(y), Is.EqualTo(says));
        var model = new Sequential(new Linear(Inputs, Outputs), new Wrapped(new Doubling(says)));
        using Predictor predictor = model.Initialized().CreatePredictor(9);
        float[] output = new float[9 * Outputs];
        predictor.Predict(Rows(9), output);
        predictor.Predict(Rows(5), output.AsSpan(0, 5 * Outputs));
        Assert.That(output, Has.All.Not.NaN);
    }

    [Test]
    public void What_keeps_rows_apart_is_known_of_each_op()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 4]);
        Node w = graph.Variable("w", [4, 4], new float[16]), b = graph.Variable("b", [4], 1, 2, 3, 4);
        Node column = x.Sum(1, keepDimensions: true);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Apart(x.MatMul(w) + b), "affine");
            Assert.That(Apart(x.Softmax()), "softmax");
            Assert.That(Apart((x - x.Mean(1, keepDimensions: true)) / column), "over columns");
            Assert.That(Apart(x.Reshape([Shape.Batch, 2, 2]).Max(-1)), "maxout");
            Assert.That(Apart(x.Slice(1, 1, 2)), "slice of columns");
            Assert.That(Apart(graph.Concatenate(1, x, x.Relu())), "side by side");
            Assert.That(Apart(x.Sum(0)), Is.False, "a sum over the batch");
            Assert.That(Apart(x - x.Mean(0, keepDimensions: true)), Is.False, "less the mean over the batch");
            Assert.That(Apart(x.Transpose().MatMul(x)), Is.False, "a product over the batch");
            Assert.That(Apart(x.Transpose()), Is.False, "transposed");
            Assert.That(Apart(w.MatMul(w)), Is.False, "nothing of the batch");
        }

        static bool Apart(Node node) => RowAnalysis.KeepsRowsApart(node);
    }

    [TestCase(64, 1, "1")]
    [TestCase(64, 3, "4")]
    [TestCase(64, 33, "32 1")]
    [TestCase(64, 40, "32 8")]
    [TestCase(64, 50, "64")]
    [TestCase(100, 100, "100")]
    [TestCase(100, 65, "64 1")]
    [TestCase(100, 90, "100")]
    [TestCase(1000, 700, "512 128 64")]
    public void Batches_are_made_up_of_planned_sizes(int maxBatch, int rows, string expected)
    {
        var sizes = new BatchSizes([], maxBatch);
        var runs = new List<int>();
        for (int left = rows; left > 0; left -= runs[^1])
        {
            runs.Add(sizes.Next(left));
        }

        Assert.That(string.Join(' ', runs), Is.EqualTo(expected));
    }

    [Test]
    public void Sizes_may_be_chosen()
    {
        var sizes = new BatchSizes([33], 64);
        Assert.That((sizes.Count, sizes.Next(33), sizes.Next(5), sizes.Next(40)), Is.EqualTo((2, 33, 33, 64)));
    }

    [Test]
    public void Predicting_allocates_nothing([Values(1, 3, 40, 64)] int rows)
    {
        using Predictor predictor = Model().CreatePredictor(64);
        float[] x = Rows(rows), y = new float[rows * Outputs];
        AllocationTests.AssertAllocatesNothing(() => predictor.Predict(x, y));
    }

    [Test]
    public void Published_values_are_seen_by_the_next_call_and_training_by_none()
    {
        Sequential model = Model();
        using Predictor predictor = model.CreatePredictor(4);
        float[] x = Rows(4), before = new float[4 * Outputs], after = new float[4 * Outputs];
        predictor.Predict(x, before);
        model.Parameters["0.weight"].Set(new float[Inputs * 8]);
        predictor.Predict(x, after);
        Assert.That(after, Is.EqualTo(before));
        predictor.Publish(model);
        predictor.Predict(x, after);
        Assert.That(after, Is.Not.EqualTo(before));
        predictor.Publish((Sequential)Model().Clone());
        predictor.Predict(x, after);
        Assert.That(after, Is.EqualTo(before), "another layer of the same structure will do");
    }

    [Test]
    public void A_model_of_another_structure_is_refused()
    {
        using Predictor predictor = Model().CreatePredictor(2);
        float[] before = new float[Outputs], after = new float[Outputs];
        predictor.Predict(Rows(1), before);
        using (Assert.EnterMultipleScope())
        {
            Refuse(new Sequential(new Linear(Inputs, 8), new Relu(), new Linear(8, Outputs)), "another function");
            Refuse(new Sequential(new Linear(Inputs, 9), new Tanh(), new Linear(9, Outputs)), "another width");
            Refuse(new Sequential(new Linear(Inputs, 8), new Tanh()), "a layer less");
            Refuse(new Sequential(Model(), new Relu()), "a layer more");
            Refuse(new Sequential(new Linear(Inputs, 8, bias: false), new Tanh(), new Linear(8, Outputs)), "no bias");
        }

        predictor.Predict(Rows(1), after);
        Assert.That(after, Is.EqualTo(before));

        void Refuse(Sequential model, string why) =>
            Assert.That(
                () => predictor.Publish(model.Initialized()),
                Throws.TypeOf<ShapeException>().With.Message.Contains("another structure"),
                why);
    }

    [Test]
    public void Values_that_were_never_drawn_are_not_predicted_with()
    {
        Assert.That(
            () => new Sequential(new Linear(2, 1)).CreatePredictor(1), Throws.InvalidOperationException.With.Message.Contains("no values"));
        using Predictor predictor = new Sequential(new Linear(2, 1)).Initialized().CreatePredictor(1);
        Assert.That(() => predictor.Publish(new Sequential(new Linear(2, 1))), Throws.InvalidOperationException);
    }

    [Test]
    public void What_does_not_fit_is_refused()
    {
        using Predictor predictor = Model().CreatePredictor(2);
        float[] y = new float[2 * Outputs];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => predictor.Predict([], y), Throws.TypeOf<ShapeException>());
            Assert.That(() => predictor.Predict(Rows(3), y), Throws.TypeOf<ShapeException>().With.Message.Contains("1 to 2 rows"));
            Assert.That(() => predictor.Predict(new float[Inputs + 1], y), Throws.TypeOf<ShapeException>());
            Assert.That(() => predictor.Predict(Rows(1), y), Throws.TypeOf<ShapeException>().With.Message.Contains("room for 1 rows"));
            Assert.That(() => predictor.Predict([1, 2, float.NaN, 4, 5, 6], y.AsSpan(0, Outputs)), Throws.TypeOf<DataException>());
            Assert.That(() => predictor.Publish(null!), Throws.ArgumentNullException);
            Assert.That(() => Model().CreatePredictor(0), Throws.TypeOf<OptionException>());
            Assert.That(() => Model().CreatePredictor(2, new PredictorOptions { Plans = -1 }), Throws.TypeOf<OptionException>());
            Assert.That(() => Model().CreatePredictor(2, new PredictorOptions { Threads = 2000 }), Throws.TypeOf<OptionException>());
            Assert.That(() => Model().CreatePredictor(2, new PredictorOptions { BatchSizes = [3] }), Throws.TypeOf<OptionException>());
            Assert.That(() => new Sequential(new Relu()).CreatePredictor(1), Throws.TypeOf<GraphException>());
        }
    }

    [Test]
    public void More_callers_than_plans_take_turns([Values(1, 2)] int plans)
    {
        using Predictor predictor = Model().CreatePredictor(8, new PredictorOptions { Plans = plans });
        float[] x = Rows(8), expected = new float[8 * Outputs];
        predictor.Predict(x, expected);
        const int enough = 100, patience = 20_000;
        int wrong = 0;
        int[] calls = new int[8];
        long end = Environment.TickCount64 + patience;
        Thread[] threads = [.. Enumerable.Range(0, calls.Length).Select(index => new Thread(() =>
        {
            float[] output = new float[8 * Outputs];
            while (Environment.TickCount64 < end && Array.Exists(calls, count => count < enough))
            {
                predictor.Predict(x, output);
                Interlocked.Add(ref wrong, output.AsSpan().SequenceEqual(expected) ? 0 : 1);
                Interlocked.Increment(ref calls[index]);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.That(wrong, Is.Zero);
        Assert.That(calls, Has.All.GreaterThanOrEqualTo(enough), "nobody starves");
    }

    [Test]
    public void Disposing_waits_for_calls_under_way_and_refuses_later_ones()
    {
        using var started = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        Sequential model = new Sequential(new Linear(Inputs, Outputs), new Wrapped(new Doubling(true, () =>
        {
            started.Set();
            go.Wait();
        }))).Initialized();
        Predictor predictor = model.CreatePredictor(1, new PredictorOptions { Plans = 1 });
        float[] output = new float[Outputs];
        Task call = Start(() => predictor.Predict(Rows(1), output));
        started.Wait();
        Task waiting = Start(() => predictor.Predict(Rows(1), new float[Outputs])), disposal = Start(predictor.Dispose);
        bool isClosing = false;
        while (!isClosing)
        {
            try
            {
                predictor.Publish(model);
                Thread.Sleep(1);
            }
            catch (ObjectDisposedException)
            {
                isClosing = true;
            }
        }

        Assert.That(disposal.IsCompleted, Is.False);
        go.Set();
        Assert.That(disposal.Wait(10_000) && call.Wait(10_000));
        Assert.That(output, Has.Some.Not.Zero);
        Assert.That(() => waiting.Wait(10_000), Throws.TypeOf<AggregateException>().With.InnerException.TypeOf<ObjectDisposedException>());
        Assert.That(() => predictor.Predict(Rows(1), output), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => predictor.Publish(Model()), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(predictor.Dispose, Throws.Nothing);

        static Task Start(Action action) => Task.Factory.StartNew(
            action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    [Test]
    public void A_call_from_inside_a_call_is_refused([Values(1, 2)] int threads)
    {
        Predictor? predictor = null;
        var seen = new List<Exception>();
        var op = new Doubling(true, () =>
        {
            foreach (Action action in (Action[])[() => predictor!.Predict(Rows(1), new float[Outputs]), () => predictor!.Dispose()])
            {
                try
                {
                    action();
                }
                catch (InvalidOperationException error)
                {
                    seen.Add(error);
                }
            }
        });
        using (predictor = new Sequential(new Linear(Inputs, Outputs), new Wrapped(op)).Initialized()
            .CreatePredictor(1, new PredictorOptions { Plans = 1, Threads = threads }))
        {
            predictor.Predict(Rows(1), new float[Outputs]);
        }

        Assert.That(
            seen.Select(error => error.Message), Is.EqualTo(Enumerable.Repeat("the Predictor cannot be used from inside its own call", 2)));
    }

    [Test]
    public void An_op_that_fails_leaves_the_predictor_as_it_was()
    {
        bool fails = true;
        using Predictor predictor = new Sequential(new Linear(Inputs, Outputs), new Wrapped(new Doubling(true, () =>
        {
            if (fails)
            {
                throw new FormatException("not today");
            }
        }))).Initialized().CreatePredictor(1, new PredictorOptions { Plans = 1 });
        float[] output = new float[Outputs];
        for (int i = 0; i < 3; i++)
        {
            Assert.That(
                () => predictor.Predict(Rows(1), output), Throws.TypeOf<GraphException>().With.InnerException.TypeOf<FormatException>());
        }

        fails = false;
        Assert.That(() => predictor.Predict(Rows(1), output), Throws.Nothing);
    }

    private static Sequential Model() => new Sequential(new Linear(Inputs, 8), new Tanh(), new Linear(8, Outputs)).Initialized();

    private static float[] Rows(int count) => [.. Enumerable.Range(0, count * Inputs).Select(i => MathF.Sin(1.3f * i))];

    /// <summary>Nothing in the end, but by a way on which nobody can see that rows stay apart.</summary>
    private sealed class Standing : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => input.Transpose().Transpose();
    }

    /// <summary>Less the mean over the batch.</summary>
    private sealed class Centred : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => input - input.Mean(0, keepDimensions: true);
    }

    private sealed class Wrapped(CustomOp op) : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => context.Graph.Add(op, input);
    }

    private sealed class Doubling(bool keepsRowsApart, Action? meanwhile = null) : CustomOp
    {
        public override bool KeepsRowsApart => keepsRowsApart;

        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output)
        {
            meanwhile?.Invoke();
            for (int i = 0; i < output.Length; i++)
            {
                output[i] = 2 * inputs[0][i];
            }
        }

        public override void Backward(
            int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) =>
            outputGradient.CopyTo(inputGradient);
    }
}

internal static class LayerExtensions
{
    /// <summary>The layer, with drawn values.</summary>
    public static T Initialized<T>(this T layer, ulong seed = 1)
        where T : Layer
    {
        layer.Initialize(seed);
        return layer;
    }
}
