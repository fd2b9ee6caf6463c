using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

public class LayerTests
{
    private const int Batch = 5;

    private static readonly TestCaseData[] Models =
    [
        new((Func<Layer>)(() => new LowRankLinear(6, 4, 2))) { TestName = "low_rank_linear" },
        new((Func<Layer>)(() => new LowRankLinear(6, 4, 2, bias: false))) { TestName = "low_rank_linear without bias" },
        new((Func<Layer>)(() => new Prelu())) { TestName = "prelu" },
        new((Func<Layer>)(() => new Prelu(6, 0.1f))) { TestName = "prelu per channel" },
        new((Func<Layer>)(() => new Softmax())) { TestName = "softmax" },
        new((Func<Layer>)(() => new Maxout(3))) { TestName = "maxout" },
        new((Func<Layer>)(() => new Dropout(0.3f))) { TestName = "dropout" },
        new((Func<Layer>)(() => new LayerNorm(6))) { TestName = "layer_norm" },
        new((Func<Layer>)(() => new Residual(new Linear(6, 3), new Tanh(), new Linear(3, 6)))) { TestName = "residual" },
        new((Func<Layer>)(() => new Residual([new Linear(6, 4)], [new Linear(6, 3), new Linear(3, 4)]))) { TestName = "residual skip" },
        new((Func<Layer>)(() => new Gated([new Linear(6, 3), new Tanh()], [new Linear(6, 3), new Sigmoid()]))) { TestName = "gated" },
        new((Func<Layer>)Nested) { TestName = "nested" },
    ];

    private static Residual Nested() =>
        new(new Gated([new Linear(6, 6)], [new Dropout(0.2f), new Linear(6, 6), new Silu()]), new LayerNorm(6));

    [TestCaseSource(nameof(Models))]
    public void Gradients_agree_with_the_reference_and_with_differences(Func<Layer> create)
    {
        var model = new Sequential(create());
        model.Initialize(7);
        foreach (Parameter parameter in model.Parameters)
        {
            // Away from zeros and ones, where an error could hide.
            float[] noise = GraphHarness.Random(parameter.Shape.Length, 3, 0.2);
            for (int i = 0; i < noise.Length; i++)
            {
                parameter.Span[i] += noise[i];
            }
        }

        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 6]), y = model.Build(x, BuildMode.Training);
        Node weights = graph.Input("weights", y.Shape);
        var harness = new GraphHarness(graph, Batch);
        harness.Set(x, GraphHarness.Random(Batch * 6, 1)).Set(weights, GraphHarness.Random(Batch * y.Shape[1], 2));
        harness.Check((y * weights).Sum(), [x, .. model.Parameters.Select(parameter => graph.Variable(parameter))]);
    }

    private static readonly TestCaseData[] SequenceModels =
    [
        new((Func<Layer>)(() => new Linear(6, 4))) { TestName = "linear" },
        new((Func<Layer>)(() => new LowRankLinear(6, 4, 2))) { TestName = "low_rank_linear" },
        new((Func<Layer>)(() => new LayerNorm(6))) { TestName = "layer_norm" },
        new((Func<Layer>)(() => new Softmax())) { TestName = "softmax" },
        new((Func<Layer>)(() => new Prelu())) { TestName = "prelu" },
        new((Func<Layer>)(() => new Residual(new Linear(6, 3), new Tanh(), new Linear(3, 6)))) { TestName = "residual" },
        new((Func<Layer>)(() => new Residual([new Linear(6, 4)], [new Linear(6, 3), new Linear(3, 4)]))) { TestName = "residual skip" },
        new((Func<Layer>)(() => new Gated([new Linear(6, 3)], [new Linear(6, 3), new Sigmoid()]))) { TestName = "gated" },
    ];

    [TestCaseSource(nameof(SequenceModels))]
    public void Sequences_are_mapped_step_by_step(Func<Layer> create)
    {
        const int steps = 3;
        Layer model = create();
        model.Initialize(7);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, steps, 6]), y = model.Build(x, BuildMode.Training);
        Node rows = graph.Input("rows", [Shape.Batch, 6]), z = model.Build(rows, BuildMode.Training);
        float[] values = GraphHarness.Random(Batch * steps * 6, 1);
        float[] mapped = new GraphHarness(graph, Batch).Set(x, values).Run([y])[0];
        Assert.That(y.Shape.Rank, Is.EqualTo(3));
        Assert.That(mapped, Is.EqualTo(new GraphHarness(graph, Batch * steps).Set(rows, values).Run([z])[0]).AsCollection.Within(1e-6));

        Node weights = graph.Input("weights", y.Shape);
        var harness = new GraphHarness(graph, Batch);
        harness.Set(x, values).Set(weights, GraphHarness.Random(mapped.Length, 2));
        harness.Check((y * weights).Sum(), [x, .. model.Parameters.Select(parameter => graph.Variable(parameter))]);
    }

    [Test]
    public void Kinds_of_input_that_a_layer_does_not_take_are_refused()
    {
        var graph = new Graph();
        Node row = graph.Input("r", [6]), sequence = graph.Input("s", [Shape.Batch, 3, 6]);
        Node images = graph.Input("i", [Shape.Batch, 2, 2, 6]);
        Assert.That(
            () => new Prelu(6).Build(sequence, BuildMode.Training), Throws.TypeOf<ShapeException>().With.Message.Contains("[B, 6]"));
        Assert.That(() => new Maxout(2).Build(sequence, BuildMode.Training), Throws.TypeOf<ShapeException>());
        foreach (Layer layer in (Layer[])[new Linear(6, 2), new LayerNorm(6)])
        {
            Assert.That(() => layer.Build(images, BuildMode.Training), Throws.TypeOf<ShapeException>().With.Message.Contains("[B, T, 6]"));
            Assert.That(() => layer.Build(row, BuildMode.Training), Throws.TypeOf<ShapeException>());
        }
    }

    [Test]
    public void Parameters_are_named_by_position_as_PyTorch_names_them()
    {
        var model = new Sequential(
            new LowRankLinear(4, 4, 2),
            new Relu(),
            new Prelu(),
            new LayerNorm(4),
            new Residual(new Linear(4, 4), new Relu(), new Linear(4, 4, bias: false)),
            new Gated([new Linear(4, 2)], [new Linear(4, 2), new Sigmoid()]),
            new Residual(new Residual(new Linear(2, 2))));
        Assert.That(model.Parameters.Entries.Select(entry => entry.Name), Is.EqualTo(new[]
        {
            "0.u.weight", "0.v.weight", "0.v.bias", "2.weight", "3.weight", "3.bias",
            "4.0.weight", "4.0.bias", "4.2.weight",
            "5.layers.0.weight", "5.layers.0.bias", "5.gate.0.weight", "5.gate.0.bias",
            "6.0.0.weight", "6.0.0.bias",
        }));
    }

    [Test]
    public void A_linear_layer_of_low_rank_has_fewer_weights_and_the_same_formula()
    {
        var model = new Sequential(new LowRankLinear(2, 2, 1));
        model.Parameters["0.u.weight"].Set([1, 2]);
        model.Parameters["0.v.weight"].Set([3, -1]);
        model.Parameters["0.v.bias"].Set([10, 20]);
        Assert.That(Predict(model, 4, 5), Is.EqualTo(new float[] { (14 * 3) + 10, -14 + 20 }));
        Assert.That(new LowRankLinear(100, 50, 3, bias: false).Parameters.Size, Is.EqualTo(3 * (100 + 50)));
    }

    [Test]
    public void Prelu_has_its_slope_below_and_at_zero()
    {
        var model = new Sequential(new Prelu());
        model.Initialize(1);
        Assert.That(Predict(model, 3, -2, 0), Is.EqualTo(new float[] { 3, -0.5f, 0 }));
        var graph = new Graph();
        Node x = graph.Input("x", [1, 3]), y = model.Build(x, BuildMode.Training);
        float[][] gradients = new GraphHarness(graph).Set(x, 3f, -2, 0).Run(
            graph.Gradient(y.Sum(), x, graph.Variable(model.Parameters[0])));
        Assert.That(gradients[0], Is.EqualTo(new float[] { 1, 0.25f, 0.25f }));
        Assert.That(gradients[1], Is.EqualTo(new float[] { -2 }));
    }

    [Test]
    public void Maxout_takes_the_largest_of_neighbours_and_routes_to_the_first()
    {
        var model = new Sequential(new Maxout(2));
        Assert.That(Predict(model, 1, 5, -3, -3), Is.EqualTo(new float[] { 5, -3 }));
        var graph = new Graph();
        Node x = graph.Input("x", [1, 4]);
        float[][] gradients = new GraphHarness(graph).Set(x, 1f, 5, -3, -3).Run(
            graph.Gradient(model.Build(x, BuildMode.Training).Sum(), x));
        Assert.That(gradients[0], Is.EqualTo(new float[] { 0, 1, 1, 0 }));
    }

    [Test]
    public void Layer_norm_has_mean_zero_and_biased_variance_one()
    {
        var model = new Sequential(new LayerNorm(4));
        model.Initialize(1);
        double scale = 1 / Math.Sqrt(1.25 + 1e-5);
        Assert.That(
            Predict(model, 1, 2, 3, 4),
            Is.EqualTo(new[] { -1.5 * scale, -0.5 * scale, 0.5 * scale, 1.5 * scale }).AsCollection.Within(1e-6));
        Assert.That(Predict(model, 3, 3, 3, 3), Is.EqualTo(new float[] { 0, 0, 0, 0 }));
    }

    [Test]
    public void Residual_adds_and_gated_multiplies()
    {
        Assert.That(
            Predict(new Sequential(new Residual(Functions.Square.Create(), Functions.Scale.Create(2))), 3, 4),
            Is.EqualTo(new float[] { 21, 36 }));
        Assert.That(
            Predict(new Sequential(new Gated([Functions.Square.Create()], [Functions.Shift.Create(1)])), 3, 4),
            Is.EqualTo(new float[] { 36, 80 }));
    }

    [Test]
    public void Input_width_is_found_through_layers_that_take_any()
    {
        Assert.That(new Sequential(new Relu(), new Linear(7, 2)).InputWidth, Is.EqualTo(7));
        Assert.That(new Sequential(new Maxout(3), new Linear(7, 2)).InputWidth, Is.EqualTo(21));
        Assert.That(
            new Sequential(new Residual(new Relu()), new Gated([new Maxout(2)], [new Maxout(2)]), new LayerNorm(4)).InputWidth,
            Is.EqualTo(8));
        Assert.That(new Sequential(new Relu()).InputWidth, Is.Null);
    }

    [Test]
    public void Inputs_and_options_that_do_not_fit_are_errors()
    {
        Node x = new Graph().Input("x", [Shape.Batch, 6]);
        Assert.That(
            () => new Maxout(4).Build(x, BuildMode.Training),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo(
                "maxout: a layer of 4 pieces needs an input of shape [B, n·4], got [B, 6] from x"));
        Assert.That(() => new LayerNorm(5).Build(x, BuildMode.Training), Throws.TypeOf<ShapeException>());
        Assert.That(() => new Prelu(5).Build(x, BuildMode.Training), Throws.TypeOf<ShapeException>());
        Assert.That(
            () => new Residual(new Maxout(2)).Build(x, BuildMode.Training),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("residual: the layers must keep the shape [B, 6] of x, got [B, 3]"));
        Assert.That(
            () => new Residual([new Maxout(2)], [new Maxout(3)]).Build(x, BuildMode.Training),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo(
                "residual: both ways must have the same output shape, got [B, 3] from the layers and [B, 2] from the skip"));
        Assert.That(() => new Gated([new Maxout(2)], [new Relu()]).Build(x, BuildMode.Training), Throws.TypeOf<ShapeException>());
        Assert.That(() => new LowRankLinear(6, 4, 0), Throws.TypeOf<OptionException>());
        Assert.That(() => new Maxout(0), Throws.TypeOf<OptionException>());
        Assert.That(() => new LayerNorm(4, 0), Throws.TypeOf<OptionException>());
        Assert.That(() => new Dropout(1), Throws.TypeOf<OptionException>().With.Message.EqualTo("dropout's p must lie in [0, 1), got 1"));
        Assert.That(() => new Dropout(float.NaN), Throws.TypeOf<OptionException>());
        Assert.That(() => new Prelu(0), Throws.TypeOf<OptionException>());
    }

    private static float[] Predict(Sequential model, params float[] input)
    {
        var graph = new Graph();
        int width = model.InputWidth ?? input.Length;
        Node x = graph.Input("x", [Shape.Batch, width]);
        return new GraphHarness(graph, input.Length / width).Set(x, input).Run([model.Build(x, BuildMode.Evaluation)])[0];
    }
}
