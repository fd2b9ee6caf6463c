using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>Rows of every kind go into a model and come out of it in the order that the data has.</summary>
[TestFixture]
internal sealed class ModelRowsTests
{
    [Test]
    public void An_image_with_its_channels_first_is_seen_channels_last_and_given_back_channels_first()
    {
        var model = new Sequential(RowShape.Image(2, 2, 3, channelsFirst: true), new ChannelRamp());
        using Predictor predictor = model.CreatePredictor(2);
        float[] x = [.. Enumerable.Range(0, 24).Select(i => (float)i)], y = new float[24];
        predictor.Predict(x, y);
        Assert.That(predictor.InputWidth, Is.EqualTo(12));
        Assert.That(y, Is.EqualTo(x.Select((value, i) => value + (100 * (i / 4 % 3)))));
    }

    [Test]
    public void An_image_with_its_channels_last_stays_as_it_is()
    {
        using Predictor predictor = new Sequential(RowShape.Image(2, 2, 3), new ChannelRamp()).CreatePredictor(1);
        float[] x = new float[12], y = new float[12];
        predictor.Predict(x, y);
        Assert.That(y, Is.EqualTo(Enumerable.Range(0, 12).Select(i => 100f * (i % 3))));
    }

    [Test]
    public void A_sequence_trains_step_by_step_on_the_same_weights()
    {
        var loss = new Summed();
        var model = new Sequential(RowShape.Sequence(3, 2), new Linear(2, 1));
        model.Parameters["0.weight"].Set([1, 2]);
        model.Parameters["0.bias"].Set([0]);
        using var trainer = new Trainer(model, loss, new Sgd(0.5f));
        trainer.Step([1, 0, 0, 1, 1, 1], [0]);

        // The sum of three outputs: its gradient is the sum of the steps' inputs.
        Assert.That(model.Parameters["0.weight"].Value.ToArray(), Is.EqualTo(new[] { 0f, 1f }));
        Assert.That(trainer.Output.Shape.ToString(), Is.EqualTo("[1, 3, 1]"));
        Assert.That(() => trainer.Step([1, 0, 0, 1], [0]), Throws.TypeOf<ShapeException>().With.Message.Contains("6 numbers"));
    }

    [TestCase("""{"input":[3,4,5],""", RowKind.Image, 60)]
    [TestCase("""{"input":[4,5],""", RowKind.Sequence, 20)]
    [TestCase("""{"input":[4,5],"input_type":"signal",""", RowKind.Signal, 20)]
    [TestCase("""{"input":[7],"input_type":"number",""", RowKind.Features, 7)]
    public void A_model_file_says_what_a_row_is(string head, RowKind kind, int length)
    {
        string json = head + """ "layers":[{"type":"tanh"}],"loss":"mse"}""";
        var description = new ModelDescription(ModelFileRow(json), new Sequential(new Tanh()), new Summed());
        Assert.That((description.Input.Kind, description.InputWidth), Is.EqualTo((kind, length)));
        Assert.That(description.Model.InputRow, Is.EqualTo(description.Input));
    }

    [TestCase("""{"input":[4,5],"input_type":"words","layers":[]}""", "m: $.input_type: expected 'number', 'signal' or 'index'")]
    [TestCase("""{"input":[4],"input_type":"signal","layers":[]}""", "m: $.input: expected the shape [C, L] of a signal, got [4]")]
    [TestCase("""{"input":[4],"input_type":"index","layers":[]}""", "m: $.input_type: expected an embedding as the first layer")]
    [TestCase("""{"input":[1,2,3,4],"layers":[]}""", "m: $.input: expected the shape [F] of features")]
    public void A_row_that_makes_no_sense_is_refused_with_its_place(string json, string message) =>
        Assert.That(() => ModelFileRow(json), Throws.TypeOf<DataException>().With.Message.StartsWith(message));

    private static RowShape ModelFileRow(string json)
    {
        using var document = System.Text.Json.JsonDocument.Parse(json);
        return ModelInput.Read(new ModelObject(document.RootElement, "m", "$"));
    }

    // Adds 100 times the channel's number.
    private sealed class ChannelRamp : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context)
        {
            int channels = input.Shape[-1];
            return input + input.Graph.Constant([channels], [.. Enumerable.Range(0, channels).Select(c => 100f * c)]);
        }
    }

    // The sum of all outputs of a row; its target says nothing.
    private sealed class Summed : Loss
    {
        public override bool IsClassifier => false;

        public override Node CreateTargets(Node output) => output.Graph.Input("targets", [Shape.Batch, 1]);

        public override Node PerExample(Node output, Node targets) =>
            output.Reshape([Shape.Batch, output.Shape.Without(0).Length]).Sum(1) + (0f * targets.Sum(1));
    }
}
