using NativeBackprop.IO;
using NativeBackprop.Layers;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

/// <summary>Layers of sequences and symbols in model files.</summary>
[TestFixture]
public sealed class RecurrentFileTests
{
    [TestCase("""{"type":"lstm","units":6}""")]
    [TestCase("""{"type":"lstm","units":6,"layers":2,"bidirectional":true,"bias":false,"dropout":0.25,"output":"last"}""")]
    [TestCase("""{"type":"gru","units":6,"layers":3}""")]
    [TestCase("""{"type":"gru","units":6,"output":"last"}""")]
    [TestCase("""{"type":"rnn","units":6,"activation":"relu"}""")]
    [TestCase("""{"type":"rnn","units":6,"bidirectional":true}""")]
    public void A_recurrent_layer_is_read_and_written_back_as_it_was(string layer)
    {
        string text = $$"""{"input":[5,4],"layers":[{{layer}}],"loss":"mse"}""";
        Assert.That(ModelFile.Format(ModelFile.Parse(text, "m.json")), Is.EqualTo(text));
    }

    [Test]
    public void Symbols_are_embedded_and_a_class_is_given_at_each_step()
    {
        const string text = """{"input":[8],"input_type":"index","layers":[{"type":"embedding","rows":9,"units":3},"""
            + """{"type":"lstm","units":6},{"type":"linear","units":9}],"loss":"softmax_cross_entropy"}""";
        ModelDescription model = ModelFile.Parse(text, "m.json");
        Assert.That(ModelFile.Format(model), Is.EqualTo(text));
        Assert.That(model.Model.Parameters.Entries.Select(entry => entry.Name), Does.Contain("0.weight").And.Contain("1.weight_ih_l0"));
        Assert.That(((Embedding)model.Model.Layers[0]).Weight.Shape[0], Is.EqualTo(9));
    }

    [Test]
    public void Defaults_are_those_of_the_table_and_are_not_written()
    {
        const string text = """{"input":[5,4],"layers":[{"type":"rnn","units":2,"layers":1,"bidirectional":false,"bias":true,"""
            + """ "dropout":0,"output":"sequence","activation":"tanh"}],"loss":"mse"}""";
        Assert.That(ModelFile.Format(ModelFile.Parse(text, "m.json")), Is.EqualTo(
            """{"input":[5,4],"layers":[{"type":"rnn","units":2}],"loss":"mse"}"""));
    }

    [TestCase("""{"type":"lstm","units":6,"output":"first"}""", "m.json: $.layers[0].output: expected 'sequence' or 'last', found 'first'")]
    [TestCase("""{"type":"rnn","units":6,"activation":"gelu"}""",
        "m.json: $.layers[0].activation: expected 'tanh' or 'relu', found 'gelu'")]
    [TestCase("""{"type":"lstm","units":6,"activation":"relu"}""", "m.json: $.layers[0]: expected the keys type, units, layers")]
    [TestCase("""{"type":"gru"}""", "m.json: $.layers[0]: expected the key 'units', found type")]
    [TestCase("""{"type":"gru","units":3,"layers":0}""", "m.json: $.layers[0].layers: expected a whole number of at least 1, found 0")]
    [TestCase("""{"type":"gru","units":3,"dropout":1}""", "m.json: $.layers[0]: a GRU's dropout must lie in [0, 1), got 1")]
    [TestCase("""{"type":"lstm","units":3,"output":"last"},{"type":"gru","units":2}""",
        "m.json: $.layers[1]: a GRU takes a sequence [B, T, 3], got features of shape [B, 3]")]
    [TestCase("""{"type":"embedding","rows":3,"units":2}""", "m.json: $.layers[0]: an embedding takes indices [B, T], got a sequence")]
    public void A_mistake_is_named_at_its_place(string layers, string message) => Assert.That(
        () => ModelFile.Parse($$"""{"input":[5,4],"layers":[{{layers}}],"loss":"mse"}""", "m.json"),
        Throws.TypeOf<DataException>().With.Message.StartsWith(message));
}
