using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>What a row is goes with a node, and the layers ask for it.</summary>
[TestFixture]
internal sealed class KindTests
{
    [Test]
    public void A_kind_follows_from_the_shape_and_from_what_a_value_is_made_of()
    {
        var graph = new Graph();
        Node features = graph.Input("f", RowShape.Features(6)), sequence = graph.Input("s", [Shape.Batch, 5, 4]);
        Node signal = graph.Input("c", RowShape.Signal(5, 4)), image = graph.Input("i", RowShape.Image(8, 8, 3));
        Assert.Multiple(() =>
        {
            Assert.That(features.Kind, Is.EqualTo(RowKind.Features));
            Assert.That(sequence.Tanh().Kind, Is.EqualTo(RowKind.Sequence));
            Assert.That((signal.Relu() * sequence).Kind, Is.EqualTo(RowKind.Signal));
            Assert.That(image.Relu().Kind, Is.EqualTo(RowKind.Image));
            Assert.That(graph.Add(new AsKind(RowKind.Sequence), signal).Sigmoid().Kind, Is.EqualTo(RowKind.Sequence));
            Assert.That(graph.Input("t", RowShape.Indices(7, 9)).Kind, Is.EqualTo(RowKind.Indices));
            Assert.That(features.Sum().Kind, Is.Null);
        });
    }

    [Test]
    public void A_value_taken_for_another_kind_has_the_same_gradient()
    {
        var graph = new Graph();
        Node x = graph.Input("x", RowShape.Signal(2, 3)), y = graph.Add(new AsKind(RowKind.Sequence), x).Square().Sum();
        using Plan plan = graph.Compile([y, .. graph.Gradient(y, [x])], new PlanOptions { BatchSize = 1 });
        plan.Bind(x, [1, 2, 3, 4, 5, 6]).Run();
        Assert.That(plan[y].Item, Is.EqualTo(91));
        Assert.That(() => graph.Add(new AsKind(RowKind.Image), x), Throws.TypeOf<ShapeException>());
        Assert.That(() => graph.Add(new AsKind(RowKind.Signal), x.Sum()), Throws.TypeOf<ShapeException>());
    }

    [TestCase(0)]
    [TestCase(-3)]
    public void A_row_needs_extents_of_at_least_1(int extent)
    {
        Assert.That(() => RowShape.Features(extent), Throws.TypeOf<OptionException>().With.Message.Contains($"[{extent}]"));
        Assert.That(() => RowShape.Image(extent, 2, 3), Throws.TypeOf<OptionException>());
        Assert.That(() => RowShape.Indices(3, extent), Throws.TypeOf<OptionException>());
        Assert.That(() => RowShape.Sequence(1 << 20, 1 << 20), Throws.TypeOf<OptionException>());
    }

    [Test]
    public void A_layer_refuses_a_kind_by_its_name()
    {
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Evaluation);
        Node image = graph.Input("x", RowShape.Image(8, 8, 3)), signal = graph.Input("s", RowShape.Signal(8, 3));
        Assert.That(
            () => new Linear(3, 2).Build(image, context), Throws.TypeOf<ShapeException>().With.Message.EqualTo(
                "a linear layer takes features [B, 3] or a sequence [B, T, 3], got an image of shape [B, 8, 8, 3] from x; "
                + "a flatten layer makes features of it"));
        Assert.That(() => new LayerNorm(3).Build(signal, context), Throws.TypeOf<ShapeException>());
        Assert.That(() => new Sequential(new Softmax()).Build(image, context.Child("a")), Throws.TypeOf<ShapeException>());
        Assert.That(
            () => new Sequential(RowShape.Sequence(8, 3), new Linear(3, 2)).Build(signal, context.Child("b")),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo(
                "b: the layers are for sequence [B, 8, 3], got a signal of shape [B, 8, 3] from s"));
    }

    [Test]
    public void Rows_are_known_from_the_outermost_layers_and_stay_with_a_clone()
    {
        RowShape rows = RowShape.Sequence(4, 3);
        var model = new Sequential(new Sequential(rows, new Linear(3, 2)), new Tanh());
        Assert.That(model.InputRow, Is.EqualTo(rows));
        Assert.That(model.Clone().InputRow, Is.EqualTo(rows));
        Assert.That(new Sequential(new Linear(3, 2)).InputRow, Is.EqualTo(RowShape.Features(3)));
        Assert.That(new Sequential(new Tanh()).InputRow, Is.Null);
    }

    [Test]
    public void Channels_first_makes_a_difference_with_several_channels_and_places()
    {
        var graph = new Graph();
        Assert.That(graph.Input("x", RowShape.Image(5, 4, 1, channelsFirst: true)).Kind, Is.EqualTo(RowKind.Image));
        Assert.That(graph.Input("y", RowShape.Signal(1, 7, channelsFirst: true)).Kind, Is.EqualTo(RowKind.Signal));
        Assert.That(
            () => new Graph().Input("x", RowShape.Image(5, 4, 2, channelsFirst: true)), Throws.TypeOf<OptionException>());
    }

    [Test]
    public void A_file_has_the_dimensions_of_a_parameter_in_its_own_order()
    {
        var parameter = new Parameter("weight", [2, 1, 3, 4]) { FileOrder = [3, 2, 0, 1] };
        parameter.Set([.. Enumerable.Range(0, 24).Select(i => (float)i)]);
        SafetensorsTensor tensor = ParameterTensors.Create([("w", parameter)]).Single();
        Assert.That(tensor.Shape.ToArray(), Is.EqualTo(new[] { 4, 3, 2, 1 }));
        float[] file = tensor.AsSingle().ToArray();
        for (int i = 0; i < 24; i++)
        {
            (int a, int c, int d) = (i / 12, i / 4 % 3, i % 4);
            Assert.That(file[(d * 6) + (c * 2) + a], Is.EqualTo(i));
        }

        var copy = new Parameter("weight", [2, 1, 3, 4]) { FileOrder = [3, 2, 0, 1] };
        string path = Path.GetTempFileName();
        try
        {
            SafetensorsFile.Write(path, [tensor]);
            ParameterTensors.Load(SafetensorsFile.Read(path), [("w", copy)]);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.That(copy.Value.ToArray(), Is.EqualTo(parameter.Value.ToArray()));
    }
}
