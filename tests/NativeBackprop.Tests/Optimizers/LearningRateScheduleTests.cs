using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Optimizers;

public class LearningRateScheduleTests
{
    [Test]
    public void Factors_follow_their_formulas()
    {
        Assert.That(Factors(LearningRateSchedule.Constant(), 3), Is.EqualTo(new double[] { 1, 1, 1 }));
        Assert.That(Factors(LearningRateSchedule.Step(2, 0.1), 5), Is.EqualTo(new[] { 1, 1, 0.1, 0.1, 0.01 }).AsCollection.Within(1e-15));
        Assert.That(
            Factors(LearningRateSchedule.Cosine(4, 0.2), 6),
            Is.EqualTo(new[] { 1, 0.6 + (0.4 * Math.Sqrt(0.5)), 0.6, 0.6 - (0.4 * Math.Sqrt(0.5)), 0.2, 0.2 }).AsCollection.Within(1e-15));
        Assert.That(Factors(LearningRateSchedule.WarmUp(4), 6), Is.EqualTo(new[] { 0.25, 0.5, 0.75, 1, 1, 1 }));
        Assert.That(
            Factors(LearningRateSchedule.WarmUp(2, LearningRateSchedule.Step(1, 0.5)), 5), Is.EqualTo(new[] { 0.5, 1, 1, 0.5, 0.25 }));
    }

    [Test]
    public void A_trainer_multiplies_the_rate_step_by_step()
    {
        // y = w with x = 1 and t = 0 and the loss y²: dw = 2w, so that a rate of 1/4 halves w.
        var model = new Sequential(new Linear(1, 1, bias: false, Initializer.Constant(1)));
        using var trainer = new Trainer(
            model, new MeanSquaredError(), new Sgd(0.25f),
            new TrainerOptions { Schedule = LearningRateSchedule.Step(1, 0) });
        trainer.Step([1], [0f]);
        Assert.That(model.Parameters[0].Value[0], Is.EqualTo(0.5f));
        trainer.Step([1], [0f]);
        Assert.That(model.Parameters[0].Value[0], Is.EqualTo(0.5f), "from the second step on the rate is 0");
        Assert.That(trainer.Steps, Is.EqualTo(2));
        trainer.Steps = 0;
        trainer.Step([1], [0f]);
        Assert.That(model.Parameters[0].Value[0], Is.EqualTo(0.25f));
    }

    [Test]
    public void Values_outside_their_domain_are_errors()
    {
        Assert.That(() => LearningRateSchedule.Step(0), Throws.TypeOf<OptionException>());
        Assert.That(() => LearningRateSchedule.Step(1, 2), Throws.TypeOf<OptionException>());
        Assert.That(() => LearningRateSchedule.Cosine(-1), Throws.TypeOf<OptionException>());
        Assert.That(() => LearningRateSchedule.Cosine(1, double.NaN), Throws.TypeOf<OptionException>());
        Assert.That(() => LearningRateSchedule.WarmUp(0), Throws.TypeOf<OptionException>());
    }

    private static double[] Factors(LearningRateSchedule schedule, int count) =>
        [.. Enumerable.Range(0, count).Select(step => schedule.Factor(step))];
}
