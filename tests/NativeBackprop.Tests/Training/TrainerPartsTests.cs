using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>Forward, backward and update one by one: what they come to, and in which order they may be called.</summary>
[TestFixture]
internal sealed class TrainerPartsTests
{
    private const string Order = "call Forward, Backward, Update in this order";

    private static readonly float[] _x = [0.5f, -1, 2, 0.25f, 1, 1, -1, 0.5f], _t = [1, -1, 0.5f, 0];
    private static readonly Func<Optimizer>[] _optimizers =
        [() => new Sgd(0.1f, weightDecay: 0.01f), () => new Sgd(0.1f, 0.9f), () => new Adam(0.01f)];

    [Test]
    public void The_parts_come_to_a_step_bit_for_bit_where_nothing_is_fused(
        [ValueSource(nameof(_optimizers))] Func<Optimizer> optimizer, [Values] bool clip, [Values] bool fuse)
    {
        var options = new TrainerOptions
        {
            Fuse = fuse,
            L2 = 0.01f,
            GradientTransforms = clip ? [GradientTransform.ClipByNorm(0.1f)] : [],
            Schedule = LearningRateSchedule.Step(2, 0.5),
            Groups = [new ParameterGroup(parameter => parameter.Shape.Rank == 1) { LearningRateFactor = 2 }],
        };
        Sequential whole = Model(), parts = Model();
        using var steps = new Trainer(whole, new MeanSquaredError(), optimizer(), options);
        using var halves = new Trainer(parts, new MeanSquaredError(), optimizer(), options);
        for (int i = 0; i < 6; i++)
        {
            float loss = steps.Step(_x, _t);
            Assert.That(halves.Forward(_x, _t), Is.EqualTo(loss).Within(fuse ? 1e-6f : 0));
            halves.Backward();
            halves.Update();
        }

        Assert.That(Values(parts), fuse ? Is.EqualTo(Values(whole)).Within(1e-5) : Is.EqualTo(Values(whole)));
        Assert.That((halves.Steps, steps.Steps), Is.EqualTo((6, 6)));
    }

    [Test]
    public void Backward_adds_up_over_minibatches_when_asked()
    {
        Sequential model = Model();
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        float[][] gradients = new float[2][];
        for (int half = 0; half < 2; half++)
        {
            trainer.Forward(_x.AsSpan(4 * half, 4), _t.AsSpan(2 * half, 2));
            trainer.Backward();
            gradients[half] = Gradients(trainer, model);
        }

        for (int half = 0; half < 2; half++)
        {
            trainer.Forward(_x.AsSpan(4 * half, 4), _t.AsSpan(2 * half, 2));
            trainer.Backward(accumulate: half > 0);
        }

        Assert.That(Gradients(trainer, model), Is.EqualTo(gradients[0].Zip(gradients[1], (a, b) => a + b)));
        trainer.Update();
        float[][] after = new float[2][];
        foreach (bool accumulate in new[] { true, false })
        {
            trainer.Forward(_x.AsSpan(4), _t.AsSpan(2));
            trainer.Backward(accumulate);
            after[accumulate ? 0 : 1] = Gradients(trainer, model);
        }

        Assert.That(after[0], Is.EqualTo(after[1]), "after an update the sum starts anew");
    }

    [Test]
    public void Two_minibatches_added_up_are_one_of_both()
    {
        Sequential added = Model(), whole = Model();
        using var parts = new Trainer(added, new MeanSquaredError(), new Sgd(0.05f));
        using var once = new Trainer(whole, new MeanSquaredError(), new Sgd(0.1f));
        for (int half = 0; half < 2; half++)
        {
            parts.Forward(_x.AsSpan(4 * half, 4), _t.AsSpan(2 * half, 2));
            parts.Backward(accumulate: true);
        }

        parts.Update();
        once.Step(_x, _t);
        Assert.That(Values(added), Is.EqualTo(Values(whole)).Within(1e-6), "each is a mean of its own, so half the rate");
        Assert.That(parts.Steps, Is.EqualTo(1));
    }

    [Test]
    public void Backward_twice_needs_a_forward_of_its_own()
    {
        using var trainer = new Trainer(Model(), new MeanSquaredError(), new Sgd(0.1f));
        Assert.That(() => trainer.Backward(), Throws.InvalidOperationException.With.Message.Contains(Order));
        trainer.Forward(_x, _t);
        trainer.Backward();
        Assert.That(() => trainer.Backward(), Throws.InvalidOperationException.With.Message.Contains(Order));
        Assert.That(trainer.Update, Throws.Nothing);
    }

    [Test]
    public void Update_needs_gradients()
    {
        using var trainer = new Trainer(Model(), new MeanSquaredError(), new Sgd(0.1f));
        Assert.That(trainer.Update, Throws.InvalidOperationException.With.Message.Contains(Order));
        trainer.Forward(_x, _t);
        Assert.That(trainer.Update, Throws.InvalidOperationException.With.Message.Contains(Order));
        trainer.Backward();
        trainer.Update();
        Assert.That(trainer.Update, Throws.InvalidOperationException.With.Message.Contains(Order));
        Assert.That(trainer.Steps, Is.EqualTo(1));
    }

    [Test]
    public void A_step_drops_a_forward_and_gradients_that_wait()
    {
        Sequential model = Model();
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        trainer.Forward(_x, _t);
        trainer.Step(_x, _t);
        Assert.That(() => trainer.Backward(), Throws.InvalidOperationException.With.Message.Contains(Order));
        trainer.Forward(_x, _t);
        trainer.Backward();
        trainer.Step(_x, _t);
        Assert.That(
            () => Gradients(trainer, model), Throws.InvalidOperationException.With.Message.Contains("until Update or another step"));
        Assert.That(trainer.Update, Throws.InvalidOperationException);
    }

    [Test]
    public void A_gradient_is_there_from_backward_to_update_in_memory_of_its_own()
    {
        Sequential model = Model();
        Parameter weight = model.Parameters["0.weight"];
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        Assert.That(() => trainer.Gradient(weight).Length, Throws.InvalidOperationException);
        trainer.Forward(_x, _t);
        Assert.That(() => trainer.Gradient(weight).Length, Throws.InvalidOperationException);
        trainer.Backward();
        ReadOnlySpan<float> gradient = trainer.Gradient(weight);
        float[] copy = gradient.ToArray();
        trainer.Forward(_x.AsSpan(4), _t.AsSpan(2));
        Assert.That(gradient.ToArray(), Is.EqualTo(copy), "a forward pass writes elsewhere");
        trainer.Update();
        Assert.That(gradient.ToArray(), Is.EqualTo(copy), "so does an update");
        Assert.That(() => trainer.Gradient(weight).Length, Throws.InvalidOperationException);
        Assert.That(() => trainer.Gradient(new Parameter("other", [1])).Length, Throws.TypeOf<KeyNotFoundException>());
        Assert.That(() => trainer.Gradient(null!).Length, Throws.ArgumentNullException);
        trainer.Dispose();
        Assert.That(gradient.ToArray(), Is.EqualTo(copy), "the memory outlives the trainer");
    }

    [Test]
    public void Gradients_cannot_be_added_up_over_a_change_of_what_is_frozen()
    {
        Sequential model = Model();
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        trainer.Forward(_x, _t);
        trainer.Backward();
        model.Parameters[0].Freeze();
        trainer.Forward(_x, _t);
        Assert.That(() => trainer.Backward(accumulate: true), Throws.InvalidOperationException.With.Message.Contains("frozen or thawed"));
        trainer.Backward();
        Assert.That(() => trainer.Gradient(model.Parameters[0]).Length, Throws.InvalidOperationException.With.Message.Contains("frozen"));
    }

    [Test]
    public void An_evaluation_leaves_a_pending_forward_alone()
    {
        Sequential model = new(new Linear(2, 3), new Dropout(0.5f), new Linear(3, 1)), twin = (Sequential)model.Clone();
        var data = NativeBackprop.Data.Dataset.FromTargets("rows", [9, 9, 8, 8], 2, [1, 2], 1);
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        using var other = new Trainer(twin, new MeanSquaredError(), new Sgd(0.1f));
        foreach (Trainer each in new[] { trainer, other })
        {
            each.Forward(_x, _t);
        }

        float[] output = trainer.Output.ToArray();
        trainer.Evaluate(data);
        Assert.That(trainer.Output.ToArray(), Is.EqualTo(output));
        foreach (Trainer each in new[] { trainer, other })
        {
            each.Backward();
            each.Update();
        }

        Assert.That(Values(model), Is.EqualTo(Values(twin)));
    }

    [Test]
    public void Forward_in_training_mode_draws_new_masks_once()
    {
        Sequential Dropping() => new(new Linear(2, 16), new Dropout(0.5f), new Linear(16, 1));
        using var parts = new Trainer(Dropping(), new MeanSquaredError(), new Sgd(0.1f));
        using var whole = new Trainer(Dropping(), new MeanSquaredError(), new Sgd(0.1f));
        for (int i = 0; i < 4; i++)
        {
            float loss = whole.Step(_x, _t);
            Assert.That(parts.Forward(_x, _t), Is.EqualTo(loss).Within(1e-6));
            parts.Backward();
            parts.Update();
        }
    }

    [Test]
    public void Output_before_any_step_says_what_comes_first()
    {
        using var trainer = new Trainer(Model(), new MeanSquaredError(), new Sgd(0.1f));
        Assert.That(() => trainer.Output, Throws.InvalidOperationException.With.Message.Contains("Step"));
        trainer.Prepare(2);
        Assert.That(() => trainer.Output, Throws.InvalidOperationException);
        trainer.Step(_x, _t);
        Assert.That(trainer.Output.Span.Length, Is.EqualTo(4));
    }

    private static Sequential Model() => new(new Linear(2, 5), new Tanh(), new Linear(5, 1));

    private static float[] Values(Layer model) => [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    private static float[] Gradients(Trainer trainer, Layer model) =>
        [.. model.Parameters.SelectMany(parameter => trainer.Gradient(parameter).ToArray())];
}
