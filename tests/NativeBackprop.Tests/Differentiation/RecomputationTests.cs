using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Differentiation;

public class RecomputationTests
{
    [Test]
    public void A_view_of_a_value_keeps_it_from_being_fused_away()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 2]), w = graph.Variable("w", [2, 4], GraphHarness.Random(8, 1));
        Node b = graph.Variable("b", [4], 1, 2, 3, 4);
        Node product = x.MatMul(w), y = (product + b).Tanh(), view = product.Reshape([4, 3]).Square();
        var harness = new GraphHarness(graph).Set(x, GraphHarness.Random(6, 2));
        double[][] expected = harness.Reference([y, view]);
        float[][] actual = harness.Run([y, view]);
        Assert.That(GraphHarness.Distance<float>(actual[0], expected[0]), Is.LessThan(1e-5));
        Assert.That(GraphHarness.Distance<float>(actual[1], expected[1]), Is.LessThan(1e-5));
    }

    [TestCase(1)]
    [TestCase(4)]
    [TestCase(16)]
    [TestCase(1000)]
    public void Gradients_are_the_same(int segments)
    {
        (Sequential model, Graph graph, Node x, Node cost, Node[] variables, Node[] kept) = Network(16, segments, 12, dropout: true);
        GraphHarness harness = new GraphHarness(graph, 8).Set(x, GraphHarness.Random(8 * 12, 2));
        float[][] expected = harness.Run(graph.Gradient(cost, variables));
        Assert.That(
            harness.Run(graph.GradientWithRecomputation(cost, kept, variables), fuse: false),
            Is.EqualTo(harness.Run(graph.Gradient(cost, variables), fuse: false)));
        float[][] actual = harness.Run(graph.GradientWithRecomputation(cost, kept, variables));
        double[][] reference = harness.Reference(graph.GradientWithRecomputation(cost, kept, variables));
        for (int i = 0; i < variables.Length; i++)
        {
            Assert.That(GraphHarness.Distance<float>(actual[i], [.. expected[i].Select(value => (double)value)]), Is.LessThan(1e-6));
            Assert.That(GraphHarness.Distance<float>(actual[i], reference[i]), Is.LessThan(1e-5));
        }

        Assert.That(
            graph.Nodes.Count(node => node.Op is DropoutMask), Is.GreaterThan(1),
            "the masks of the second computation are those of the first");
    }

    [Test]
    public void Memory_grows_with_the_root_of_the_depth_and_time_by_a_forward_pass()
    {
        const int Depth = 64, Width = 32, Batch = 256;
        (_, Graph graph, _, Node cost, Node[] variables, Node[] kept) = Network(Depth, 8, Width, dropout: false);
        var options = new PlanOptions { BatchSize = Batch, Threads = 1 };
        using Plan all = graph.Compile([cost, .. graph.Gradient(cost, variables)], options);
        using Plan few = graph.Compile([cost, .. graph.GradientWithRecomputation(cost, kept, variables)], options);

        // The gradients of the parameters are outputs of both; what is left are activations.
        long gradients = variables.Sum(variable => Arena.Align(variable.Shape.Length)) * sizeof(float);
        TestContext.Out.WriteLine(
            $"activations {all.ArenaBytes - gradients} and {few.ArenaBytes - gradients} bytes, {all.Flops} and {few.Flops} flops");
        Assert.That(few.ArenaBytes - gradients, Is.LessThan((all.ArenaBytes - gradients) / 2.5));
        Assert.That(
            few.Flops, Is.GreaterThan(1.15 * all.Flops).And.LessThan(1.4 * all.Flops),
            "one more forward pass on top of three products a layer");
    }

    [Test]
    public void Skips_across_segments_are_kept()
    {
        var graph = new Graph();
        Node x = graph.Variable("x", [4], 0.1f, 0.2f, -0.3f, 0.4f), a = x.Tanh(), b = a.Sin().Exp(), c = (b * a).Tanh(), d = c.Exp() + a;
        Node cost = (d * b).Sum();
        var harness = new GraphHarness(graph);
        float[][] expected = harness.Run(graph.Gradient(cost, x));
        Assert.That(harness.Run(graph.GradientWithRecomputation(cost, [b, c], [x])), Is.EqualTo(expected));
        Assert.That(harness.Run(graph.GradientWithRecomputation(cost, [a], [x])), Is.EqualTo(expected));

        // Differentiable again, like any gradient.
        Node gradient = graph.GradientWithRecomputation(cost, [b, c], [x])[0], plainGradient = graph.Gradient(cost, x)[0];
        Node twice = graph.Gradient(gradient.Sum(), x)[0], plain = graph.Gradient(plainGradient.Sum(), x)[0];
        Assert.That(GraphHarness.Distance<float>(harness.Run([twice])[0], harness.Reference([plain])[0]), Is.LessThan(1e-5));
    }

    [Test]
    public void A_trainer_learns_the_same()
    {
        float kept = Train(1), recomputed = Train(3);
        Assert.That(recomputed, Is.EqualTo(kept).Within(1e-6f));
        Assert.That(kept, Is.LessThan(0.9f));

        static float Train(int segments)
        {
            var model = new Sequential(new Linear(4, 8), new Tanh(), new Linear(8, 8), new Dropout(0.2f), new Relu(), new Linear(8, 3));
            using var trainer = new Trainer(
                model, new SoftmaxCrossEntropy(), new Adam(0.01f), new TrainerOptions { Seed = 3, RecomputationSegments = segments });
            float loss = 0;
            for (int i = 0; i < 40; i++)
            {
                loss = trainer.StepLabels([1, 2, 3, 4, 4, 3, 2, 1], [0, 2]);
            }

            return loss;
        }
    }

    [Test]
    public void Nodes_of_another_graph_are_errors()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), other = new Graph().Input("other");
        Assert.That(
            () => graph.GradientWithRecomputation(x.Square(), [other], [x]),
            Throws.TypeOf<GraphException>().With.Message.EqualTo("other belongs to another graph"));
        Assert.That(() => graph.GradientWithRecomputation(graph.Input("v", [2]), [], [x]), Throws.TypeOf<GraphException>());
        var none = new TrainerOptions { RecomputationSegments = 0 };
        Assert.That(
            () => new Trainer(new Sequential(new Linear(1, 1)), new MeanSquaredError(), new Sgd(1), none),
            Throws.TypeOf<OptionException>());
    }

    private static (Sequential Model, Graph Graph, Node X, Node Cost, Node[] Variables, Node[] Kept) Network(
        int depth, int segments, int width, bool dropout)
    {
        var layers = new List<Layer>();
        for (int i = 0; i < depth; i++)
        {
            layers.Add(new Linear(width, width, weightInitializer: Initializer.Orthogonal()));
            layers.Add(new Tanh());
            if (dropout)
            {
                layers.Add(new Dropout(0.1f));
            }
        }

        var model = new Sequential([.. layers]);
        model.Initialize(1);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, width]);
        var context = new BuildContext(graph, BuildMode.Training, seed: 1);
        Node cost = model.Build(x, context).Square().Sum();
        Node[] variables = [.. model.Parameters.Select(parameter => graph.Variable(parameter))];
        return (model, graph, x, cost, variables, [.. context.SegmentEnds(segments)]);
    }
}
