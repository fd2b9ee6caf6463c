using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>What may come between the parts of a step: freezing, other owners, values that are set, inputs that are bound anew.</summary>
[TestFixture]
internal sealed class StepOrderTests
{
    private static readonly float[] _x = [0.5f, -1, 2, 0.25f], _t = [1, -1];
    private static readonly float[] _a = [0.5f, -1, 2, 0.25f, 1, 1], _b = [1, 2, 3], _c = [1, -1, 0.5f];

    private static IEnumerable<Optimizer> Optimizers => [new Sgd(0.1f), new Adam(0.1f)];

    [TestCaseSource(nameof(Optimizers))]
    public void Gradients_from_before_a_freeze_update_nothing_once_a_forward_has_seen_it(Optimizer optimizer)
    {
        Linear model = Drawn(new Linear(2, 1));
        using var trainer = new Trainer(model, new MeanSquaredError(), optimizer);
        trainer.Forward(_x, _t);
        trainer.Backward();
        model.Weight.Freeze();
        trainer.Forward(_x, _t);
        float[] before = Values(model);
        Assert.That(
            trainer.Update,
            Throws.InvalidOperationException.With.Message.Contains("frozen or thawed").And.Message.Contains("Forward, Backward, Update"));
        Assert.That(Values(model), Is.EqualTo(before));
        trainer.Backward();
        trainer.Update();
        Assert.That(model.Weight.Value.ToArray(), Is.EqualTo(before[..2]));
        Assert.That(model.Bias!.Value[0], Is.Not.EqualTo(before[2]));
        Assert.That(trainer.Steps, Is.EqualTo(1));
    }

    [Test]
    public void A_layer_of_two_trainers_is_counted_by_both([Values] bool inParts)
    {
        Linear a = Drawn(new Linear(4, 2)), b = Drawn(new Linear(2, 2)), c = Drawn(new Linear(4, 2));
        var adam = new Adam(0.01f, shared: true);
        using var first = new Trainer(new Sequential(a, b), new MeanSquaredError(), adam);
        using var second = new Trainer(new Sequential(c, b), new MeanSquaredError(), adam);
        Step(first);
        Step(second);
        for (int i = 0; i < 10; i++)
        {
            Step(first);
        }

        Assert.That(second.State["optimizer.1.weight.step"].Value[0], Is.EqualTo(12));
        Assert.That(first.State["optimizer.0.weight.step"].Value[0], Is.EqualTo(11), "the layer of its own");
        Step(second);
        Assert.That(first.State["optimizer.1.weight.step"].Value[0], Is.EqualTo(13));

        void Step(Trainer trainer)
        {
            if (inParts)
            {
                trainer.Forward(_x, _t);
                trainer.Backward();
                trainer.Update();
            }
            else
            {
                trainer.Step(_x, _t);
            }
        }
    }

    [Test]
    public void An_update_counts_as_another_owner_has_parted_the_counts_since_the_gradients()
    {
        Linear a = Drawn(new Linear(4, 2)), b = Drawn(new Linear(2, 2)), c = Drawn(new Linear(4, 2));
        var adam = new Adam(0.01f, shared: true);
        using var first = new Trainer(new Sequential(a, b), new MeanSquaredError(), adam);
        using var second = new Trainer(new Sequential(c, b), new MeanSquaredError(), adam);
        first.Forward(_x, _t);
        first.Backward();
        second.Prepare(4);
        first.Update();
        Assert.That(second.State["optimizer.1.weight.step"].Value[0], Is.EqualTo(1));
    }

    [Test]
    public void A_gradient_of_values_that_were_set_meanwhile_is_refused()
    {
        using var towers = Bound(new Sgd(0.1f));
        towers.Step.Forward();
        float[] values = towers.Parameters[0].Value.ToArray();
        towers.Parameters[0].Set([3, 4]);
        Assert.That(
            () => towers.Step.Backward(),
            Throws.InvalidOperationException.With.Message.EqualTo("parameter left.0.weight changed since the Forward: call Forward again"));
        towers.Step.Forward();
        towers.Parameters[0].Set(values);
        Assert.That(() => towers.Step.Backward(), Throws.InvalidOperationException, "set to what it was is changed too");
        towers.Step.Forward();
        Assert.That(() => towers.Step.Backward(), Throws.Nothing);
        Assert.That(towers.Step.Update, Throws.Nothing);
        towers.Step.Forward();
        Assert.That(() => towers.Step.Backward(), Throws.Nothing, "an update is the normal order");
    }

    [Test]
    public void A_gradient_of_values_that_were_restored_or_trained_meanwhile_is_refused()
    {
        Sequential model = new(Drawn(new Linear(2, 1)));
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        using var other = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        LayerSnapshot snapshot = model.Snapshot();
        trainer.Forward(_x, _t);
        model.Restore(snapshot);
        Assert.That(() => trainer.Backward(), Throws.InvalidOperationException.With.Message.Contains("changed since the Forward"));
        trainer.Forward(_x, _t);
        other.Step(_x, _t);
        Assert.That(() => trainer.Backward(), Throws.InvalidOperationException.With.Message.Contains("changed since the Forward"));
        trainer.Forward(_x, _t);
        trainer.Backward();
        Assert.That(trainer.Update, Throws.Nothing);
    }

    [Test]
    public void A_gradient_of_values_that_a_Newton_step_has_moved_meanwhile_is_refused()
    {
        using var towers = Bound(new Sgd(0.1f));
        Parameter moved = towers.Parameters[0];
        Node w = new Graph().Variable(moved);
        using var newton = new NewtonCg((w - w.Log()).Sum(), [moved]);
        moved.Set([0.5f, 0.5f]);
        towers.Step.Forward();
        Assert.That(newton.Step(damping: 0).Length, Is.Positive);
        Assert.That(() => towers.Step.Backward(), Throws.InvalidOperationException.With.Message.Contains("changed since the Forward"));

        // From 3 the full step goes to -3, which has no logarithm.
        moved.Set([3, 3]);
        towers.Step.Forward();
        Assert.That(() => newton.Step(damping: 0), Throws.TypeOf<GraphException>());
        Assert.That(() => towers.Step.Backward(), Throws.Nothing, "a step that fails has moved nothing");
    }

    [Test]
    public void A_step_of_frozen_parameters_alone_counts_in_parts_as_in_one([Values] bool parts)
    {
        Linear model = Drawn(new Linear(2, 1));
        using var trainer = new Trainer(model, new MeanSquaredError(), new Adam(0.1f));
        model.Freeze();
        float[] before = Values(model);
        for (int i = 0; i < 2; i++)
        {
            if (parts)
            {
                trainer.Forward(_x, _t);
                trainer.Backward();
                trainer.Update();
            }
            else
            {
                trainer.Step(_x, _t);
            }
        }

        Assert.That(trainer.Steps, Is.EqualTo(2));
        Assert.That(Values(model), Is.EqualTo(before));
        Assert.That(trainer.Update, Throws.InvalidOperationException.With.Message.Contains(parts ? "Update needs gradients" : "Update"));
    }

    [Test]
    public void A_watched_node_shows_what_the_cost_saw_whatever_was_frozen()
    {
        using var towers = Bound(new Sgd(0.1f));
        Node weight = towers.Output.Graph.Variable(towers.Parameters[0]);
        Node late = weight * 1f;
        Assert.That(
            () => towers.Step.Watch(late),
            Throws.TypeOf<GraphException>().With.Message.Contains("built after the step").And.Message.Contains("weight"));
        Assert.That(() => towers.Step.Watch(towers.Output * 2f), Throws.Nothing, "what does not read parameters itself");
        Assert.That(() => towers.Step.Watch(weight), Throws.Nothing);
        towers.Step.Run();
        Assert.That(towers.Step[weight].Span.ToArray(), Is.EqualTo(towers.Parameters[0].Value.ToArray()), "the parameter itself");
    }

    [Test]
    public void A_node_built_before_the_step_shows_the_values_before_the_update_through_every_freezing()
    {
        Node? early = null;
        using var towers = Bound(new Sgd(0.1f), node => early = node.Graph.Nodes.First(n => n.Op is Variable) * 2f);
        towers.Step.Watch(early!);
        Parameter first = towers.Parameters[0], second = towers.Parameters[1];
        foreach (Action change in new Action[] { () => { }, second.Freeze, second.Thaw, first.Freeze, first.Thaw, () => { } })
        {
            change();
            float[] before = [.. first.Value.ToArray().Select(value => 2 * value)];
            towers.Step.Run();
            Assert.That(towers.Step[early!].Span.ToArray(), Is.EqualTo(before));
        }
    }

    [Test]
    public void A_watched_input_that_is_bound_anew_has_no_value_until_the_next_run()
    {
        using var towers = Bound(new Sgd(0.1f));
        Node flat = towers.A.Reshape([Shape.Batches(2)]);
        towers.Step.Watch(towers.A, flat).Run();
        Assert.That(towers.Step[towers.A].Span.ToArray(), Is.EqualTo(_a));
        towers.Step.Bind(towers.A, [7, 8]);
        Assert.That(() => towers.Step[towers.A].Span.Length, Throws.InvalidOperationException.With.Message.Contains("bound since"));
        Assert.That(() => towers.Step[flat].Span.Length, Throws.InvalidOperationException.With.Message.Contains("bound since"));
        Assert.That(() => towers.Step[towers.Cost].Item, Throws.Nothing, "what was computed is there");
        towers.Step.Bind(towers.B, [1]).Bind(towers.T, [1]).Run();
        Assert.That(towers.Step[towers.A].Span.ToArray(), Is.EqualTo(new float[] { 7, 8 }));
    }

    [Test]
    public void An_update_does_not_pass_for_a_run_of_what_was_bound_before_it()
    {
        using var towers = Bound(new Sgd(0.1f));
        towers.Step.Watch(towers.A).Forward();
        towers.Step.Backward();
        towers.Step.Bind(towers.A, [7, 8]).Update();
        Assert.That(() => towers.Step[towers.A].Span.Length, Throws.InvalidOperationException.With.Message.Contains("bound since"));
    }

    [Test]
    public void Lists_of_options_are_copied()
    {
        var groups = new List<ParameterGroup>();
        var transforms = new List<GradientTransform>();
        var regularizers = new List<Regularizer>();
        var options = new TrainerOptions { Groups = groups, GradientTransforms = transforms, Regularizers = regularizers };
        Linear changed = Drawn(new Linear(2, 1)), plain = Drawn(new Linear(2, 1));
        using var trainer = new Trainer(changed, new MeanSquaredError(), new Sgd(0.1f), options);
        using var expected = new Trainer(plain, new MeanSquaredError(), new Sgd(0.1f));
        groups.Add(new ParameterGroup(_ => true) { LearningRateFactor = 0 });
        transforms.Add(new ClipByValue(1e-6f));
        regularizers.Add(new L2Penalty(10));
        Assert.That(trainer.Step(_x, _t), Is.EqualTo(expected.Step(_x, _t)));
        Assert.That(Values(changed), Is.EqualTo(Values(plain)));
    }

    [Test]
    public void Nulls_in_lists_of_options_are_named()
    {
        using (Assert.EnterMultipleScope())
        {
            Refused(new TrainerOptions { Groups = [new ParameterGroup(_ => true), null!] }, "Groups: element 1 is null");
            Refused(new TrainerOptions { GradientTransforms = [null!] }, "GradientTransforms: element 0 is null");
            Refused(new TrainerOptions { Regularizers = [null!] }, "Regularizers: element 0 is null");
            Refused(new TrainerOptions { Regularizers = null! }, "Regularizers must not be null");
        }

        static void Refused(TrainerOptions options, string message) => Assert.That(
            () => new Trainer(new Linear(2, 1), new MeanSquaredError(), new Sgd(0.1f), options),
            Throws.TypeOf<OptionException>().With.Message.Contains(message));
    }

    [Test]
    public void A_transform_that_gives_no_gradients_is_refused()
    {
        foreach (IReadOnlyList<Node>? given in new IReadOnlyList<Node>?[] { null, [null!, null!, null!], [] })
        {
            var options = new TrainingStepOptions { GradientTransforms = [new Given(given)] };
            Assert.That(
                () => new Towers(new Sgd(0.1f), options), Throws.TypeOf<GraphException>().With.Message.StartsWith("Given: expected"));
        }
    }

    private static Towers Bound(Optimizer optimizer, Func<Node, Node?>? build = null)
    {
        var towers = new Towers(optimizer, build: build);
        towers.Step.Bind(towers.A, _a).Bind(towers.B, _b).Bind(towers.T, _c);
        return towers;
    }

    private static Linear Drawn(Linear layer)
    {
        layer.Initialize(1);
        return layer;
    }

    private static float[] Values(Layer model) => [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    private sealed record Given(IReadOnlyList<Node>? Nodes) : GradientTransform
    {
        public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients) => Nodes!;
    }
}
