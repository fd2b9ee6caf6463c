using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

[TestFixture]
internal sealed class FitOptionsTests
{
    private static readonly Dataset _data = Dataset.FromTargets(
        "rows", [.. Enumerable.Range(0, 20).Select(i => MathF.Cos(i))], 2, [.. Enumerable.Range(0, 10).Select(i => MathF.Sin(i))], 1);

    private static (FitResult Result, float[] Weights) Fit(FitOptions options, Sequential? model = null, Action<long>? onStep = null)
    {
        model ??= new Sequential(new Linear(2, 4), new Tanh(), new Linear(4, 1));
        using var trainer = new Trainer(
            model, new MeanSquaredError(), new Sgd(0.1f), new TrainerOptions { BatchSize = 4, Seed = 2, Threads = 1 });
        FitResult result = trainer.Fit(_data, null, options with { StepProgress = onStep is null ? null : new Listener(onStep) });
        return (result, [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())]);
    }

    [Test]
    public void Steps_of_whole_epochs_are_those_epochs()
    {
        (FitResult steps, float[] first) = Fit(new FitOptions { Steps = 6 });
        (FitResult epochs, float[] second) = Fit(new FitOptions { Epochs = 2 });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.EqualTo(second));
            Assert.That((steps.Steps, steps.IsCancelled), Is.EqualTo((6, false)));
            Assert.That(steps.Epochs.Select(epoch => epoch.Train), Is.EqualTo(epochs.Epochs.Select(epoch => epoch.Train)));
        }
    }

    [Test]
    public void Last_epoch_may_be_a_part()
    {
        var told = new List<long>();
        (FitResult result, _) = Fit(new FitOptions { Steps = 4 }, onStep: told.Add);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2 }));
            Assert.That(result.Steps, Is.EqualTo(4));
            Assert.That(told, Is.EqualTo(new long[] { 1, 2, 3, 4 }));
        }
    }

    [TestCase(3)]
    [TestCase(4)]
    public void Run_taken_up_again_ends_where_an_unbroken_one_does(int completed)
    {
        float[] unbroken = Fit(new FitOptions { Epochs = 3 }).Weights;
        var model = new Sequential(new Linear(2, 4), new Tanh(), new Linear(4, 1));
        Fit(new FitOptions { Steps = completed }, model);
        (FitResult rest, float[] weights) = Fit(new FitOptions { Epochs = 3, CompletedSteps = completed }, model);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(weights, Is.EqualTo(unbroken));
            Assert.That(rest.Steps, Is.EqualTo(9 - completed));
            Assert.That(rest.Last!.Epoch, Is.EqualTo(3));
        }
    }

    [Test]
    public void Every_epoch_has_the_samplers_order_of_its_own()
    {
        var model = new Sequential(new Linear(2, 4), new Tanh(), new Linear(4, 1));
        using var trainer = new Trainer(
            model, new MeanSquaredError(), new Sgd(0.1f), new TrainerOptions { BatchSize = 4, Seed = 2, Threads = 1 });
        var sampler = new MinibatchSampler(10, 4, shuffle: true, seed: 2);
        for (int epoch = 0; epoch < 3; epoch++)
        {
            foreach (ReadOnlySpan<int> rows in sampler.Epoch(epoch))
            {
                Dataset batch = _data.Subset(rows);
                trainer.Step(batch.Inputs, batch.Targets);
            }
        }

        Assert.That(
            Fit(new FitOptions { Epochs = 3 }).Weights, Is.EqualTo(model.Parameters.SelectMany(parameter => parameter.Value.ToArray())));
    }

    [Test]
    public void Numbers_below_their_domain_are_refused()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                () => Fit(new FitOptions { Epochs = 0 }),
                Throws.TypeOf<OptionException>().With.Message.Contains("epochs").And.Message.Contains("got 0"));
            Assert.That(
                () => Fit(new FitOptions { Steps = 0 }),
                Throws.TypeOf<OptionException>().With.Message.Contains("steps").And.Message.Contains("got 0"));
            Assert.That(
                () => Fit(new FitOptions { CompletedSteps = -1 }), Throws.TypeOf<OptionException>().With.Message.Contains("got -1"));
            Assert.That(
                () => Fit(new FitOptions { CompletedSteps = (1L << 53) + 1 }),
                Throws.TypeOf<OptionException>().With.Message.Contains($"got {(1L << 53) + 1}"));
        }
    }

    private sealed class Listener(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
