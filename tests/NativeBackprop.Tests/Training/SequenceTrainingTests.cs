using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>Trainers and predictors of models that read indices and sequences of unequal length.</summary>
[TestFixture]
internal sealed class SequenceTrainingTests
{
    private const int Steps = 4, Symbols = 6;

    private static readonly int[] _indices = [0, 1, 2, 3, 5, 4, 1, 1, 2, 0, 3, 5], _labels = [2, 0, 1], _lengths = [4, 2, 3];

    [Test]
    public void What_lies_beyond_a_rows_length_changes_nothing()
    {
        int[] other = [.. _indices];
        (other[6], other[7], other[11]) = (4, 0, 1);
        (float loss, float[] weights) = Train(_indices, _lengths);
        (float otherLoss, float[] otherWeights) = Train(other, _lengths);
        Assert.That((loss, weights), Is.EqualTo((otherLoss, otherWeights)));
        Assert.That(Train(_indices, []).Weights, Is.Not.EqualTo(weights));
        Assert.That(Train(_indices, [4, 4, 4]).Loss, Is.EqualTo(Train(_indices, []).Loss).Within(1e-6));
    }

    [Test]
    public void A_data_set_trains_as_its_minibatches_do()
    {
        var parts = new DatasetParts
        {
            Indices = _indices, IndexBound = Symbols, InputShape = [Steps], Labels = _labels, Classes = 3, Lengths = _lengths,
        };
        Sequential model = Model();
        using var trainer = new Trainer(
            model, new SoftmaxCrossEntropy(), new Sgd(0.5f), new TrainerOptions { Seed = 3, BatchSize = 3, Shuffle = false });
        Dataset data = Dataset.Create("toy", parts);
        FitResult fit = trainer.Fit(data, null, 1);
        (float loss, float[] weights) = Train(_indices, _lengths);
        Assert.That(fit.Last!.Train.Loss, Is.EqualTo(loss).Within(1e-7));
        Assert.That(Values(model), Is.EqualTo(weights));
        Assert.That(trainer.Evaluate(data).Loss, Is.LessThan(loss));
    }

    [Test]
    public void A_predictor_takes_indices_and_no_numbers()
    {
        Sequential model = Model();
        model.Initialize(3);
        using Predictor predictor = model.CreatePredictor(8);
        float[] alone = new float[3], together = new float[9];
        predictor.PredictIndices(_indices, together);
        predictor.PredictIndices(_indices.AsSpan(4, 4), alone);
        Assert.That(alone, Is.EqualTo(together[3..6]).Within(1e-6));
        Assert.That(() => predictor.Predict(new float[4], alone), Throws.TypeOf<DataException>().With.Message.Contains("PredictIndices"));
        Assert.That(
            () => predictor.PredictIndices([0, 1, 2, Symbols], alone),
            Throws.TypeOf<DataException>().With.Message.Contains($"index {Symbols} at position 3 lies outside 0..{Symbols - 1}"));
        using Predictor numbers = Initialized(new Sequential(new Linear(4, 3))).CreatePredictor(1);
        Assert.That(() => numbers.PredictIndices([0, 1, 2, 3], alone), Throws.TypeOf<DataException>().With.Message.Contains("Predict"));
    }

    [Test]
    public void Parts_that_do_not_fit_are_refused_by_their_names_and_change_nothing()
    {
        Sequential model = Model();
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.5f), new TrainerOptions { Seed = 3 });
        float[] before = Values(model);
        Assert.Multiple(() =>
        {
            Refused(new Minibatch { Inputs = new float[12], Labels = _labels }, "the minibatch has Inputs");
            Refused(new Minibatch { Indices = _indices, Labels = _labels, Lengths = new[] { 4, 5, 1 } }, "length 5 at position 1");
            Refused(new Minibatch { Indices = _indices, Labels = _labels, Lengths = new[] { 4, 0, 1 } }, "length 0 at position 1");
            Refused(new Minibatch { Indices = _indices, Labels = _labels, Lengths = new[] { 4, 1 } }, "3 Lengths");
            Refused(new Minibatch { Indices = _indices.AsMemory(1), Labels = _labels }, "12 in all, got 11");
            Refused(new Minibatch { Indices = new[] { 0, 1, 2, Symbols }, Labels = new[] { 0 } }, $"index {Symbols} at position 3");
            Assert.That(() => trainer.StepLabels(new float[4], [0]), Throws.TypeOf<DataException>().With.Message.Contains("Indices"));
            Assert.That(Values(model), Is.EqualTo(before));
        });
        trainer.Step(new Minibatch { Indices = _indices, Labels = _labels });
        Refused(new Minibatch { Indices = _indices, Labels = _labels, Lengths = _lengths }, "TakesLengths");

        void Refused(Minibatch minibatch, string message) =>
            Assert.That(() => trainer.Step(minibatch), Throws.InstanceOf<NativeBackpropException>().With.Message.Contains(message));
    }

    [Test]
    public void Lengths_that_nobody_reads_are_refused()
    {
        using var trainer = new Trainer(
            new Sequential(RowShape.Sequence(2, 2), new Linear(2, 1), new LastStep()), new MeanSquaredError(), new Sgd(0.1f));
        Assert.That(
            () => trainer.Step(new Minibatch { Inputs = new float[4], Targets = new float[1], Lengths = new[] { 1 } }),
            Throws.TypeOf<DataException>().With.Message.Contains("make no difference"));
    }

    private static (float Loss, float[] Weights) Train(int[] indices, int[] lengths)
    {
        Sequential model = Model();
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.5f), new TrainerOptions { Seed = 3 });
        float loss = trainer.Step(new Minibatch { Indices = indices, Labels = _labels, Lengths = lengths });
        return (loss, Values(model));
    }

    private static Sequential Model() => new(
        RowShape.Indices(Steps, Symbols), new Embedding(Symbols, 3), new Lstm(3, 5, output: RecurrentOutput.Last),
        new Linear(5, 3));

    private static Sequential Initialized(Sequential model)
    {
        model.Initialize(1);
        return model;
    }

    private static float[] Values(Layer model) => [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    // The last of two steps, [B, 1].
    private sealed class LastStep : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) =>
            input.Slice(1, 1, 1).Reshape([Shape.Batch, 1]);
    }
}
