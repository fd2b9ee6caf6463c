using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Execution;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

[TestFixture]
[NonParallelizable]
internal sealed class MinibatchTests
{
    private static readonly float[] _x = [0.5f, -1, 2, 0.25f, 1, 1];
    private static readonly int[] _classes = [0, 2, 1];

    [Test]
    public void Parts_by_name_do_what_the_short_forms_do()
    {
        using Trainer named = Classifier(out Sequential a), plain = Classifier(out Sequential b);
        Assert.That(named.Step(new Minibatch { Inputs = _x, Labels = _classes }), Is.EqualTo(plain.StepLabels(_x, _classes)));
        Assert.That(Values(a), Is.EqualTo(Values(b)));
        using Trainer numbers = Regression(), other = Regression();
        Assert.That(
            numbers.Forward(new Minibatch { Inputs = _x, Targets = new float[] { 1, 2, 3 } }), Is.EqualTo(other.Forward(_x, [1, 2, 3])));
    }

    [Test]
    public void A_part_that_is_not_taken_is_refused_by_name()
    {
        using Trainer trainer = Classifier(out Sequential model), numbers = Regression();
        float[] before = Values(model);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => trainer.Step(new Minibatch { Inputs = _x, Labels = _classes, Indices = _classes }), Refuses("Indices"));
            Assert.That(() => trainer.Step(new Minibatch { Inputs = _x, Labels = _classes, Lengths = _classes }), Refuses("Lengths"));
            Assert.That(() => trainer.Step(new Minibatch { Inputs = _x, Targets = _x }), Refuses("Targets"));
            Assert.That(() => numbers.Step(new Minibatch { Inputs = _x, Labels = _classes }), Refuses("Labels"));
            Assert.That(() => trainer.Step(new Minibatch { Inputs = _x }), Throws.TypeOf<DataException>());
            Assert.That(() => trainer.Step(new Minibatch { Labels = _classes }), Throws.TypeOf<ShapeException>());
            Assert.That(() => trainer.Step(null!), Throws.ArgumentNullException);
            Assert.That(() => trainer.Step(_x, [1f, 0, 1]), Throws.TypeOf<DataException>().With.Message.Contains("Labels"));
            Assert.That(() => numbers.StepLabels(_x, [1, 0, 1]), Throws.TypeOf<DataException>().With.Message.Contains("Targets"));
        }

        Assert.That(Values(model), Is.EqualTo(before));
        Assert.That(trainer.Steps, Is.Zero);

        static NUnit.Framework.Constraints.IResolveConstraint Refuses(string part) =>
            Throws.TypeOf<DataException>().With.Message.Contains($"the minibatch has {part}");
    }

    [Test]
    public void Sample_weights_multiply_each_rows_loss_and_the_divisor_stays()
    {
        float[] weights = [2, 0, 0.5f];
        using Trainer weighted = Regression(), plain = Regression();
        float expected = 0;
        for (int row = 0; row < 3; row++)
        {
            expected += weights[row] * plain.Forward(_x.AsSpan(2 * row, 2), [row + 1f]) / 3;
        }

        var minibatch = new Minibatch { Inputs = _x, Targets = new float[] { 1, 2, 3 }, SampleWeights = weights };
        Assert.That(weighted.Forward(minibatch), Is.EqualTo(expected).Within(1e-6));
        Assert.That(
            weighted.Forward(_x, [1, 2, 3]), Is.EqualTo(plain.Forward(_x, [1, 2, 3])).Within(1e-6), "without weights every row weighs 1");
    }

    [Test]
    public void Weights_that_come_late_go_on_with_the_same_training()
    {
        var minibatch = new Minibatch { Inputs = _x, Labels = _classes, SampleWeights = new float[] { 1, 1, 1 } };
        using Trainer mixed = Classifier(out Sequential a), plain = Classifier(out Sequential b);
        for (int i = 0; i < 6; i++)
        {
            float loss = plain.StepLabels(_x, _classes);
            Assert.That(i % 2 == 1 ? mixed.Step(minibatch) : mixed.StepLabels(_x, _classes), Is.EqualTo(loss).Within(1e-5));
        }

        Assert.That(mixed.Steps, Is.EqualTo(6));
        Assert.That(Values(a), Is.EqualTo(Values(b)).Within(1e-5));
    }

    [Test]
    public void Weights_that_are_none_are_refused()
    {
        using Trainer trainer = Classifier(out _);
        Assert.That(() => Step(1, 1), Throws.TypeOf<ShapeException>().With.Message.Contains("SampleWeights"));
        Assert.That(() => Step(1, 1, -1), Throws.TypeOf<DataException>().With.Message.Contains("weight 2 is -1"));
        Assert.That(() => Step(1, float.NaN, 1), Throws.TypeOf<DataException>());

        void Step(params float[] weights) => trainer.Step(new Minibatch { Inputs = _x, Labels = _classes, SampleWeights = weights });
    }

    [Test]
    public void A_minibatch_handed_in_again_allocates_nothing()
    {
        using Trainer trainer = Classifier(out _);
        var minibatch = new Minibatch { Inputs = _x, Labels = _classes, SampleWeights = new float[] { 1, 2, 3 } };
        AllocationTests.AssertAllocatesNothing(() => trainer.Step(minibatch));
    }

    private static Trainer Classifier(out Sequential model)
    {
        model = new Sequential(new Linear(2, 4), new Tanh(), new Linear(4, 3));
        return new Trainer(model, new SoftmaxCrossEntropy(), new Adam(0.01f), new TrainerOptions { Threads = 1 });
    }

    private static Trainer Regression() => new(
        new Sequential(new Linear(2, 4), new Tanh(), new Linear(4, 1)), new MeanSquaredError(), new Sgd(0.1f));

    private static float[] Values(Layer model) => [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
}
