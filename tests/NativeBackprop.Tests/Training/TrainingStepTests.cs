using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>Two towers, two inputs, one cost; what it comes to is held against plain gradient descent by hand.</summary>
[TestFixture]
internal sealed class TrainingStepTests
{
    private static readonly float[] _a = [0.5f, -1, 2, 0.25f, 1, 1], _b = [1, 2, 3], _t = [1, -1, 0.5f];

    [Test]
    public void Trains_two_towers_with_two_inputs_by_one_cost()
    {
        using var towers = new Towers(new Sgd(0.1f));
        float first = towers.Step.Bind(towers.A, _a).Bind(towers.B, _b).Bind(towers.T, _t).Run(), last = first;
        for (int i = 0; i < 50; i++)
        {
            last = towers.Step.Run();
        }

        Assert.That(last, Is.LessThan(first / 4));
        Assert.That(towers.Step.Steps, Is.EqualTo(51));
    }

    [Test]
    public void Makes_the_step_that_gradient_and_optimizer_make_by_hand()
    {
        using var towers = new Towers(new Sgd(0.1f));
        float[][] expected = towers.ByHand(0.1f, _a, _b, _t);
        towers.Step.Bind(towers.A, _a).Bind(towers.B, _b).Bind(towers.T, _t).Run();
        foreach ((Parameter parameter, float[] values) in towers.Parameters.Zip(expected))
        {
            Assert.That(parameter.Value.ToArray(), Is.EqualTo(values).Within(1e-6), parameter.Name);
        }
    }

    [Test]
    public void Names_its_parameters_by_their_paths()
    {
        using var towers = new Towers(new Sgd(0.1f, momentum: 0.9f));
        Assert.That(towers.Step.State.Entries.Select(entry => entry.Name), Is.SupersetOf(
            new[] { "optimizer.left.0.weight.velocity", "optimizer.left.0.bias.velocity", "optimizer.right.0.weight.velocity" }));
    }

    [Test]
    public void The_batch_size_follows_the_first_input_bound_after_a_run()
    {
        using var towers = new Towers(new Sgd(0.1f));
        TrainingStep step = towers.Step;
        step.Bind(towers.A, _a).Bind(towers.B, _b).Bind(towers.T, _t).Run();
        step.Bind(towers.A, [1, 2]);
        Assert.That(
            () => step.Bind(towers.B, _b),
            Throws.TypeOf<ShapeException>().With.Message.Contains("a batch of 3").And.Message.Contains("that of 1"));
        Assert.That(step.Run, Throws.InvalidOperationException.With.Message.Contains("b is bound to a batch of 3"));
        step.Bind(towers.B, [1]).Bind(towers.T, [1]);
        Assert.That(step.Run(), Is.GreaterThan(0));
        Assert.That(
            () => step.Bind(towers.A, [1, 2, 3, 4]).Bind(towers.A, [1, 2]).Run(), Throws.Nothing, "what is bound alone may be bound anew");
    }

    [Test]
    public void An_input_that_is_not_bound_is_named()
    {
        using var towers = new Towers(new Sgd(0.1f));
        towers.Step.Bind(towers.A, _a);
        Assert.That(towers.Step.Run, Throws.InvalidOperationException.With.Message.Contains("input b is not bound"));
        Assert.That(towers.Step.Steps, Is.Zero);
    }

    [Test]
    public void What_does_not_fit_is_refused_and_changes_nothing()
    {
        using var towers = new Towers(new Sgd(0.1f));
        TrainingStep step = towers.Step.Bind(towers.A, _a).Bind(towers.B, _b).Bind(towers.T, _t);
        Node foreign = new Graph().Input("x", [Shape.Batch, 2]);
        float before = step.Forward();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => step.Bind(towers.A, [1, 2, 3]), Throws.TypeOf<ShapeException>().With.Message.Contains("rows of 2"));
            Assert.That(() => step.Bind(towers.A, []), Throws.TypeOf<ShapeException>());
            Assert.That(() => step.Bind(towers.A, [1, float.NaN]), Throws.TypeOf<DataException>());
            Assert.That(() => step.Bind(foreign, _a), Throws.TypeOf<GraphException>());
            Assert.That(() => step.BindLabels(towers.A, [1, 2]), Throws.TypeOf<GraphException>().With.Message.Contains("use Bind"));
            Assert.That(() => step.Bind(null!, _a), Throws.ArgumentNullException);
        }

        Assert.That(() => step.Backward(), Throws.Nothing, "the forward pass is still there");
        Assert.That(step.Forward(), Is.EqualTo(before));
    }

    [Test]
    public void Labels_are_bound_and_checked_by_their_own_method()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training, seed: 1);
        var layer = new Linear(2, 3);
        Node x = context.Graph.Input("x", [Shape.Batch, 2]), y = context.Graph.Labels("y", 3);
        Node cost = new NativeBackprop.Losses.SoftmaxCrossEntropy().Build(layer.Build(x, context.Child("head")), y);
        using var step = new TrainingStep(context, cost, layer.Parameters, new Sgd(0.5f));
        step.Bind(x, _a);
        Assert.That(() => step.BindLabels(y, [0, 1, 3]), Throws.TypeOf<DataException>().With.Message.Contains("0..2"));
        Assert.That(() => step.Bind(y, [0, 1, 2]), Throws.TypeOf<GraphException>().With.Message.Contains("BindLabels"));
        float first = step.BindLabels(y, [0, 1, 2]).Run();
        Assert.That(step.Run(), Is.LessThan(first));
    }

    [Test]
    public void A_parameter_that_the_cost_does_not_depend_on_is_named()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training, seed: 1);
        Node x = context.Graph.Input("x", [Shape.Batch, 2]);
        Linear used = new(2, 1), unused = new(2, 1);
        Node cost = used.Build(x, context.Child("used")).Square().Mean();
        unused.Build(x, context.Child("unused"));
        var sgd = new Sgd(0.1f);
        Assert.That(
            () => new TrainingStep(context, cost, [.. used.Parameters, .. unused.Parameters], sgd),
            Throws.TypeOf<GraphException>().With.Message.Contains("unused.weight").And.Message.Contains("unused.bias"));
        Assert.That(unused.Weight.IsInitialized, Is.False);
        using var step = new TrainingStep(context, cost, [.. used.Parameters, .. used.Parameters], sgd);
        Assert.That(step.Bind(x, _a).Run(), Is.GreaterThan(0), "given twice is trained once");
    }

    [Test]
    public void A_cost_that_is_no_scalar_of_the_contexts_graph_is_refused()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training, seed: 1);
        var layer = new Linear(2, 1);
        Node x = context.Graph.Input("x", [Shape.Batch, 2]), y = layer.Build(x, context.Child("layer"));
        Assert.That(
            () => new TrainingStep(context, y, layer.Parameters, new Sgd(1)),
            Throws.TypeOf<GraphException>().With.Message.Contains("scalar"));
        Assert.That(
            () => new TrainingStep(new BuildContext(new Graph(), BuildMode.Training), y.Mean(), layer.Parameters, new Sgd(1)),
            Throws.TypeOf<GraphException>().With.Message.Contains("another graph"));
    }

    [Test]
    public void Values_that_were_never_drawn_are_drawn_with_the_contexts_seed()
    {
        using var one = new Towers(new Sgd(0.1f), seed: 3);
        using var same = new Towers(new Sgd(0.1f), seed: 3);
        using var other = new Towers(new Sgd(0.1f), seed: 4);
        Assert.That(same.Values, Is.EqualTo(one.Values));
        Assert.That(other.Values, Is.Not.EqualTo(one.Values));
    }

    [Test]
    public void Watched_nodes_can_be_read_after_a_run()
    {
        using var towers = new Towers(new Sgd(0.1f));
        TrainingStep step = towers.Step.Bind(towers.A, _a).Bind(towers.B, _b).Bind(towers.T, _t);
        Assert.That(() => step[towers.Cost], Throws.InvalidOperationException.With.Message.Contains("Run"));
        Assert.That(() => step[towers.Output], Throws.TypeOf<GraphException>().With.Message.Contains("Watch"));
        float cost = step.Watch(towers.Output).Run();
        Assert.That(step[towers.Cost].Item, Is.EqualTo(cost));
        Assert.That(step[towers.Output].Shape.Extents.ToArray(), Is.EqualTo(new[] { 3, 1 }));
    }

    [Test]
    public void Groups_have_rates_and_decays_of_their_own()
    {
        using var plain = new Towers(new Sgd(0.1f, weightDecay: 0.5f));
        using var grouped = new Towers(new Sgd(0.1f, weightDecay: 0.5f), new TrainingStepOptions
        {
            Groups =
            [
                new ParameterGroup(parameter => parameter.Name == "bias") { WeightDecay = 0 },
                new ParameterGroup(parameter => parameter.Shape.Rank == 2) { LearningRateFactor = 0.5f },
            ],
        });
        foreach (Towers towers in new[] { plain, grouped })
        {
            towers.Parameters[1].Set([0.75f]);
        }

        float[][] before = [.. grouped.Parameters.Select(parameter => parameter.Value.ToArray())];
        plain.Run(_a, _b, _t);
        grouped.Run(_a, _b, _t);
        for (int p = 0; p < before.Length; p++)
        {
            bool isBias = plain.Parameters[p].Shape.Rank == 1;
            for (int i = 0; i < before[p].Length; i++)
            {
                float step = before[p][i] - plain.Parameters[p].Value[i];
                float expected = isBias ? step - (0.1f * 0.5f * before[p][i]) : step / 2;
                Assert.That(before[p][i] - grouped.Parameters[p].Value[i], Is.EqualTo(expected).Within(1e-6));
            }
        }
    }

    [Test]
    public void A_group_keeps_the_update_inside_the_product()
    {
        var weights = new ParameterGroup(p => p.Shape.Rank == 2) { LearningRateFactor = 0.5f, WeightDecay = 0.1f };
        using var towers = new Towers(new Sgd(0.1f), new TrainingStepOptions { Groups = [weights] });
        towers.Run(_a, _b, _t);
        Assert.That(towers.Step.LastPlan!.Kernels.Count(kernel => kernel.Step.Operation.Name == "matmul_sgd_update"), Is.EqualTo(2));
    }

    [Test]
    public void Groups_that_cannot_be_meant_are_refused()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                () => Grouped(new ParameterGroup(_ => false)),
                Throws.TypeOf<OptionException>().With.Message.Contains("group 0 covers none"));
            Assert.That(
                () => Grouped(new ParameterGroup(_ => true), new ParameterGroup(p => p.Shape.Rank == 1)),
                Throws.TypeOf<OptionException>().With.Message.Contains("left.0.bias is in the parameter groups 0 and 1"));
            Assert.That(() => Grouped(new ParameterGroup(new Linear(1, 1).Parameters)), Throws.TypeOf<OptionException>());
            Assert.That(
                () => Grouped(new ParameterGroup(_ => throw new FormatException("no"))),
                Throws.TypeOf<GraphException>().With.InnerException.TypeOf<FormatException>());
            Assert.That(() => new ParameterGroup(_ => true) { LearningRateFactor = -1 }, Throws.TypeOf<OptionException>());
            Assert.That(() => new ParameterGroup(_ => true) { WeightDecay = float.NaN }, Throws.TypeOf<OptionException>());
            Assert.That(() => Grouped(null!), Throws.TypeOf<OptionException>());
        }

        static void Grouped(params ParameterGroup[] groups) =>
            new Towers(new Sgd(0.1f), new TrainingStepOptions { Groups = groups }).Dispose();
    }

    [Test]
    public void A_frozen_parameter_has_no_update_no_gradient_and_no_state([Values] bool clip)
    {
        var options = new TrainingStepOptions { GradientTransforms = clip ? [GradientTransform.ClipByNorm(1)] : [] };
        using var towers = new Towers(new Adam(0.1f), options, freezeFirst: true);
        float[] before = towers.Parameters[0].Value.ToArray();
        towers.Run(_a, _b, _t);
        Assert.That(towers.Parameters[0].Value.ToArray(), Is.EqualTo(before));
        Assert.That(towers.Step.State.Entries.Select(entry => entry.Name), Has.None.Contains("left.0.weight"));
        towers.Step.Forward();
        towers.Step.Backward();
        Assert.That(
            () => _ = towers.Step.Gradient(towers.Parameters[0])[0], Throws.InvalidOperationException.With.Message.Contains("frozen"));
        Assert.That(towers.Step.Gradient(towers.Parameters[1]).Length, Is.EqualTo(1));
    }

    [Test]
    public void Freezing_and_thawing_take_effect_at_the_next_step()
    {
        using var towers = new Towers(new Adam(0.1f));
        Parameter first = towers.Parameters[0];
        towers.Run(_a, _b, _t);
        float[] moved = first.Value.ToArray();
        first.Freeze();
        towers.Step.Run();
        Assert.That(first.Value.ToArray(), Is.EqualTo(moved));
        first.Thaw();
        towers.Step.Run();
        Assert.That(first.Value.ToArray(), Is.Not.EqualTo(moved));
        Assert.That(towers.Step.State["optimizer.left.0.weight.step"].Value[0], Is.EqualTo(2), "it has made two steps");
        Assert.That(towers.Step.State["optimizer.left.0.bias.step"].Value[0], Is.EqualTo(3), "the others three");
    }

    [Test]
    public void Everything_frozen_still_computes_the_cost()
    {
        using var towers = new Towers(new Adam(0.1f));
        towers.Parameters.ForEach(parameter => parameter.Freeze());
        float[] before = towers.Values;
        Assert.That(towers.Run(_a, _b, _t), Is.GreaterThan(0));
        Assert.That(towers.Values, Is.EqualTo(before));
    }

    [Test]
    public void Only_some_plans_are_kept()
    {
        using var towers = new Towers(new Sgd(0.01f));
        for (int rows = 1; rows <= 40; rows++)
        {
            towers.Run(new float[rows * 2], new float[rows], new float[rows]);
        }

        Assert.That(towers.Step.PlanCount, Is.EqualTo(TrainingStep.PlansKept));
    }

    [Test]
    public void A_step_may_have_no_batch()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training);
        var w = new Parameter("w", [2]);
        w.Set([3, -4]);
        Node scale = context.Graph.Input("scale"), cost = scale * context.Variable(w).Square().Sum();
        using var step = new TrainingStep(context, cost, [w], new Sgd(0.25f));
        Assert.That(step.Bind(scale, 1f).Run(), Is.EqualTo(25));
        Assert.That(w.Value.ToArray(), Is.EqualTo(new[] { 1.5f, -2 }));
    }

    [Test]
    public void A_disposed_step_throws_and_is_disposed_of_once()
    {
        var towers = new Towers(new Sgd(0.1f));
        towers.Run(_a, _b, _t);
        towers.Step.Dispose();
        towers.Step.Dispose();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(towers.Step.Run, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => towers.Step.Bind(towers.A, _a), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => towers.Step.Gradient(towers.Parameters[0]).Length, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => towers.Step[towers.Cost], Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => towers.Step.Watch(towers.Output), Throws.TypeOf<ObjectDisposedException>());
        }
    }

    [Test]
    public void Steps_cannot_be_set_to_nonsense()
    {
        using var towers = new Towers(new Sgd(0.1f));
        Assert.That(() => towers.Step.Steps = -1, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => towers.Step.Steps = long.MaxValue, Throws.TypeOf<ArgumentOutOfRangeException>());
        towers.Step.Steps = 7;
        Assert.That(towers.Step.Steps, Is.EqualTo(7));
    }
}
