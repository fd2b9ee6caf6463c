using NativeBackprop.Data;
using NativeBackprop.Diagnostics;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>What a user's own class throws arrives as the inner exception of ours, wherever the library calls it.</summary>
[TestFixture]
internal sealed class FailingUserCodeTests
{
    public enum Thrown
    {
        Argument,
        ArgumentNull,
        InvalidOperation,
        ObjectDisposed,
        NotSupported,
    }

    public enum LossMember
    {
        Name,
        IsClassifier,
        TargetWidth,
        CreateTargets,
    }

    [Test]
    public void A_layer_that_fails_to_copy_itself() => Refused(() => new Own(width: 2).Clone(), "Own.CopyStructure failed");

    [Test]
    public void A_loss_whose_member_fails([Values] LossMember member)
    {
        var batch = Dataset.FromTargets("d", [1, 2], 2, [1], 1);
        var loss = new OwnLoss(member);
        var model = new Linear(2, 1);
        model.Initialize(1);
        Refused(() => new Trainer(model, loss, new Sgd(0.1f)).Step([1, 2], [1]), "OwnLoss");
        Refused(() => GradientCheck.Run(model, loss, member == LossMember.Name ? Wider() : batch), $"OwnLoss.{member} failed");

        static Dataset Wider() => Dataset.FromTargets("d", [1, 2], 2, [1, 2], 2);
    }

    [Test]
    public void A_targets_leaf_asks_the_loss_with_care()
    {
        Node output = new Graph().Input("y", [Shape.Batch, 2]);
        Refused(() => new OwnLoss(LossMember.TargetWidth).CreateTargets(output), "OwnLoss.TargetWidth failed");
        Refused(() => new OwnLoss(LossMember.IsClassifier).CreateTargets(output), "OwnLoss.IsClassifier failed");
    }

    [Test]
    public void A_penalty_that_fails()
    {
        var model = new Linear(2, 1);
        Node cost = new Graph().Input("c", []);
        Refused(() => new OwnPenalty().AddTo(cost, model.Parameters), "OwnPenalty.Penalty failed");
    }

    [Test]
    public void An_op_that_fails_to_compare_itself_leaves_the_graph_whole([Values] bool inHash)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]);
        var op = new OwnOp { Throws = OwnOp.Member.None };
        Node y = graph.Add(op, x);
        int count = graph.Nodes.Count;
        op.Throws = inHash ? OwnOp.Member.Hash : OwnOp.Member.Equals;
        OwnOp failing = inHash ? op : new OwnOp { Throws = OwnOp.Member.Equals };
        Refused(() => graph.Add(failing, x), inHash ? "OwnOp.GetHashCode failed" : "OwnOp.Equals failed");
        Assert.That(graph.Nodes, Has.Count.EqualTo(count));
        op.Throws = OwnOp.Member.None;
        Assert.That(graph.Add(op, x), Is.SameAs(y));
        Node z = graph.Add(Binary.Add, y, x);
        Assert.That(graph.Nodes[z.Index], Is.SameAs(z));
        using Plan plan = graph.Compile([z]);
        plan.Bind(x, [1, 2, 3]).Run();
        Assert.That(plan[z].Span.ToArray(), Is.EqualTo(new float[] { 2, 4, 6 }));
    }

    [Test]
    public void An_op_whose_hash_fails_as_it_is_added_is_not_in_the_graph()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]);
        for (int calls = 1; calls <= 2; calls++)
        {
            var op = new OwnOp { Throws = OwnOp.Member.Hash, After = calls - 1 };
            Refused(() => graph.Add(op, x), "OwnOp.GetHashCode failed");
            Assert.That(graph.Nodes, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public void A_model_that_insists_on_a_width_below_one_is_refused([Values(0, -3)] int width)
    {
        var model = new Own(width);
        Assert.That(() => model.CreatePredictor(1), Throws.InstanceOf<NativeBackpropException>().With.Message.Contains("at least 1"));
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
        Assert.That(() => trainer.Step([1, 2], [1, 2]), Throws.InstanceOf<NativeBackpropException>().With.Message.Contains("at least 1"));
        Assert.That(() => trainer.Prepare(2), Throws.InstanceOf<NativeBackpropException>().With.Message.Contains("at least 1"));
        Assert.That(
            () => trainer.Fit(Dataset.FromTargets("d", [1, 2], 2, [1, 2], 2), null, 1),
            Throws.InstanceOf<NativeBackpropException>().With.Message.Contains("at least 1"));
    }

    [Test]
    public void A_users_exception_of_any_type_is_the_inner_one([Values] Thrown thrown)
    {
        Exception error = Make(thrown);
        Linear trained = new(2, 1);
        trained.Initialize(1);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 2]);
        Acting layer = new(() => throw error);
        Action[] calls =
        [
            () => layer.Build(x, new BuildContext(graph, BuildMode.Training, 1)),
            () => new Sequential(new Sequential(layer)).Build(x, new BuildContext(graph, BuildMode.Training, 1)),
            () => new Sequential(layer).Clone(),
            () => new ActingLoss(() => throw error).Build(x, x),
            () => new Trainer(trained, new ActingLoss(() => throw error), new Sgd(0.1f)).Step([1, 2], [1]),
            () => graph.Add(new ActingOp(() => throw error), x),
            () => ConjugateGradient.Solve(new ActingMatrix(() => throw error), [1]),
        ];
        foreach (Action call in calls)
        {
            Assert.That(call, Throws.TypeOf<GraphException>().With.InnerException.SameAs(error));
        }
    }

    [Test]
    public void What_we_refuse_a_users_code_passes_through_it_as_it_is()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 2]);
        var context = new BuildContext(graph, BuildMode.Training, 1);
        Plan disposed = graph.Compile([x], new PlanOptions { BatchSize = 1 });
        disposed.Dispose();
        var drawn = new Parameter("undrawn", [2]);
        (Action Act, Type Expected)[] refused =
        [
            (() => _ = drawn.Value[0], typeof(InvalidOperationException)),
            (() => disposed.Run(), typeof(ObjectDisposedException)),
            (() => new Sequential(new Acting(() => { }, copies: false)).Clone(), typeof(NotSupportedException)),
            (() => _ = x + graph.Input("y", [3, 3]), typeof(ShapeException)),
            (() => _ = new Dropout(2), typeof(OptionException)),
        ];
        foreach ((Action act, Type expected) in refused)
        {
            Assert.That(() => new Sequential(new Acting(act)).Build(x, context.Child(expected.Name)), Throws.TypeOf(expected));
            Assert.That(() => new Sequential(new Acting(act)).Clone(), Throws.TypeOf(expected));
            Assert.That(() => new ActingLoss(act).Build(x, x), Throws.TypeOf(expected));
            Assert.That(() => graph.Add(new ActingOp(act), x), Throws.InstanceOf(expected));
        }

        Assert.That(
            () => new Acting(() => graph.Add(new Relu(), [null!])).Build(x, context.Child("argument")),
            Throws.TypeOf<GraphException>().With.InnerException.TypeOf<ArgumentNullException>(),
            "an argument that is refused was the user's code's own");
    }

    private static Exception Make(Thrown thrown) => thrown switch
    {
        Thrown.Argument => new ArgumentException("no"),
        Thrown.ArgumentNull => new ArgumentNullException(nameof(thrown)),
        Thrown.InvalidOperation => new InvalidOperationException("no"),
        Thrown.ObjectDisposed => new ObjectDisposedException("no"),
        _ => new NotSupportedException("no"),
    };

    private static void Refused(Action call, string message) => Assert.That(
        call, Throws.TypeOf<GraphException>().With.Message.Contains(message).And.InnerException.TypeOf<FormatException>());

    private sealed class Own(int width) : Layer
    {
        public override int? InputWidthFor(int? outputWidth) => width;

        protected override Node BuildCore(Node input, BuildContext context) => input;

        protected override Layer CopyStructure(CloneContext context) => throw new FormatException("no");
    }

    private sealed class Acting(Action act, bool copies = true) : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context)
        {
            act();
            return input;
        }

        protected override Layer CopyStructure(CloneContext context)
        {
            if (!copies)
            {
                return base.CopyStructure(context);
            }

            act();
            return new Acting(act);
        }
    }

    private sealed class ActingLoss(Action act) : Loss
    {
        public override bool IsClassifier => false;

        public override Node PerExample(Node output, Node targets)
        {
            act();
            return (output - targets).Square().Sum(axis: 1);
        }
    }

    private sealed class ActingOp(Action act) : CustomOp
    {
        public override Shape InferShape(ReadOnlySpan<Shape> inputs)
        {
            act();
            return inputs[0];
        }

        public override void Forward(CustomInputs<float> inputs, Span<float> output) => inputs[0].CopyTo(output);

        public override void Backward(
            int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) =>
            outputGradient.CopyTo(inputGradient);
    }

    private sealed class ActingMatrix(Action act) : KrylovOperator
    {
        public override int Size => 1;

        public override void Apply(ReadOnlySpan<double> v, Span<double> product) => act();
    }

    private sealed class OwnLoss(LossMember member) : Loss
    {
        public override string Name => Of(LossMember.Name, "own");

        public override bool IsClassifier => Of(LossMember.IsClassifier, false);

        public override int TargetWidth(int outputWidth) => Of(LossMember.TargetWidth, outputWidth);

        public override Node CreateTargets(Node output) => Of(LossMember.CreateTargets, base.CreateTargets(output));

        public override Node PerExample(Node output, Node targets) => (output - targets).Square().Sum(axis: 1);

        private T Of<T>(LossMember asked, T value) => asked == member ? throw new FormatException("no") : value;
    }

    private sealed record OwnPenalty : Regularizer
    {
        public override Node Penalty(Node parameter) => throw new FormatException("no");
    }

    private sealed class OwnOp : CustomOp
    {
        private int _calls;

        public enum Member
        {
            None,
            Equals,
            Hash,
        }

        public Member Throws { get; set; }

        public int After { get; set; }

        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output) => inputs[0].CopyTo(output);

        public override void Backward(
            int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) =>
            outputGradient.CopyTo(inputGradient);

        public override int GetHashCode() => Throws == Member.Hash && _calls++ >= After ? throw new FormatException("no") : 1;

        public override bool Equals(object? obj) => Throws == Member.Equals ? throw new FormatException("no") : obj is OwnOp;
    }
}
