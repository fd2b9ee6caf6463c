using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

[TestFixture]
internal sealed class ModelFileTests
{
    private static readonly string[] _layers =
    [
        """{"type":"linear","units":6}""",
        """{"type":"linear","units":3,"bias":false}""",
        """{"type":"low_rank_linear","units":6,"rank":2}""",
        """{"type":"low_rank_linear","units":6,"rank":2,"bias":false}""",
        """{"type":"relu"}""", """{"type":"abs"}""", """{"type":"sigmoid"}""", """{"type":"tanh"}""", """{"type":"cos"}""",
        """{"type":"silu"}""",
        """{"type":"softplus"}""", """{"type":"softplus","beta":2}""",
        """{"type":"elu"}""", """{"type":"elu","alpha":0.5}""",
        """{"type":"leaky_relu"}""", """{"type":"leaky_relu","negative_slope":0.2}""",
        """{"type":"gelu"}""", """{"type":"gelu","approximate":"tanh"}""",
        """{"type":"prelu"}""", """{"type":"prelu","per_channel":true}""",
        """{"type":"softmax"}""",
        """{"type":"maxout","pieces":3}""",
        """{"type":"dropout"}""", """{"type":"dropout","p":0.25}""",
        """{"type":"layer_norm"}""", """{"type":"layer_norm","eps":0.001}""",
        """{"type":"residual","layers":[{"type":"linear","units":6},{"type":"relu"}]}""",
        """{"type":"gated","layers":[{"type":"linear","units":2}],"gate":[{"type":"linear","units":2},{"type":"sigmoid"}]}""",
        """{"type":"power","exponent":2}""", """{"type":"scale","factor":3}""", """{"type":"identity"}""",
    ];

    private static ModelDescription Parse(string layers, string input = "[6]", string loss = "mse") =>
        ModelFile.Parse($$"""{"input":{{input}},"layers":[{{layers}}],"loss":"{{loss}}"}""", "m.json");

    [TestCaseSource(nameof(_layers))]
    public void Layer_is_read_and_written_back_as_it_was(string layer)
    {
        string text = $$"""{"input":[6],"layers":[{{layer}}],"loss":"mse"}""";
        Assert.That(ModelFile.Format(ModelFile.Parse(text, "m.json")), Is.EqualTo(text));
    }

    [Test]
    public void Defaults_are_those_of_the_table_and_are_not_written()
    {
        ModelDescription model = Parse("""{"type":"softplus","beta":1},{"type":"elu","alpha":1},""" +
            """{"type":"leaky_relu","negative_slope":0.01},{"type":"gelu","approximate":"none"},{"type":"dropout","p":0.5},""" +
            """{"type":"layer_norm","eps":1e-5},{"type":"prelu","per_channel":false},{"type":"linear","units":2,"bias":true}""");
        Assert.That(ModelFile.Format(model), Is.EqualTo(
            """{"input":[6],"layers":[{"type":"softplus"},{"type":"elu"},{"type":"leaky_relu"},{"type":"gelu"},{"type":"dropout"},""" +
            """{"type":"layer_norm"},{"type":"prelu"},{"type":"linear","units":2}],"loss":"mse"}"""));
    }

    [Test]
    public void Arguments_reach_the_functions()
    {
        IReadOnlyList<Layer> layers = Parse("""{"type":"elu","alpha":0.5},{"type":"gelu"},{"type":"gelu","approximate":"tanh"},""" +
            """{"type":"leaky_relu"},{"type":"dropout","p":0.25}""").Model.Layers;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(((Activation)layers[0]).Function, Is.EqualTo(new Elu(0.5f)));
            Assert.That(((Activation)layers[1]).Function, Is.EqualTo(new Gelu()));
            Assert.That(((Activation)layers[2]).Function, Is.EqualTo(new GeluTanh()));
            Assert.That(((Activation)layers[3]).Function, Is.EqualTo(new LeakyRelu(0.01f)));
            Assert.That(((Dropout)layers[4]).Probability, Is.EqualTo(0.25f));
        }
    }

    [Test]
    public void Widths_follow_from_the_layers_before()
    {
        ModelDescription model = Parse("{\"type\":\"linear\",\"units\":12},{\"type\":\"maxout\",\"pieces\":3}," +
            "{\"type\":\"gated\",\"layers\":[{\"type\":\"linear\",\"units\":5}],\"gate\":[{\"type\":\"linear\",\"units\":5}]}," +
            "{\"type\":\"linear\",\"units\":2}", "[6]");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(model.InputShape.ToArray(), Is.EqualTo(new[] { 6 }));
            Assert.That((model.InputWidth, model.OutputWidth), Is.EqualTo((6, 2)));
            Assert.That(model.Model.Parameters.Entries.Select(entry => $"{entry.Name} {entry.Parameter.Shape}"), Is.EqualTo(new[]
            {
                "0.weight [6, 12]", "0.bias [12]", "2.layers.0.weight [4, 5]", "2.layers.0.bias [5]",
                "2.gate.0.weight [4, 5]", "2.gate.0.bias [5]", "3.weight [5, 2]", "3.bias [2]",
            }));
        }
    }

    [Test]
    public void Every_elementwise_function_without_a_domain_is_a_layer()
    {
        string[] expected =
        [
            "abs", "cos", "elu", "exp", "gelu", "gelu_tanh", "identity", "leaky_relu", "reciprocal", "relu", "sigmoid", "silu", "sin",
            "softplus",
            "square", "tanh",
        ];
        Assert.That(Functions.Names, Is.SupersetOf(expected).And.None.AnyOf("huber", "log", "sqrt", "power", "scale", "shift"));
        foreach (string name in Functions.Names)
        {
            Assert.That(((Activation)Parse($$"""{"type":"{{name}}"}""").Model.Layers[0]).Function.Name, Is.EqualTo(name));
        }
    }

    [TestCase("softmax_cross_entropy", typeof(SoftmaxCrossEntropy))]
    [TestCase("sigmoid_cross_entropy", typeof(SigmoidCrossEntropy))]
    [TestCase("mse", typeof(MeanSquaredError))]
    [TestCase("multiclass_hinge", typeof(MulticlassHinge))]
    [TestCase("gaussian_nll", typeof(GaussianNll))]
    [TestCase("l1", typeof(MeanAbsoluteError))]
    [TestCase("huber", typeof(Huber))]
    public void Loss_is_known_by_its_own_name(string name, Type type)
    {
        Loss loss = Parse("", loss: name).CreateLoss(denseTargets: false);
        Assert.That((loss.GetType(), loss.Name), Is.EqualTo((type, name)));
    }

    [Test]
    public void Targets_decide_which_cross_entropy_it_is()
    {
        ModelDescription model = Parse("", loss: "softmax_cross_entropy");
        Assert.That(
            (model.CreateLoss(denseTargets: true).IsClassifier, model.CreateLoss(denseTargets: false).IsClassifier),
            Is.EqualTo((false, true)));
    }

    [TestCase("""{"type":"mse"}""", "\"mse\"")]
    [TestCase("""{"type":"huber","delta":1}""", "\"huber\"")]
    [TestCase("""{"type":"huber","delta":0.25}""", null)]
    [TestCase("""{"type":"softmax_cross_entropy","label_smoothing":0.1}""", null)]
    [TestCase("""{"type":"softmax_cross_entropy","label_smoothing":0.1,"class_weights":[1,0.5,2]}""", null)]
    [TestCase(
        """{"class_weights":[1,0.5,2],"type":"softmax_cross_entropy"}""", """{"type":"softmax_cross_entropy","class_weights":[1,0.5,2]}""")]
    public void Loss_with_options_is_read_and_written(string loss, string? written)
    {
        string Json(string text) => $$"""{"input":[3],"layers":[],"loss":{{text}}}""";
        Assert.That(ModelFile.Format(ModelFile.Parse(Json(loss), "m.json")), Is.EqualTo(Json(written ?? loss)));
    }

    [Test]
    public void Options_of_a_loss_are_kept_whatever_the_targets_are()
    {
        ModelDescription model = ModelFile.Parse(
            """{"input":[2],"layers":[],"loss":{"type":"softmax_cross_entropy","label_smoothing":0.1,"class_weights":[1,2]}}""", "m.json");
        foreach (bool dense in (bool[])[true, false])
        {
            var loss = (SoftmaxCrossEntropy)model.CreateLoss(dense);
            Assert.That((loss.LabelSmoothing, loss.ClassWeights[1], loss.IsClassifier), Is.EqualTo((0.1f, 2f, !dense)));
        }
    }

    [Test]
    public void Loss_of_a_users_own_is_refused() =>
        Assert.That(() => ModelFile.Format(new ModelDescription([1], new Sequential(), new OwnLoss())),
            Throws.TypeOf<DataException>().With.Message.Contains("the loss own_loss"));

    // The message names the file, the path, the expected and the actual.
    [TestCase("""{"input":[6],"layers":[],"loss":7}""", "m.json: $.loss: expected a string, found 7")]
    [TestCase("""{"input":[6],"layers":[],"loss":{}}""", "m.json: $.loss: expected the key 'type', found none")]
    [TestCase("""{"input":[6],"layers":[],"loss":{"type":"hubert"}}""", "m.json: $.loss.type: expected one of softmax_cross_entropy, ")]
    [TestCase(
        """{"input":[6],"layers":[],"loss":{"type":"huber","delta":0}}""",
        "m.json: $.loss: huber: delta must be a finite number above 0, got 0")]
    [TestCase(
        """{"input":[6],"layers":[],"loss":{"type":"huber","delta":"1"}}""", "m.json: $.loss.delta: expected a finite number, found '1'")]
    [TestCase("""{"input":[6],"layers":[],"loss":{"type":"mse","delta":1}}""", "m.json: $.loss: expected the key type, found 'delta'")]
    [TestCase(
        """{"input":[2],"layers":[],"loss":{"type":"softmax_cross_entropy","class_weights":[1,-1]}}""",
        "m.json: $.loss: class_weights must be")]
    [TestCase(
        """{"input":[2],"layers":[],"loss":{"type":"softmax_cross_entropy","class_weights":[1,null]}}""",
        "m.json: $.loss.class_weights[1]: expected")]
    [TestCase(
        """{"input":[2],"layers":[],"loss":{"type":"softmax_cross_entropy","class_weights":[1]}}""",
        "m.json: $.loss: softmax_cross_entropy: expected 2")]
    [TestCase(
        """{"input":[2],"layers":[],"loss":{"type":"softmax_cross_entropy","label_smoothing":2}}""",
        "m.json: $.loss: label_smoothing must lie in")]
    [TestCase("""[]""", "m.json: $: expected an object, found a list")]
    [TestCase("""{}""", "m.json: $: expected the key 'input', found none")]
    [TestCase("""{"input":[6],"layers":[]}""", "m.json: $: expected the key 'loss', found input, layers")]
    [TestCase("""{"input":[6],"layers":[],"loss":"mse","lose":1}""",
        "m.json: $: expected the keys input, input_type, layers, loss, found 'lose'")]
    [TestCase("""{"input":6,"layers":[],"loss":"mse"}""", "m.json: $.input: expected a list, found 6")]
    [TestCase("""{"input":[],"layers":[],"loss":"mse"}""",
        "m.json: $.input: expected the shape [F] of features, [T, F] of a sequence or [C, H, W] of an image, got []")]
    [TestCase("""{"input":[6,0],"layers":[],"loss":"mse"}""", "m.json: $.input[1]: expected a whole number of at least 1, found 0")]
    [TestCase("""{"input":[1.5],"layers":[],"loss":"mse"}""", "m.json: $.input[0]: expected a whole number of at least 1, found 1.5")]
    [TestCase("""{"input":[65536,65536],"layers":[],"loss":"mse"}""", "m.json: $.input: a sequence needs extents of at least 1")]
    [TestCase("""{"input":[6],"layers":{},"loss":"mse"}""", "m.json: $.layers: expected a list, found an object")]
    [TestCase("""{"input":[6],"layers":["relu"],"loss":"mse"}""", "m.json: $.layers[0]: expected an object, found 'relu'")]
    [TestCase("""{"input":[6],"layers":[{"units":3}],"loss":"mse"}""", "m.json: $.layers[0]: expected the key 'type', found units")]
    [TestCase("""{"input":[6],"layers":[{"type":3}],"loss":"mse"}""", "m.json: $.layers[0].type: expected a string, found 3")]
    [TestCase("""{"input":[6],"layers":[{"type":"rleu"}],"loss":"mse"}""", "m.json: $.layers[0].type: expected one of abs, ")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"relu","slope":1}],"loss":"mse"}""", "m.json: $.layers[0]: expected the key type, found 'slope'")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"relu"},{"type":"linear"}],"loss":"mse"}""",
        "m.json: $.layers[1]: expected the key 'units', found type")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"linear","units":-3}],"loss":"mse"}""",
        "m.json: $.layers[0].units: expected a whole number of at least 1, found -3")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"linear","units":99999999999}],"loss":"mse"}""",
        "m.json: $.layers[0].units: expected a whole number of at least 1, found 99999999999")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"linear","units":"3"}],"loss":"mse"}""",
        "m.json: $.layers[0].units: expected a whole number of at least 1, found '3'")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"linear","units":3,"bias":1}],"loss":"mse"}""",
        "m.json: $.layers[0].bias: expected true or false, found 1")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"elu","alpha":null}],"loss":"mse"}""",
        "m.json: $.layers[0].alpha: expected a finite number, found null")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"elu","alpha":1e39}],"loss":"mse"}""",
        "m.json: $.layers[0].alpha: expected a finite number, found 1e39")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"softplus","beta":0}],"loss":"mse"}""",
        "m.json: $.layers[0].beta: expected a finite number above 0, found 0")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"log"}],"loss":"mse"}""",
        "m.json: $.layers[0]: expected a function that takes every number, found log")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"power","exponent":0.5}],"loss":"mse"}""",
        "m.json: $.layers[0]: expected a function that takes every number, found power")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"gelu","approximate":"erf"}],"loss":"mse"}""",
        "m.json: $.layers[0].approximate: expected 'none' or 'tanh', found 'erf'")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"dropout","p":1}],"loss":"mse"}""", "m.json: $.layers[0]: dropout's p must lie in [0, 1), got 1")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"layer_norm","eps":0}],"loss":"mse"}""", "m.json: $.layers[0]: a layer norm's epsilon must be")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"maxout","pieces":4}],"loss":"mse"}""", "m.json: $.layers[0]: maxout: a layer of 4 pieces needs")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"residual","layers":[{"type":"linear","units":5}]}],"loss":"mse"}""",
        "m.json: $.layers[0]: residual: the layers must keep the shape")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"residual","layers":[{"type":"linear","units":0}]}],"loss":"mse"}""",
        "m.json: $.layers[0].layers[0].units: expected")]
    [TestCase(
        """{"input":[6],"layers":[{"type":"gated","layers":[],"gate":[{"type":"linear","units":5}]}],"loss":"mse"}""",
        "m.json: $.layers[0]: gated: both branches must have the same output shape")]
    [TestCase("""{"input":[6],"layers":[],"loss":"msw"}""", "m.json: $.loss: expected the loss softmax_cross_entropy, ")]
    [TestCase("""{"input":[5],"layers":[],"loss":"gaussian_nll"}""", "m.json: $.loss: ")]
    [TestCase("""{"input":[6],"input":[6],"layers":[],"loss":"mse"}""", "m.json: not a model file: ")]
    [TestCase("""{"input":[6],"layers":[],"loss":"mse"}}""", "m.json: not a model file: ")]
    [TestCase("""{"input":[6],"layers":[],"loss":"\ud800"}""", "m.json: not a model file: ")]
    [TestCase("", "m.json: not a model file: ")]
    public void Mistake_is_named_with_its_place(string json, string expected)
    {
        DataException error = Assert.Throws<DataException>(() => ModelFile.Parse(json, "m.json"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(error.Message, Does.StartWith(expected));
            Assert.That(error.Message, Does.Not.Contain('\n'));
        }
    }

    [Test]
    public void File_is_written_and_read()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("m.json");
        ModelFile.Write(
            path, new ModelDescription([4], new Sequential(new Linear(4, 3), new Relu(), new Linear(3, 2)), "softmax_cross_entropy"));
        Assert.That(File.ReadAllText(path), Is.EqualTo(
            """{"input":[4],"layers":[{"type":"linear","units":3},{"type":"relu"},""" +
            """{"type":"linear","units":2}],"loss":"softmax_cross_entropy"}""" + "\n"));
        Assert.That(ModelFile.Read(path).OutputWidth, Is.EqualTo(2));
    }

    [Test]
    public void Byte_order_mark_is_no_part_of_the_text()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("m.json", [0xEF, 0xBB, 0xBF, .. """{"input":[1],"layers":[],"loss":"mse"}"""u8]);
        Assert.That(ModelFile.Read(path).InputWidth, Is.EqualTo(1));
    }

    [Test]
    public void Layer_of_a_users_own_is_refused() =>
        Assert.That(
            () => ModelFile.Format(new ModelDescription([1], new Sequential(new Own()), "mse")),
            Throws.TypeOf<DataException>().With.Message.Contains("type Own"));

    [Test]
    public void Model_that_does_not_fit_its_input_is_refused() =>
        Assert.That(() => new ModelDescription([3], new Sequential(new Linear(4, 2)), "mse"), Throws.TypeOf<ShapeException>());

    private sealed class OwnLoss : Loss
    {
        public override bool IsClassifier => false;

        public override Node PerExample(Node output, Node targets) => (output - targets).Sum(1);
    }

    private sealed class Own : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => input;
    }
}
