using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Differentiation;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

public class LayerTreeTests
{
    [Test]
    public void A_layer_in_two_places_is_one_parameter_under_two_names()
    {
        var block = new ResidualBlock(3);
        var model = new Sequential(block, new Tanh(), block, new Linear(3, 1));
        Assert.That(model.Parameters.Entries.Select(entry => entry.Name), Is.EqualTo(new[]
        {
            "0.linear.weight", "0.linear.bias", "2.linear.weight", "2.linear.bias", "3.weight", "3.bias",
        }));
        Assert.That(model.Parameters.Count, Is.EqualTo(4));
        Assert.That(model.Parameters.Size, Is.EqualTo(9 + 3 + 3 + 1));
        Assert.That(model.Parameters["2.linear.weight"], Is.SameAs(model.Parameters["0.linear.weight"]));
        Assert.That(model.Parameters["0.linear.weight"].Name, Is.EqualTo("weight"), "nothing is renamed");
        Assert.That(model.Buffers.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "0.count", "2.count" }));
        Assert.That(model.Buffers.Count, Is.EqualTo(1));
    }

    [Test]
    public void The_gradient_of_a_shared_layer_is_the_sum_over_its_places()
    {
        ResidualBlock shared = new(3), first = new(3), second = new(3);
        Sequential model = new(shared, new Tanh(), shared), apart = new(first, new Tanh(), second);
        model.Initialize(1);
        foreach (ResidualBlock block in (ResidualBlock[])[first, second])
        {
            block.Restore(shared.Snapshot());
        }

        float[] input = [1, -0.5f, 0.25f, 2, 0.75f, -1];
        float[][] sum = Gradients(model, input), parts = Gradients(apart, input);
        for (int i = 0; i < sum.Length; i++)
        {
            Assert.That(sum[i], Is.EqualTo(parts[i].Zip(parts[i + sum.Length], (a, b) => a + b)).AsCollection.Within(1e-6));
        }
    }

    [Test]
    public void A_shared_layer_is_trained_once_a_step()
    {
        var block = new ResidualBlock(2);
        var model = new Sequential(block, block);
        model.Initialize(1);
        float[] before = model.Parameters[0].Value.ToArray();
        float[] input = [1, -0.5f, 0.25f, 2], gradient = Gradients(model, input)[0];
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.125f));
        trainer.Step(input, new float[4]);
        float[] expected = [.. before.Zip(gradient, (w, g) => w - (0.125f * g))];
        Assert.That(model.Parameters[0].Value.ToArray(), Is.EqualTo(expected).AsCollection.Within(1e-6));
    }

    [Test]
    public void One_layer_serves_several_models_alone_and_nested()
    {
        var inner = new Sequential(new Linear(2, 2), new Tanh());
        Sequential first = new(inner, new Linear(2, 1)), second = new(new Residual(inner), new Linear(2, 3));
        Assert.That(inner.Parameters.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "0.weight", "0.bias" }));
        Assert.That(second.Parameters["0.0.0.weight"], Is.SameAs(inner.Parameters["0.weight"]));
        first.Initialize(1);
        second.Initialize(2);
        float[] alone = Predict(inner, 1, -2);
        using (var trainer = new Trainer(first, new MeanSquaredError(), new Sgd(0.1f)))
        {
            trainer.Step([1, -2], [3f]);
        }

        Assert.That(Predict(inner, 1, -2), Is.Not.EqualTo(alone), "what one model trains, all have");
        Assert.That(inner.InputWidth, Is.EqualTo(2));
    }

    [Test]
    public void Initialize_draws_what_has_no_values_in_the_order_of_the_walk()
    {
        var model = new Sequential(new Linear(3, 4), new Relu(), new Linear(4, 2));
        Assert.That(model.IsInitialized, Is.False);
        model.Initialize(5);
        Assert.That(model.IsInitialized);
        var random = new RandomSource(5);
        float[] expected = new float[12];
        Initializer.He().Fill(expected, 3, 4, random);
        Assert.That(model.Parameters["0.weight"].Value.ToArray(), Is.EqualTo(expected));
        expected = new float[8];
        Initializer.He().Fill(expected, 4, 2, random);
        Assert.That(model.Parameters["2.weight"].Value.ToArray(), Is.EqualTo(expected), "one stream for all");

        model.Initialize(6);
        Assert.That(model.Parameters["2.weight"].Value.ToArray(), Is.EqualTo(expected), "what was drawn stays");
        var loaded = new Sequential(new Linear(1, 2));
        loaded.Parameters["0.weight"].Set([1, 2]);
        loaded.Initialize(1);
        Assert.That(loaded.Parameters["0.weight"].Value.ToArray(), Is.EqualTo(new float[] { 1, 2 }), "and so does what was set");
    }

    [Test]
    public void A_rule_that_fails_leaves_every_parameter_without_values()
    {
        var model = new Sequential(new Linear(1, 1), new Linear(1, 1, weightInitializer: new Failing()));
        Assert.That(() => model.Initialize(1), Throws.TypeOf<GraphException>().With.InnerException.TypeOf<TimeZoneNotFoundException>()
            .And.Message.Contains("1.weight"));
        Assert.That(model.Parameters.Any(parameter => parameter.IsInitialized), Is.False);
        var infinite = new Sequential(new Linear(1, 1, biasInitializer: Initializer.Constant(float.PositiveInfinity)));
        Assert.That(() => infinite.Initialize(1), Throws.TypeOf<DataException>().With.Message.Contains("0.bias"));
        var unruly = new Parts(parts => parts.Add("w", (Initializer?)null));
        Assert.That(() => unruly.Initialize(1), Throws.InvalidOperationException.With.Message.Contains("w"));
    }

    [Test]
    public void Freezing_a_layer_freezes_all_below_it()
    {
        var head = new Linear(2, 1);
        var model = new Sequential(new Residual(new Linear(2, 2)), head);
        model.Freeze();
        head.Thaw();
        Assert.That(model.Parameters.Select(parameter => parameter.IsFrozen), Is.EqualTo(new[] { true, true, false, false }));
    }

    [Test]
    public void A_clone_has_values_flags_and_sharing_but_not_the_memory()
    {
        var block = new ResidualBlock(2);
        var model = new Sequential(
            block, new LowRankLinear(2, 4, 1), new Maxout(2), new Prelu(2), new LayerNorm(2), new Dropout(0.1f), new Softmax(),
            new Residual(new Linear(2, 2, bias: false)), new Gated([new Linear(2, 2)], [new Sigmoid()]), block);
        model.Initialize(3);
        block.Freeze();
        block.Count.Set([7]);
        var copy = (Sequential)model.Clone();
        Assert.That(copy.Parameters.Entries.Select(entry => entry.Name), Is.EqualTo(model.Parameters.Entries.Select(entry => entry.Name)));
        Assert.That(copy.Parameters.Count, Is.EqualTo(model.Parameters.Count), "shared as before");
        Assert.That(copy.Parameters.Select(parameter => parameter.IsFrozen),
            Is.EqualTo(model.Parameters.Select(parameter => parameter.IsFrozen)));
        Assert.That(Values(copy), Is.EqualTo(Values(model)));
        Assert.That(((ResidualBlock)copy.Layers[0]).Count.Value[0], Is.EqualTo(7));
        Assert.That(Predict(copy, 1, -2), Is.EqualTo(Predict(model, 1, -2)));
        Assert.That(((Dropout)copy.Layers[5]).Probability, Is.EqualTo(0.1f));

        float[] before = Values(model);
        copy.Parameters[0].Set(new float[copy.Parameters[0].Shape.Length]);
        Assert.That(Values(model), Is.EqualTo(before));
        Assert.That(copy.Parameters.Intersect(model.Parameters), Is.Empty);
    }

    [Test]
    public void A_clone_of_what_has_no_values_draws_its_own()
    {
        var copy = new Sequential(new Linear(2, 2)).Clone();
        Assert.That(copy.IsInitialized, Is.False);
        copy.Initialize(1);
        Assert.That(copy.IsInitialized);
    }

    [Test]
    public void A_class_that_does_not_say_how_to_copy_it_is_named()
    {
        Assert.That(() => new Sequential(new Parts(_ => { })).Clone(),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("Parts.CopyStructure"));
        Func<Layer, Layer?>[] wrongs = [_ => null, layer => layer, _ => new Linear(1, 1), _ => new Parts(_ => { })];
        foreach (Func<Layer, Layer?> wrong in wrongs)
        {
            var layer = new Parts(parts => parts.Add("w", Initializer.Constant())) { Copy = (original, _) => wrong(original) };
            Assert.That(layer.Clone, Throws.TypeOf<NotSupportedException>().With.Message.Contains("Parts.CopyStructure"));
        }

        var failing = new Parts(_ => { }) { Copy = (_, _) => throw new TimeZoneNotFoundException("no copy") };
        Assert.That(failing.Clone, Throws.TypeOf<GraphException>().With.InnerException.TypeOf<TimeZoneNotFoundException>());
        var child = new Linear(1, 1);
        var sharing = new Parts(parts => parts.Add("child", child)) { Copy = (_, _) => new Parts(parts => parts.Add("child", child)) };
        Assert.That(sharing.Clone, Throws.TypeOf<NotSupportedException>().With.Message.Contains("child"), "the child must be a copy");
    }

    [Test]
    public void A_parameter_of_another_layer_is_shared_by_clones_too()
    {
        var encoder = new Linear(2, 2);
        Func<Parameter, Parts>? create = null;
        create = weight => new Parts(parts => parts.Add("tied", weight)) { Copy = (_, context) => create!(context.Copy(weight)) };
        Sequential model = new(encoder, create(encoder.Weight)), copy = (Sequential)model.Clone();
        Assert.That(model.Parameters.Count, Is.EqualTo(2));
        Assert.That(copy.Parameters["1.tied"], Is.SameAs(copy.Parameters["0.weight"]));
        Assert.That(copy.Parameters["1.tied"], Is.Not.SameAs(encoder.Weight));
        Assert.That(() => new Sequential(create(encoder.Weight), encoder).Clone(), Throws.TypeOf<NotSupportedException>());
    }

    [Test]
    public void A_snapshot_brings_all_values_back()
    {
        var model = new Sequential(new ResidualBlock(2), new Linear(2, 1));
        Assert.That(() => model.Snapshot(), Throws.InvalidOperationException);
        model.Initialize(1);
        model.Buffers[0].Set([5]);
        LayerSnapshot snapshot = model.Snapshot();
        float[] before = Values(model);
        using (var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f)))
        {
            trainer.Step([1, -2], [3f]);
        }

        model.Buffers[0].Set([6]);
        Assert.That(Values(model), Is.Not.EqualTo(before));
        model.Restore(snapshot);
        Assert.That(Values(model), Is.EqualTo(before));
        Assert.That(model.Buffers[0].Value[0], Is.EqualTo(5));

        var fresh = new Sequential(new ResidualBlock(2), new Linear(2, 1));
        fresh.Restore(snapshot);
        Assert.That(Values(fresh), Is.EqualTo(before), "a layer of the same structure");
    }

    [Test]
    public void A_snapshot_of_another_structure_changes_nothing()
    {
        var model = new Sequential(new Linear(2, 2), new Linear(2, 2));
        model.Initialize(1);
        float[] before = Values(model);
        var shared = new Linear(2, 2);
        Sequential[] others = [new(new Linear(2, 2)), new(new Linear(2, 2), new Linear(2, 3)), new(shared, shared)];
        foreach (Sequential other in others)
        {
            other.Initialize(2);
            Assert.That(() => model.Restore(other.Snapshot()), Throws.TypeOf<DataException>().With.Message.Contains("another structure"));
            Assert.That(Values(model), Is.EqualTo(before));
        }

        Assert.That(() => model.Restore(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Names_that_cannot_stand_in_a_path_are_refused()
    {
        foreach (string name in (string[])["", "a.b", "used"])
        {
            var child = new Linear(1, 1);
            Assert.That(() => new Parts(parts => parts.Add("used", child).Add(name, child)), Throws.TypeOf<OptionException>());
            Assert.That(() => new Parts(parts => parts.Add("used", child).Add(name, child.Weight)), Throws.TypeOf<OptionException>());
            Assert.That(() => new Parts(parts => parts.AddBuffer("used", 0).AddBuffer(name, 0)), Throws.TypeOf<OptionException>());
        }

        Assert.That(() => new Parts(parts => parts.Add(null!, new Linear(1, 1))), Throws.ArgumentNullException);
        Assert.That(() => new Parts(parts => parts.Add("a", (Layer)null!)), Throws.ArgumentNullException);
        Assert.That(() => new Parts(parts => parts.Add("a", (Parameter)null!)), Throws.ArgumentNullException);
        Assert.That(() => new Parts(parts => parts.AddBuffer("a", float.NaN)), Throws.TypeOf<OptionException>());
        Assert.That(() => new Parts(parts => parts.AddBuffer("a", 0.5f, isCount: true)), Throws.TypeOf<OptionException>());
        Assert.That(() => new Sequential(new Linear(1, 1), null!), Throws.ArgumentNullException);
        Assert.That(() => new Sequential((Elementwise)null!), Throws.ArgumentNullException);
        Assert.That(() => new Gated(null!, []), Throws.ArgumentNullException);
    }

    [Test]
    public void A_layer_in_use_takes_no_more_parts_so_that_none_contains_itself()
    {
        var layer = new Parts(_ => { });
        Assert.That(() => layer.Add("self", layer), Throws.TypeOf<OptionException>());
        var outer = new Parts(parts => parts.Add("inner", layer));
        Assert.That(() => layer.Add("outer", outer), Throws.InvalidOperationException.With.Message.Contains("in use already"));
        outer.Add("more", new Linear(1, 1));
        Assert.That(outer.Parameters.Count, Is.EqualTo(2), "a refused call has left it as it was");
        Assert.That(() => outer.Add("late", new Linear(1, 1)), Throws.InvalidOperationException);
        Assert.That(() => outer.Add("late", Initializer.Constant()), Throws.InvalidOperationException);
        Assert.That(() => outer.AddBuffer("late", 0), Throws.InvalidOperationException);
    }

    [Test]
    public void Depth_and_number_of_paths_are_bounded()
    {
        Layer deep = new Relu(), wide = new Linear(1, 1);
        Assert.That(() => { for (int i = 0; i < 1000; i++) { deep = new Residual(deep); } }, Throws.TypeOf<OptionException>());
        Assert.That(() => { for (int i = 0; i < 64; i++) { wide = new Sequential(wide, wide); } }, Throws.TypeOf<OptionException>());
        var graph = new Graph();
        Assert.That(deep.Build(graph.Input("x", [1]), BuildMode.Training).Shape[0], Is.EqualTo(1), "what is allowed can be built");
    }

    [Test]
    public void A_user_s_failure_is_the_inner_exception()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [1, 2]);
        var context = new BuildContext(graph, BuildMode.Training);
        var failing = new Parts(_ => { }) { BuildNode = (_, _) => throw new TimeZoneNotFoundException("no zone") };
        Assert.That(() => new Sequential(new Relu(), failing).Build(x, context), Throws.TypeOf<GraphException>()
            .With.InnerException.TypeOf<TimeZoneNotFoundException>().And.Message.EqualTo("1: a layer of type Parts has failed: no zone"));
        var empty = new Parts(_ => { }) { BuildNode = (_, _) => null! };
        Assert.That(() => empty.Build(x, BuildMode.Training), Throws.TypeOf<GraphException>().With.Message.Contains("got none"));
        var foreign = new Parts(_ => { }) { BuildNode = (_, _) => new Graph().Input("y") };
        Assert.That(() => foreign.Build(x, BuildMode.Training), Throws.TypeOf<GraphException>().With.Message.Contains("got y"));
    }

    // Of the mean square of the outputs, for two rows of input.
    private static float[][] Gradients(Layer model, float[] input)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, input.Length / 2]), cost = model.Build(x, BuildMode.Training).Square().Mean();
        Node[] gradients = graph.Gradient(cost, [.. model.Parameters.Select(parameter => graph.Variable(parameter))]);
        return new GraphHarness(graph, 2).Set(x, input).Run(gradients);
    }

    private static float[] Predict(Layer model, params float[] input)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [1, input.Length]);
        return new GraphHarness(graph).Set(x, input).Run([model.Build(x, BuildMode.Evaluation)])[0];
    }

    private static float[] Values(Layer model) => [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    private sealed record Failing : Initializer
    {
        protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random) =>
            throw new TimeZoneNotFoundException("no rule");
    }

    /// <summary>A layer whose parts are a test's.</summary>
    private sealed class Parts : Layer
    {
        public Parts(Action<Parts> add) => add(this);

        public Func<Node, BuildContext, Node> BuildNode { get; init; } = (input, _) => input;

        public Func<Layer, CloneContext, Layer?>? Copy { get; init; }

        public Parts Add(string name, Layer child)
        {
            AddChild(name, child);
            return this;
        }

        public Parts Add(string name, Initializer? initializer)
        {
            AddParameter(name, [1], initializer);
            return this;
        }

        public Parts Add(string name, Parameter parameter)
        {
            AddParameter(name, parameter);
            return this;
        }

        public Parts AddBuffer(string name, float initial, bool isCount = false)
        {
            AddBuffer(name, [1], initial, isCount);
            return this;
        }

        protected override Node BuildCore(Node input, BuildContext context) => BuildNode(input, context);

        protected override Layer CopyStructure(CloneContext context) => Copy is null ? base.CopyStructure(context) : Copy(this, context)!;
    }
}
