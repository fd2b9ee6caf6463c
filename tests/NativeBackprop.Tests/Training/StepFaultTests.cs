using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Memory;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>
/// A step that is made to fail, wherever it can, has changed nothing: parameters, optimizer's state, streams and counts are bit for bit as
/// before, and the next step is the one that would have followed.
/// </summary>
[TestFixture]
[NonParallelizable]
internal sealed class StepFaultTests
{
    private static readonly float[] _x = [0.5f, -1, 2, 0.25f, 1, 1, -1, 0.5f, 0.75f], _s = [1, 2, 0.5f], _t = [1, -1, 0.5f];

    private static readonly (string Name, Action<Example> Cause, Type Error)[] _faults =
    [
        ("a user's op forward", example => example.Trip.FailsForward = true, typeof(GraphException)),
        ("a user's op backward", example => example.Trip.FailsBackward = true, typeof(GraphException)),
        ("a logarithm's domain", example => example.Step.Bind(example.S, [1, -2, 1]), typeof(GraphException)),
        ("the check of the cost", example => example.Step.Bind(example.T, [1e30f, 0, 0]), typeof(NonFiniteException)),
    ];

    [Test]
    public void A_step_that_fails_has_changed_nothing(
        [Range(0, 3)] int fault, [Values] bool fuse, [Values("sgd", "momentum", "adam")] string optimizer, [Values(1, 2)] int threads)
    {
        using Example example = new(fuse, optimizer, threads), twin = new(fuse, optimizer, threads);
        for (int round = 0; round < 3; round++)
        {
            float[] before = example.Everything();
            _faults[fault].Cause(example.BindAll());
            Assert.That(() => example.Step.Run(), Throws.TypeOf(_faults[fault].Error), _faults[fault].Name);
            Assert.That(example.Everything(), Is.EqualTo(before), _faults[fault].Name);
            example.Trip.Heal();
            Assert.That(example.BindAll().Step.Run(), Is.EqualTo(twin.BindAll().Step.Run()));
            Assert.That(example.Everything(), Is.EqualTo(twin.Everything()));
        }
    }

    [Test]
    public void Parts_that_fail_have_changed_nothing([Range(0, 3)] int fault, [Values] bool fuse)
    {
        using Example example = new(fuse, "adam", 2), twin = new(fuse, "adam", 2);
        float[] before = example.Everything();
        _faults[fault].Cause(example.BindAll());
        bool isBackward = example.Trip.FailsBackward;
        if (isBackward)
        {
            example.Step.Forward();
            before = example.Everything();
        }

        Action fails = isBackward ? () => example.Step.Backward() : () => example.Step.Forward();
        Assert.That(() => fails(), Throws.TypeOf(_faults[fault].Error));
        Assert.That(example.Everything(), Is.EqualTo(before));
        Assert.That(() => example.Step.Backward(), Throws.InvalidOperationException, "what failed cannot be gone on with");
        Assert.That(example.Step.Update, Throws.InvalidOperationException);
        example.Trip.Heal();
        if (isBackward)
        {
            twin.BindAll().Step.Forward();
        }

        foreach (Example each in new[] { example, twin })
        {
            each.BindAll().Step.Forward();
            each.Step.Backward();
            each.Step.Update();
        }

        Assert.That(example.Everything(), Is.EqualTo(twin.Everything()));
    }

    [Test]
    public void Gradients_that_were_kept_survive_a_backward_pass_that_fails()
    {
        using Example example = new(true, "sgd", 1);
        example.BindAll().Step.Forward();
        example.Step.Backward();
        float[] kept = example.Gradients();
        example.Step.Forward();
        example.Trip.FailsBackward = true;
        Assert.That(() => example.Step.Backward(accumulate: true), Throws.TypeOf<GraphException>());
        Assert.That(example.Gradients(), Is.EqualTo(kept));
    }

    [Test]
    public void A_step_in_which_any_allocation_fails_has_changed_nothing([Values] bool parts)
    {
        using var twin = new Example(true, "adam", 2);
        Run(twin);
        int failing = 0;
        for (bool fails = true; fails; failing++)
        {
            using var example = new Example(true, "adam", 2);
            float[] before = example.Everything();
            using (var memory = new FailingMemory(failing))
            {
                try
                {
                    Run(example);
                }
                catch (InsufficientMemoryException)
                {
                    // Effects of a forward pass are committed with it.
                    int unchanged = parts ? example.Values().Length : before.Length;
                    Assert.That(example.Everything()[..unchanged], Is.EqualTo(before[..unchanged]));
                }

                fails = memory.HasFailed;
            }

            if (fails && !parts)
            {
                Run(example);
                Assert.That(example.Everything(), Is.EqualTo(twin.Everything()), $"after allocation {failing} has failed");
            }
        }

        Assert.That(failing, Is.GreaterThan(4));

        void Run(Example each)
        {
            each.BindAll();
            if (!parts)
            {
                each.Step.Run();
                return;
            }

            each.Step.Forward();
            each.Step.Backward();
            each.Step.Update();
        }
    }

    [Test]
    public void A_cost_that_is_not_finite_is_told_with_the_step_and_the_first_node()
    {
        using Example example = new(true, "sgd", 1);
        example.BindAll().Step.Run();
        example.Step.Bind(example.T, [1e30f, 0, 0]);
        NonFiniteException error = Assert.Throws<NonFiniteException>(() => example.Step.Run());
        Assert.That(error.Step, Is.EqualTo(2));
        Assert.That(error.Message, Does.StartWith("step 2: ").And.Contain(error.Node));
    }

    [Test]
    public void A_value_that_is_not_finite_is_named_also_where_random_streams_are_counted()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training);
        Node x = context.Graph.Input("x", [Shape.Batch, 3]);
        Node dropped = new Dropout(0.1f).Build(x, context.Child("dropout"));
        Node root = (dropped - 1).Exp().Reciprocal().Square();
        var w = new Parameter("w", [3]);
        w.Set([1, 1, 1]);
        using var step = new TrainingStep(context, (root * context.Variable(w)).Sum(), [w], new Sgd(0.1f));
        NonFiniteException error = Assert.Throws<NonFiniteException>(() => step.Bind(x, [-100, -100, -100]).Run());
        Assert.That(error.Node, Is.EqualTo(root.Inputs[0].ToString()), error.Message);
    }

    [Test]
    public void Gradients_are_looked_at_when_asked([Values] OnNonFinite mode)
    {
        // The cost of sqrt(0) is 0, its gradient infinite.
        var context = new BuildContext(new Graph(), BuildMode.Training);
        var w = new Parameter("w", [1]);
        w.Set([0]);
        Node cost = context.Variable(w).Sqrt().Sum();
        using var step = new TrainingStep(context, cost, [w], new Sgd(1), new TrainingStepOptions { OnNonFinite = mode });
        if (mode == OnNonFinite.CheckGradients)
        {
            Assert.That(() => step.Run(), Throws.TypeOf<NonFiniteException>());
            Assert.That(w.Value[0], Is.Zero);
            step.Forward();
            Assert.That(() => step.Backward(), Throws.TypeOf<NonFiniteException>());
            return;
        }

        Assert.That(step.Run(), Is.Zero);
        Assert.That(float.IsFinite(w.Value[0]), Is.False);
        Assert.That(() => step.Run(), Throws.InstanceOf<NativeBackpropException>(), "the root of a negative number, if nothing else");
    }

    [Test]
    public void Going_on_is_a_choice()
    {
        using Example example = new(true, "sgd", 1, OnNonFinite.Continue);
        example.BindAll().Step.Bind(example.T, [1e30f, 0, 0]);
        Assert.That(float.IsFinite(example.Step.Run()), Is.False);
        Assert.That(example.Step.Steps, Is.EqualTo(1));
    }

    [Test]
    public void A_schedule_that_fails_or_gives_nonsense_changes_nothing()
    {
        foreach (double factor in new[] { double.NaN, -1, 7 })
        {
            Type error = factor == 7 ? typeof(GraphException) : typeof(OptionException);
            using var towers = new Towers(new Sgd(0.1f), new TrainingStepOptions { Schedule = new Nonsense(factor) });
            float[] before = towers.Values;
            Assert.That(() => towers.Run([1, 2], [3], [4]), Throws.TypeOf(error));
            Assert.That(towers.Values, Is.EqualTo(before));
            Assert.That(towers.Step.Steps, Is.Zero);
        }
    }

    [Test]
    public void A_transform_that_fails_is_told_of()
    {
        Assert.That(
            () => new Towers(new Sgd(0.1f), new TrainingStepOptions { GradientTransforms = [new Failing(true)] }),
            Throws.TypeOf<GraphException>().With.InnerException.TypeOf<FormatException>());
        Assert.That(
            () => new Towers(new Sgd(0.1f), new TrainingStepOptions { GradientTransforms = [new Failing(false)] }),
            Throws.TypeOf<GraphException>().With.Message.Contains("expected as many gradients as it was given, 3, got 0"));
    }

    [Test]
    public void A_step_that_cannot_be_made_adds_nothing_to_the_graph()
    {
        var context = new BuildContext(new Graph(), BuildMode.Training, seed: 1);
        var layer = new Linear(2, 1);
        Node cost = layer.Build(context.Graph.Input("x", [Shape.Batch, 2]), context.Child("layer")).Square().Mean();
        int nodes = context.Graph.Nodes.Count;
        var adam = new Adam();
        var options = new TrainingStepOptions { GradientTransforms = [new ClipByNorm(1), new Failing(true)] };
        Assert.That(() => new TrainingStep(context, cost, layer.Parameters, adam, options), Throws.TypeOf<GraphException>());
        Assert.That(context.Graph.Nodes, Has.Count.EqualTo(nodes));
        Assert.That(layer.Weight.IsInitialized, Is.False);
        using var step = new TrainingStep(context, cost, layer.Parameters, adam);
        Assert.That(step.Steps, Is.Zero);
    }

    private sealed record Nonsense(double Value) : LearningRateSchedule
    {
        public override double Factor(long step) => Value == 7 ? throw new FormatException("seven") : Value;
    }

    private sealed record Failing(bool Throws) : GradientTransform
    {
        public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients) => Throws ? throw new FormatException("no") : [];
    }

    /// <summary>A network with everything that can fail in it, and a stream of random numbers.</summary>
    private sealed class Example : IDisposable
    {
        private readonly Sequential _model;

        public Example(bool fuse, string optimizer, int threads, OnNonFinite mode = OnNonFinite.Stop)
        {
            var context = new BuildContext(new Graph(), BuildMode.Training, seed: 5);
            X = context.Graph.Input("x", [Shape.Batch, 3]);
            S = context.Graph.Input("s", [Shape.Batch, 1]);
            T = context.Graph.Input("t", [Shape.Batch, 1]);
            _model = new Sequential(new Linear(3, 8), new Tanh(), new Dropout(0.4f), new Tripping(Trip), new Linear(8, 1));
            Node cost = (_model.Build(X, context) - T).Square().Mean() + S.Log().Mean();
            Optimizer rule = optimizer switch { "sgd" => new Sgd(0.1f), "momentum" => new Sgd(0.1f, 0.9f), _ => new Adam(0.1f) };
            var options = new TrainingStepOptions { Fuse = fuse, Threads = threads, OnNonFinite = mode };
            Step = new TrainingStep(context, cost, _model.Parameters, rule, options);
        }

        public TripOp Trip { get; } = new();

        public Node X { get; }

        public Node S { get; }

        public Node T { get; }

        public TrainingStep Step { get; }

        public Example BindAll()
        {
            Step.Bind(X, _x).Bind(S, _s).Bind(T, _t);
            return this;
        }

        public float[] Values() => [.. _model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

        public float[] Gradients() => [.. _model.Parameters.SelectMany(parameter => Step.Gradient(parameter).ToArray())];

        public float[] Everything() =>
        [
            .. Values(),
            .. Step.State.Entries.OrderBy(entry => entry.Name).SelectMany(entry => entry.Parameter.Value.ToArray()),
            Step.Steps,
        ];

        public void Dispose() => Step.Dispose();
    }

    private sealed class Tripping(TripOp op) : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => context.Graph.Add(op, input);
    }

    /// <summary>Passes on what it is given, unless it is told to fail.</summary>
    private sealed class TripOp : CustomOp
    {
        public bool FailsForward { get; set; }

        public bool FailsBackward { get; set; }

        public void Heal() => (FailsForward, FailsBackward) = (false, false);

        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output)
        {
            if (FailsForward)
            {
                throw new FormatException("forward");
            }

            inputs[0].CopyTo(output);
        }

        public override void Backward(
            int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient)
        {
            if (FailsBackward)
            {
                throw new FormatException("backward");
            }

            outputGradient.CopyTo(inputGradient);
        }
    }
}
