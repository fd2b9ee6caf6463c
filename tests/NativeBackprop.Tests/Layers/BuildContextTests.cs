using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

public class BuildContextTests
{
    private const int Width = 64;

    [Test]
    public void Nothing_elsewhere_in_the_graph_changes_a_mask()
    {
        float[] alone = Masks(context => [new Dropout().Build(Input(context), context.Child("dropout"))])[0];
        float[][] among = Masks(context =>
        {
            Node x = Input(context);
            Node before = new Sequential(new Linear(Width, Width), new Dropout(), new Tanh()).Build(x, context.Child("other"));
            Node wanted = new Dropout().Build(x, context.Child("dropout")), after = new Dropout().Build(x, context.Child("after"));
            return [wanted, before, after];
        });
        Assert.That(among[0], Is.EqualTo(alone));
        Assert.That(among[2], Is.Not.EqualTo(alone));
    }

    [Test]
    public void Two_uses_of_a_layer_have_two_masks()
    {
        var dropout = new Dropout();
        float[][] masks = Masks(context =>
        {
            Node x = Input(context);
            return
            [
                dropout.Build(x, context.Child("first")), dropout.Build(x, context.Child("second")),
                dropout.Build(x, context), dropout.Build(x, context),
                dropout.Build(x, context.Child("third").Child("first")),
            ];
        });
        Assert.That(masks.Select(mask => string.Join(' ', mask)).Distinct().Count(), Is.EqualTo(masks.Length));
    }

    [Test]
    public void Masks_change_from_run_to_run_and_with_the_seed_alone()
    {
        Node[] One(BuildContext context) => [new Dropout().Build(Input(context), context)];
        float[] first = Masks(One, seed: 1)[0], again = Masks(One, seed: 1)[0], other = Masks(One, seed: 2)[0];
        float[] second = Masks(One, seed: 1, runs: 2)[0];
        Assert.That(again, Is.EqualTo(first));
        Assert.That(other, Is.Not.EqualTo(first));
        Assert.That(second, Is.Not.EqualTo(first));
    }

    [Test]
    public void A_run_that_goes_on_from_a_saved_count_has_the_masks_that_would_have_come()
    {
        Node[] One(BuildContext context) => [new Dropout().Build(Input(context), context)];
        float[] third = Masks(One, runs: 3)[0];
        float[] resumed = Masks(One, start: context => context.State["runs"].Set([2, 0]))[0];
        Assert.That(resumed, Is.EqualTo(third));
    }

    [Test]
    public void A_buffer_takes_its_value_once_a_step_of_training_and_not_in_evaluation()
    {
        var mean = new RunningMean(2);
        var model = new Sequential(mean, new Dropout(0.5f), mean, new Linear(2, 1));
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.125f));
        trainer.Step([1, 2, 3, 6], [1f, 2]);
        Assert.That(model.Buffers.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "0.mean", "0.count", "2.mean", "2.count" }));
        Assert.That(mean.Count.Value[0], Is.EqualTo(2), "one layer in two places sees two batches a step");
        float[] before = mean.Mean.Value.ToArray();
        Assert.That(before, Is.Not.EqualTo(new float[2]));
        trainer.Evaluate(Dataset.FromTargets("rows", new float[] { 1, 2, 3, 6 }, 2, new float[] { 1, 2 }, 1));
        Assert.That(mean.Count.Value[0], Is.EqualTo(2));
        Assert.That(mean.Mean.Value.ToArray(), Is.EqualTo(before));
        trainer.Forward([1, 2, 3, 6], [1f, 2]);
        trainer.Backward();
        Assert.That(mean.Count.Value[0], Is.EqualTo(4), "the forward half counts, the backward half does not");
    }

    [Test]
    public void A_path_is_used_once()
    {
        BuildContext context = new(new Graph(), BuildMode.Training), tower = context.Child("tower");
        Assert.That(tower.Child("0").Path, Is.EqualTo("tower.0"));
        Assert.That(() => tower.Child("0"),
            Throws.TypeOf<OptionException>().With.Message.Contains("tower: there is a part named 0 already"));
        Assert.That(() => context.Child("tower"), Throws.TypeOf<OptionException>());
        Assert.That(() => context.Child(""), Throws.TypeOf<OptionException>());
        Assert.That(() => context.Child("a.b"), Throws.TypeOf<OptionException>());
        Assert.That(() => context.Child(null!), Throws.ArgumentNullException);
        Assert.That(context.Child("0").Path, Is.EqualTo("0"));
    }

    [Test]
    public void A_layer_built_twice_is_two_parts_of_one_parameter()
    {
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Training);
        Node x = graph.Input("x", [Shape.Batch, 2]);
        var tower = new Sequential(new Linear(2, 2));
        Node first = tower.Build(x, context.Child("first")), second = tower.Build(first, context.Child("second"));
        Assert.That(second, Is.Not.SameAs(first));
        Assert.That(graph.Nodes.Count(node => node.Op is Variable), Is.EqualTo(2));
        Assert.That(graph.Variable(tower.Parameters[0]).Name, Is.EqualTo("first.0.weight"));
        Assert.That(() => tower.Build(x, context.Child("first")), Throws.TypeOf<OptionException>());
    }

    [Test]
    public void What_does_not_fit_is_refused_with_the_path()
    {
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Training);
        Node x = graph.Input("x", [Shape.Batch, 3]), foreign = new Graph().Input("y", [Shape.Batch, 3]);
        Assert.That(() => new Sequential(new Relu(), new Linear(2, 1)).Build(x, context), Throws.TypeOf<ShapeException>()
            .With.Message.EqualTo(
                "1: a linear layer takes features [B, 2] or a sequence [B, T, 2], got features of shape [B, 3] from relu#1"));
        Assert.That(() => new Linear(3, 1).Build(foreign, context), Throws.TypeOf<GraphException>().With.Message.Contains("another graph"));
        Parameter buffer = Parameter.Zeros("b", [3]);
        Assert.That(() => context.AddEffect(buffer, foreign), Throws.TypeOf<GraphException>());
        Assert.That(() => context.AddEffect(buffer, x), Throws.TypeOf<ShapeException>());
        Assert.That(() => context.AddEffect(null!, x), Throws.ArgumentNullException);
        Assert.That(() => context.AddSegmentEnd(foreign), Throws.TypeOf<GraphException>());
        Assert.That(() => context.AddEffect(buffer, null!), Throws.ArgumentNullException);
        Assert.That(() => context.Variable(null!), Throws.ArgumentNullException);
        Assert.That(() => context.Mask(1, [1]), Throws.TypeOf<OptionException>());
        Assert.That(() => context.Mask(0.5f, null!), Throws.ArgumentNullException);
        Assert.That(() => new Relu2().Build(null!, context), Throws.ArgumentNullException);
        Assert.That(() => new Relu2().Build(x, null!), Throws.ArgumentNullException);
        Assert.That(() => new BuildContext(null!, BuildMode.Training), Throws.ArgumentNullException);
        Assert.That(() => new BuildContext(graph, (BuildMode)7), Throws.TypeOf<OptionException>());
    }

    [Test]
    public void Segments_are_of_about_equal_length()
    {
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Training);
        Node x = graph.Input("x", [Shape.Batch, 1]), y = new Sequential([.. Enumerable.Repeat((Layer)new Tanh(), 7)]).Build(x, context);
        Assert.That(context.SegmentEnds(1), Is.Empty);
        Assert.That(context.SegmentEnds(2).Select(end => end.Index), Is.EqualTo(new[] { 4 }));
        Assert.That(context.SegmentEnds(3).Select(end => end.Index), Is.EqualTo(new[] { 3, 5 }));
        Assert.That(context.SegmentEnds(100).Count, Is.EqualTo(6));
        Assert.That(context.SegmentEnds(100), Does.Not.Contain(y));
    }

    // The masks alone: what is dropped is one everywhere.
    private static Node Input(BuildContext context) => context.Graph.Constant(1, [1, Width]);

    private static float[][] Masks(Func<BuildContext, Node[]> build, ulong seed = 1, int runs = 1, Action<BuildContext>? start = null)
    {
        var context = new BuildContext(new Graph(), BuildMode.Training, seed);
        Node[] nodes = build(context);
        foreach (Node variable in context.Graph.Nodes.Where(node => node.Op is Variable))
        {
            Parameter parameter = ((Variable)variable.Op).Parameter;
            if (!parameter.IsInitialized)
            {
                parameter.Set(new float[parameter.Shape.Length]);
            }
        }

        start?.Invoke(context);
        using Plan plan = context.Graph.Compile([.. nodes, .. context.Effects]);
        for (int i = 0; i < runs; i++)
        {
            plan.Run();
        }

        return [.. nodes.Select(node => plan[node].ToArray())];
    }

    /// <summary>The identity, with the running mean of what it has seen, as a batch norm has it.</summary>
    private sealed class RunningMean : Layer
    {
        public RunningMean(int features) =>
            (Mean, Count) = (AddBuffer("mean", [features]), AddBuffer("count", Shape.Scalar, isCount: true));

        public Parameter Mean { get; }

        public Parameter Count { get; }

        protected override Node BuildCore(Node input, BuildContext context)
        {
            if (context.Mode == BuildMode.Training)
            {
                context.AddEffect(Mean, (0.75f * context.Variable(Mean)) + (0.25f * input.Mean(0)));
                context.AddEffect(Count, context.Variable(Count) + 1);
            }

            return input;
        }
    }

    private sealed class Relu2 : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => input.Relu();
    }
}
