using System.Text;
using System.Text.Json;
using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>What the layers that convolve take, refuse, draw and write; their numbers are the op table's and PyTorch's matter.</summary>
[TestFixture]
internal sealed class ConvolutionLayerTests
{
    private readonly Graph _graph = new();

    private BuildContext Context => field ??= new BuildContext(_graph, BuildMode.Evaluation);

    private Node Image => field ??= _graph.Input("x", RowShape.Image(6, 7, 4));

    private Node Signal => field ??= _graph.Input("s", RowShape.Signal(9, 4));

    [Test]
    public void Extents_are_those_of_the_formula()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Extents(new Conv2d(4, 5, 3)), Is.EqualTo("[B, 4, 5, 5]"));
            Assert.That(Extents(new Conv2d(4, 5, (4, 2), padding: Padding.Same, dilation: 2)), Is.EqualTo("[B, 6, 7, 5]"));
            Assert.That(Extents(new Conv2d(4, 5, 3, 2, (1, 0))), Is.EqualTo("[B, 3, 3, 5]"));
            Assert.That(Extents(new ConvTranspose2d(4, 5, 3, 2, 1, outputPadding: (1, 0))), Is.EqualTo("[B, 12, 13, 5]"));
            Assert.That(Extents(new ConvTranspose2d(4, 5, 3, dilation: 2, outputPadding: 1)), Is.EqualTo("[B, 11, 12, 5]"));
            Node signal = new Conv1d(4, 5, 3, 2, 1).Build(Signal, Context);
            Assert.That(signal.Shape.ToString(), Is.EqualTo("[B, 5, 5]"));
            Assert.That(signal.Kind, Is.EqualTo(RowKind.Signal));
        });
    }

    [Test]
    public void Padding_same_puts_the_larger_half_at_the_end()
    {
        var layer = new Conv2d(1, 1, (1, 4), padding: Padding.Same, bias: false);
        layer.Initialize(1);
        layer.Weight.Set([1000, 100, 10, 1]);
        using Predictor predictor = new Sequential(RowShape.Image(1, 3, 1), layer).CreatePredictor(1);
        var outputs = new float[3];
        predictor.Predict([1, 2, 3], outputs);
        Assert.That(outputs, Is.EqualTo(new float[] { 123, 1230, 2300 }));
    }

    [Test]
    public void A_padding_is_what_it_was_made_of()
    {
        Padding none = 0, pair = (1, 2);
        Assert.That(none, Is.EqualTo(default(Padding)).And.Not.EqualTo(Padding.Same));
        Assert.That($"{none} {pair} {(Padding)(3, 3)} {Padding.Same}", Is.EqualTo("0 [1, 2] 3 same"));
    }

    [Test]
    public void A_transposed_convolution_spreads_each_pixel_over_a_patch()
    {
        var layer = new ConvTranspose2d(1, 1, (1, 2), stride: (1, 3), outputPadding: (0, 1));
        layer.Initialize(1);
        layer.Weight.Set([1, 10]);
        layer.Bias!.Set([0.5f]);
        using Predictor predictor = new Sequential(RowShape.Image(1, 2, 1), layer).CreatePredictor(1);
        var outputs = new float[6];
        predictor.Predict([2, 3], outputs);
        Assert.That(outputs, Is.EqualTo(new float[] { 2.5f, 20.5f, 0.5f, 3.5f, 30.5f, 0.5f }));
    }

    [Test]
    public void Inputs_that_do_not_fit_are_refused_with_what_is_expected()
    {
        AssertShapeRefused(() => new Conv2d(4, 5, 3).Build(Signal, Context), "a 2d convolution takes an image [B, H, W, 4], got a signal");
        AssertShapeRefused(() => new Conv2d(3, 5, 3).Build(Image, Context), "an image [B, H, W, 3], got an image of shape [B, 6, 7, 4]");
        AssertShapeRefused(() => new Conv1d(4, 5, 3).Build(Image, Context), "a 1d convolution takes a signal [B, L, 4], got an image");
        AssertShapeRefused(
            () => new Conv2d(4, 5, 3, dilation: 4, padding: 1).Build(Image, Context),
            "a 2d convolution: a kernel of 3, 9 wide with a dilation of 4, is larger than its input of 8 (with 1 + 1 zeros around 6)");
        AssertShapeRefused(
            () => new ConvTranspose2d(4, 5, 1, padding: 3).Build(Image, Context),
            "a transposed 2d convolution: from 6 places it would make a result of 0, with a padding of 3 cut off");
    }

    [Test]
    public void Options_outside_their_domain_are_refused()
    {
        AssertRefused(() => new Conv2d(0, 5, 3), "needs at least 1 channel, got 0 of input and 5 of output");
        AssertRefused(() => new Conv1d(4, -1, 3), "a 1d convolution needs at least 1 channel, got 4 of input and -1 of output");
        AssertRefused(() => new Conv2d(4, 6, 3, groups: 3), "must divide its channels, got 3 for 4 of input and 6 of output");
        AssertRefused(() => new Conv2d(4, 6, 3, groups: 0), "must divide its channels, got 0");
        AssertRefused(() => new Conv2d(4, 6, 3, stride: (1, 2), padding: Padding.Same), "padding 'same' needs a stride of 1, got [1, 2]");
        AssertRefused(() => new Conv2d(4, 6, (3, 0)), "a 2d convolution: a kernel must be at least 1, got 0");
        AssertRefused(() => new Conv2d(4, 6, 3, stride: 0), "a stride must be at least 1, got 0");
        AssertRefused(() => new Conv2d(4, 6, 3, padding: -1), "a padding must be at least 0, got -1");
        AssertRefused(() => new Conv2d(4, 6, 3, dilation: -2), "a dilation must be at least 1, got -2");
        AssertRefused(() => new Conv2d(4, 6, 1 << 16), "a 2d convolution has more than 2147483647 weights");
        AssertRefused(() => new Conv2d(1, 1, 40_000, padding: Padding.Same, dilation: 60_000), "is too large");
        AssertRefused(() => new Conv1d(4, 6, 3, padding: (1, 2)), "a 1d convolution has one padding, got [1, 2]");
        AssertRefused(() => new ConvTranspose2d(4, 6, 3, padding: Padding.Same), "cannot have the padding 'same'");
        AssertRefused(() => new ConvTranspose2d(4, 6, 3, stride: 2, outputPadding: 2), "must be below its stride or its dilation, got 2");
        AssertRefused(() => new ConvTranspose2d(4, 6, 3, outputPadding: -1), "must be below its stride or its dilation, got -1");
    }

    [Test]
    public void Initial_weights_know_on_how_many_inputs_an_output_depends()
    {
        AssertDeviation(new Conv2d(16, 64, 3, groups: 2, bias: false), 2.0 / (8 * 9));
        AssertDeviation(new Conv1d(16, 96, 5, bias: false), 2.0 / (16 * 5));
        AssertDeviation(new ConvTranspose2d(32, 16, 4, stride: 2, bias: false), 2.0 / (32 * 4));
        AssertDeviation(new Conv2d(16, 32, 3, bias: false, weightInitializer: Initializer.Glorot()), 2.0 / ((16 * 9) + (32 * 9)));
    }

    [Test]
    public void Weights_stand_in_files_as_PyTorch_has_them()
    {
        Assert.Multiple(() =>
        {
            Assert.That(FileShape(new Conv2d(4, 6, (3, 5), groups: 2)), Is.EqualTo(new[] { 6, 2, 3, 5 }));
            Assert.That(FileShape(new Conv1d(4, 6, 3)), Is.EqualTo(new[] { 6, 4, 3 }));
            Assert.That(FileShape(new ConvTranspose2d(4, 6, (3, 5), groups: 2)), Is.EqualTo(new[] { 4, 3, 3, 5 }));
        });
    }

    [TestCase("""{"type":"conv2d","channels":6,"kernel":3}""")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":[3,2],"stride":2,"padding":[1,0],"dilation":2,"groups":2,"bias":false}""")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":1}""")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":3,"padding":"same","dilation":[2,1]}""")]
    [TestCase("""{"type":"conv_transpose2d","channels":6,"kernel":3}""")]
    [TestCase("""{"type":"conv_transpose2d","channels":6,"kernel":3,"stride":2,"padding":1,"output_padding":[1,0]}""")]
    [TestCase("""{"type":"conv1d","channels":6,"kernel":3}""")]
    [TestCase("""{"type":"conv1d","channels":6,"kernel":4,"padding":"same","dilation":2,"groups":2,"bias":false}""")]
    public void Layer_is_read_and_written_back_as_it_was(string layer)
    {
        string text = $$"""{"layers":[{{layer}}]}""";
        Node input = layer.Contains("1d", StringComparison.Ordinal) ? Signal : Image;
        Layer[] layers = LayerFormats.Read(new ModelObject(JsonDocument.Parse(text).RootElement, "m.json", "$"), "layers", ref input);
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            LayerFormats.Write(json, "layers", [.. layers.Select(made => made.Clone())]);
            json.WriteEndObject();
        }

        Assert.That(Encoding.UTF8.GetString(stream.ToArray()), Is.EqualTo(text));
    }

    [TestCase("""{"type":"conv2d","channels":6,"kernel":[3,2,1]}""", "$.layers[0].kernel: expected a list of two numbers, found 3 of them")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":0}""", "kernel: expected a whole number of at least 1, or a list of two, found 0")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":3,"padding":[0,-1]}""", "padding[1]: expected a whole number of at least 0")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":3,"padding":"valid"}""", "padding: expected a whole number of at least 0")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":9}""", "[0]: a 2d convolution: a kernel of 9 is larger than its input of 6")]
    [TestCase("""{"type":"conv2d","channels":6}""", "expected the key 'kernel'")]
    [TestCase("""{"type":"conv2d","channels":6,"kernel":3,"output_padding":1}""", "found 'output_padding'")]
    [TestCase("""{"type":"conv1d","channels":6,"kernel":3}""", "a 1d convolution takes a signal [B, L, 4], got an image")]
    public void Mistakes_in_a_model_file_are_named(string layer, string message) => Assert.That(
        () => ModelFile.Parse($$"""{"input":[4,6,7],"layers":[{{layer}}],"loss":"mse"}""", "m.json"),
        Throws.TypeOf<DataException>().With.Message.Contains(message));

    private static int[] FileShape(ConvolutionLayer layer) => [.. layer.Weight.FileOrder.Select(axis => layer.Weight.Shape[axis])];

    private static void AssertDeviation(ConvolutionLayer layer, double variance)
    {
        layer.Initialize(7);
        double mean = layer.Weight.Span.ToArray().Average(value => (double)value * value);
        Assert.That(mean, Is.EqualTo(variance).Within(0.06 * variance));
    }

    private static void AssertRefused(Func<Layer> create, string message) =>
        Assert.That(() => create(), Throws.TypeOf<OptionException>().With.Message.Contains(message));

    private static void AssertShapeRefused(Func<Node> build, string message) =>
        Assert.That(() => build(), Throws.TypeOf<ShapeException>().With.Message.Contains(message));

    private string Extents(Layer layer) => layer.Build(Image, Context).Shape.ToString();
}
