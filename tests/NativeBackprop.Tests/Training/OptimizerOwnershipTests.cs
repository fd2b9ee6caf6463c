using System.Runtime.CompilerServices;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

[TestFixture]
internal sealed class OptimizerOwnershipTests
{
    private static readonly float[] _x = [0.5f, -1, 2, 0.25f], _t = [1, -1];

    [Test]
    public void A_second_trainer_with_the_same_optimizer_is_refused()
    {
        var adam = new Adam();
        using var first = new Trainer(Model(), new MeanSquaredError(), adam);
        Assert.That(
            () => new Trainer(Model(), new MeanSquaredError(), adam),
            Throws.TypeOf<InvalidOperationException>()
                .With.Message.Contains("belongs to another Trainer").And.Message.Contains("shared: true"));
        Assert.That(first.Step(_x, _t), Is.GreaterThan(0));
    }

    [Test]
    public void A_trainer_gives_its_optimizer_back_when_it_is_disposed_of()
    {
        var adam = new Adam();
        new Trainer(Model(), new MeanSquaredError(), adam).Dispose();
        using var second = new Trainer(Model(), new MeanSquaredError(), adam);
        Assert.That(second.Step(_x, _t), Is.GreaterThan(0));
    }

    [Test]
    public void A_trainer_that_could_not_be_made_holds_no_optimizer()
    {
        var adam = new Adam();
        Assert.That(() => new Trainer(new Sequential(new Broken()), new MeanSquaredError(), adam), Throws.InstanceOf<Exception>());
        using var trainer = new Trainer(Model(), new MeanSquaredError(), adam);
        Assert.That(trainer.Step(_x, _t), Is.GreaterThan(0));
    }

    [Test]
    public void A_trainer_that_is_forgotten_gives_its_optimizer_back()
    {
        var adam = new Adam();
        Forget(adam);
        Trainer? second = null;
        for (int attempt = 0; attempt < 50 && second is null; attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            try
            {
                second = new Trainer(Model(), new MeanSquaredError(), adam);
            }
            catch (InvalidOperationException)
            {
                Thread.Sleep(20);
            }
        }

        Assert.That(second, Is.Not.Null);
        second!.Dispose();
    }

    [Test]
    public void A_shared_optimizer_keeps_the_state_of_each_model_apart()
    {
        var shared = new Adam(0.01f, shared: true);
        Sequential a = Model(), b = Model(), alone = Model();
        using (var first = new Trainer(a, new MeanSquaredError(), shared))
        using (var second = new Trainer(b, new MeanSquaredError(), shared))
        using (var other = new Trainer(alone, new MeanSquaredError(), new Adam(0.01f)))
        {
            for (int i = 0; i < 5; i++)
            {
                first.Step(_x, _t);
                second.Step(_x, _t);
                other.Step(_x, _t);
            }
        }

        Assert.That(Values(a), Is.EqualTo(Values(alone)));
        Assert.That(Values(b), Is.EqualTo(Values(alone)));
    }

    [Test]
    public void Training_goes_on_with_the_same_state_in_another_trainer()
    {
        Sequential parts = Model(), whole = Model();
        var adam = new Adam(0.01f);
        for (int part = 0; part < 3; part++)
        {
            using var trainer = new Trainer(parts, new MeanSquaredError(), adam);
            trainer.Step(_x, _t);
            trainer.Step(_x, _t);
        }

        using var unbroken = new Trainer(whole, new MeanSquaredError(), new Adam(0.01f));
        for (int i = 0; i < 6; i++)
        {
            unbroken.Step(_x, _t);
        }

        Assert.That(Values(parts), Is.EqualTo(Values(whole)));
    }

    [Test]
    public void State_is_named_by_the_models_parameters()
    {
        using var trainer = new Trainer(Model(), new MeanSquaredError(), new Sgd(0.1f, momentum: 0.9f));
        trainer.Prepare(2);
        Assert.That(
            trainer.State.Entries.Select(entry => entry.Name),
            Is.SupersetOf(new[] { "optimizer.0.weight.velocity", "optimizer.0.bias.velocity", "optimizer.2.weight.velocity" }));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(Optimizer optimizer) => new Trainer(Model(), new MeanSquaredError(), optimizer).Step(_x, _t);

    private static Sequential Model() => new(new Linear(2, 3), new Tanh(), new Linear(3, 1));

    private static float[] Values(Layer model) => [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    /// <summary>A layer whose values cannot be drawn.</summary>
    private sealed class Broken : Layer
    {
        public Broken() => AddParameter("weight", [1], new FailingInitializer());

        protected override Node BuildCore(Node input, BuildContext context) => input;
    }

    private sealed record FailingInitializer : Initializer
    {
        protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random) => throw new FormatException(
            "no values");
    }
}
