using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>A steady step allocates nothing: not on the caller's thread, and not on the plan's own.</summary>
[TestFixture]
[NonParallelizable]
public sealed class AllocationTests
{
    [TestCase(1)]
    [TestCase(2)]
    public void A_run_of_a_plan_allocates_nothing(int threads)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [64, 128]), t = graph.Add(new Indices("t", [64], new IndexRange(10)));
        Node w = graph.Variable("w", [128, 128], new float[128 * 128]), v = graph.Variable("v", [128, 10], new float[1280]);
        Node loss = graph.Add(new SoftmaxCrossEntropyPerExample(false), x.MatMul(w).Relu().MatMul(v), t).Mean();
        Node[] outputs = [loss, .. graph.Gradient(loss, w, v), x.Log().Sum(), x.Transpose().Softmax().Max()];
        using Plan plan = graph.Compile(outputs, new PlanOptions { Threads = threads, ExactThreads = true });
        float[] values = [.. Enumerable.Repeat(1f, 64 * 128)];
        int[] classes = new int[64];
        var buffer = new PinnedBuffer(values);
        AssertAllocatesNothing(() =>
        {
            plan.BindLabels(t, classes);
            plan.Bind(x, buffer);
            plan.Run();
            plan.Bind(x, values);
            plan.Run();
            _ = plan[loss].Item;
        });
    }

    [Test]
    public void A_step_of_a_trainer_allocates_nothing([Values(1, 2)] int threads, [Values] bool adam, [Values] bool classes)
    {
        var model = new Sequential(new Linear(256, 128), new Relu(), new LayerNorm(128), new Dropout(0.2f), new Linear(128, 10));
        Optimizer optimizer = adam ? new Adam() : new Sgd(0.01f);
        using var trainer = new Trainer(model, classes ? new SoftmaxCrossEntropy() : new MeanSquaredError(), optimizer,
            new TrainerOptions { Threads = threads, L2 = 0.001f });
        float[] x = new float[64 * 256], targets = new float[640];
        int[] labels = new int[64];
        AssertAllocatesNothing(() => _ = classes ? trainer.StepLabels(x, labels) : trainer.Step(x, targets));
        AssertAllocatesNothing(() =>
        {
            _ = classes ? trainer.ForwardLabels(x, labels) : trainer.Forward(x, targets);
            trainer.Backward(accumulate: true);
            trainer.Update();
        });
        Assert.That(trainer.Threads, Is.EqualTo(Math.Min(threads, Environment.ProcessorCount)));
    }

    [Test]
    public void A_prediction_allocates_nothing()
    {
        var model = new Sequential(new Linear(32, 16), new Gelu(), new Linear(16, 4));
        model.Initialize(1);
        using Predictor predictor = model.CreatePredictor(maxBatch: 2);
        float[] x = new float[64], y = new float[8];
        AssertAllocatesNothing(() => predictor.Predict(x, y));
    }

    // Timers of the test host allocate some ten times a second, and so does code that is not compiled to its last tier yet: what counts is
    // that many steps in a row can pass without a byte. A step that allocates does so in every one of them.
    internal static void AssertAllocatesNothing(Action step, int steps = 10)
    {
        (long own, long all) = (long.MaxValue, long.MaxValue);
        for (int attempt = 0; attempt < 100 && (own > 0 || all > 0); attempt++)
        {
            (long ownBefore, long allBefore) = (GC.GetAllocatedBytesForCurrentThread(), GC.GetTotalAllocatedBytes(precise: true));
            for (int i = 0; i < steps; i++)
            {
                step();
            }

            (own, all) = (GC.GetAllocatedBytesForCurrentThread() - ownBefore, GC.GetTotalAllocatedBytes(precise: true) - allBefore);
            Thread.Sleep(10);
        }

        Assert.That(own, Is.Zero, "on the caller's thread");
        Assert.That(all, Is.Zero, "in the whole process");
    }
}
