using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>What trainers and training steps refuse, and that nothing changes then.</summary>
[TestFixture]
internal sealed class StepRefusalTests
{
    private static readonly float[] _a = [0.5f, -1, 2, 0.25f, 1, 1], _b = [1, 2, 3], _t = [1, -1, 0.5f];

    [Test]
    public void Parameters_of_one_name_get_names_of_their_own()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training);
        Node[] leaves = [.. Enumerable.Range(1, 3).Select(i => context.Graph.Variable("w", [1], i))];
        Node cost = leaves.Aggregate((sum, leaf) => sum + leaf).Square().Sum();
        var adam = new Adam();
        using var step = new TrainingStep(context, cost, leaves.Select(leaf => ((Variable)leaf.Op).Parameter), adam);
        step.Run();
        string[] names = ["w.first_moment", "w.1.first_moment", "w.2.first_moment"];
        Assert.That(step.State.Entries.Select(entry => entry.Name), Is.SupersetOf(names.Select(name => $"optimizer.{name}")));
        Assert.That(adam.State.Entries.Select(entry => entry.Name), Is.SupersetOf(names));
    }

    [Test]
    public void A_trainer_whose_first_step_cannot_be_made_keeps_its_optimizer()
    {
        var adam = new Adam();
        var options = new TrainerOptions { GradientTransforms = [new Unwilling()] };
        using var trainer = new Trainer(new Sequential(new Linear(2, 1)), new MeanSquaredError(), adam, options);
        Assert.That(() => trainer.Prepare(2), Throws.TypeOf<GraphException>());
        Assert.That(
            () => new Trainer(new Sequential(new Linear(2, 1)), new MeanSquaredError(), adam),
            Throws.InvalidOperationException.With.Message.Contains("belongs to another Trainer"));
    }

    [Test]
    public void A_step_that_cannot_be_made_gives_its_own_optimizer_back()
    {
        var adam = new Adam();
        Assert.That(
            () => new Towers(adam, new TrainingStepOptions { GradientTransforms = [new Unwilling()] }), Throws.TypeOf<GraphException>());
        using var towers = new Towers(adam);
        Assert.That(towers.Run(_a, _b, _t), Is.GreaterThan(0));
    }

    [Test]
    public void A_rate_that_is_infinite_with_its_factors_is_refused_and_nothing_is_counted([Values] bool byGroup, [Values] bool inParts)
    {
        var options = byGroup
            ? new TrainingStepOptions { Groups = [new ParameterGroup(p => p.Shape.Rank > 1) { LearningRateFactor = 1e30f }] }
            : new TrainingStepOptions { Schedule = new Steep() };
        using var towers = new Towers(new Sgd(1e30f), options);
        float[] before = towers.Values;
        towers.Step.Bind(towers.A, _a).Bind(towers.B, _b).Bind(towers.T, _t);
        if (inParts)
        {
            towers.Step.Forward();
            towers.Step.Backward();
        }

        Assert.That(
            inParts ? towers.Step.Update : () => towers.Step.Run(),
            Throws.TypeOf<OptionException>().With.Message.Contains("learning rate").And.Message.Contains(byGroup ? "group 0" : "1E+30"));
        Assert.That(towers.Values, Is.EqualTo(before));
        Assert.That(towers.Step.Steps, Is.Zero);
    }

    [Test]
    public void What_was_disposed_of_tells_nothing_any_more()
    {
        var towers = new Towers(new Adam());
        var trainer = new Trainer(new Sequential(new Linear(2, 1)), new MeanSquaredError(), new Adam());
        towers.Dispose();
        trainer.Dispose();
        Func<object>[] reads =
            [() => towers.Step.Steps, () => towers.Step.Threads, () => towers.Step.State, () => trainer.Steps, () => trainer.Threads];
        foreach (Func<object> read in reads)
        {
            Assert.That(read, Throws.TypeOf<ObjectDisposedException>());
        }
    }

    [Test]
    public void Lists_that_are_handed_out_cannot_be_changed()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training);
        Node x = context.Graph.Input("x", [2]);
        _ = x * context.Mask(0.5f, [2]);
        ParameterSet set = new Linear(2, 1).Parameters;
        Assert.That(() => ((IList<Node>)context.Graph.Nodes).Clear(), Throws.TypeOf<NotSupportedException>());
        Assert.That(() => ((IList<Node>)context.Effects).Clear(), Throws.TypeOf<NotSupportedException>());
        Assert.That(
            () => ((IList<(string, Parameter)>)set.Entries)[0] = ("", set[0]), Throws.InstanceOf<NotSupportedException>());
        Assert.That(context.Graph.Nodes, Is.Not.Empty);
        Assert.That(context.Effects, Is.Not.Empty);
    }

    private sealed record Steep : LearningRateSchedule
    {
        public override double Factor(long step) => 1e30;
    }

    private sealed record Unwilling : GradientTransform
    {
        public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients) => throw new FormatException("no");
    }
}
