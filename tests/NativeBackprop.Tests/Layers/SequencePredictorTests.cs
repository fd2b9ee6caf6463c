using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>A recurrent model that goes step by step gives what it gives to the whole sequence.</summary>
[TestFixture]
internal sealed class SequencePredictorTests
{
    private const int Steps = 5, Rows = 3, Inputs = 4, Outputs = 2;

    private static IEnumerable<Layer> Cells =>
    [
        new Rnn(Inputs, 6), new Lstm(Inputs, 6, layers: 2), new Gru(Inputs, 6),
        new Sequential(new Lstm(Inputs, 5), new LayerNorm(5), new Gru(5, 6)),
    ];

    [TestCaseSource(nameof(Cells))]
    public void Steps_one_by_one_are_the_whole_sequence(Layer cell)
    {
        var model = new Sequential(RowShape.Sequence(Steps, Inputs), cell, new Linear(6, Outputs));
        model.Initialize(5);
        float[] x = [.. Enumerable.Range(0, Rows * Steps * Inputs).Select(i => MathF.Sin(i))];
        float[] whole = new float[Rows * Steps * Outputs], step = new float[Rows * Outputs];
        using Predictor predictor = model.CreatePredictor(Rows);
        predictor.Predict(x, whole);
        using var stepper = new SequencePredictor(model, Rows);
        for (int round = 0; round < 2; round++)
        {
            stepper.Reset();
            for (int t = 0; t < Steps; t++)
            {
                float[] now = [.. Enumerable.Range(0, Rows).SelectMany(r => x.Skip(((r * Steps) + t) * Inputs).Take(Inputs))];
                stepper.Step(now, step);
                float[] expected =
                    [.. Enumerable.Range(0, Rows).SelectMany(r => whole.Skip(((r * Steps) + t) * Outputs).Take(Outputs))];
                Assert.That(step, Is.EqualTo(expected).Within(1e-6), $"step {t}");
            }
        }
    }

    [Test]
    public void Without_a_reset_the_state_goes_on()
    {
        var model = new Sequential(RowShape.Indices(1, 3), new Embedding(3, Inputs), new Lstm(Inputs, 6), new Linear(6, 3));
        model.Initialize(5);
        using var stepper = new SequencePredictor(model);
        float[] first = new float[3], second = new float[3], again = new float[3];
        stepper.StepIndices([1], first);
        stepper.StepIndices([1], second);
        stepper.Reset();
        stepper.StepIndices([1], again);
        Assert.That(second, Is.Not.EqualTo(first));
        Assert.That(again, Is.EqualTo(first));
    }

    [Test]
    public void What_cannot_go_step_by_step_is_refused()
    {
        Assert.Multiple(() =>
        {
            Refused(new Sequential(RowShape.Sequence(4, 3), new Lstm(3, 2, bidirectional: true)), "whole sequence");
            Refused(new Sequential(new Linear(4, 3)), "only sequences go step by step");
            Refused(new Sequential(new Tanh()), "not known");
            Refused(new Sequential(RowShape.Sequence(4, 3), new AsSignal()), "neighbours in time");
            Assert.That(() => new SequencePredictor(Sequence(), 0), Throws.TypeOf<OptionException>());
        });
        using var predictor = new SequencePredictor(Sequence(), 2);
        Assert.That(() => predictor.Step(new float[3], new float[4]), Throws.TypeOf<ShapeException>());
        Assert.That(() => predictor.Step(new float[6], new float[3]), Throws.TypeOf<ShapeException>());
        Assert.That(() => predictor.StepIndices([0, 1], new float[4]), Throws.TypeOf<DataException>().With.Message.Contains("Step"));
        Assert.That(() => predictor.Step([1, 2, float.NaN, 4, 5, 6], new float[4]), Throws.TypeOf<DataException>());
        predictor.Dispose();
        predictor.Dispose();
        Assert.That(() => predictor.Step(new float[6], new float[4]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(predictor.Reset, Throws.TypeOf<ObjectDisposedException>());

        static void Refused(Layer model, string message)
        {
            model.Initialize(1);
            Assert.That(() => new SequencePredictor(model), Throws.TypeOf<GraphException>().With.Message.Contains(message));
        }
    }

    private static Sequential Sequence()
    {
        var model = new Sequential(RowShape.Sequence(4, 3), new Gru(3, 2));
        model.Initialize(1);
        return model;
    }

    private sealed class AsSignal : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => input.Graph.Add(new AsKind(RowKind.Signal), input).Tanh();
    }
}
