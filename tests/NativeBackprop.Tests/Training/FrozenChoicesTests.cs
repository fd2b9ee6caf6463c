using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>A step whose parameters are frozen and thawed in ever new combinations keeps a few of them, and trains as it should.</summary>
[TestFixture]
internal sealed class FrozenChoicesTests
{
    private const int Choices = 200;

    private static IEnumerable<TestCaseData> Optimizers =>
    [
        new TestCaseData(new Sgd(0.01f), false).SetArgDisplayNames("sgd"),
        new TestCaseData(new Sgd(0.01f), true).SetArgDisplayNames("sgd in parts"),
        new TestCaseData(new Adam(0.01f), false).SetArgDisplayNames("adam"),
        new TestCaseData(new Adam(0.01f), true).SetArgDisplayNames("adam in parts"),
    ];

    [TestCaseSource(nameof(Optimizers))]
    public void Many_choices_of_frozen_parameters_do_not_grow_the_graph(Optimizer optimizer, bool inParts)
    {
        using var run = new Run(optimizer);
        var counts = new List<int>();
        for (int choice = 1; choice <= Choices; choice++)
        {
            float[][] before = run.Freeze(choice);
            run.Step(inParts);
            run.AssertTrained(choice, before);
            counts.Add(run.Context.Graph.Nodes.Count);
            Assert.That(run.Training.PlanCount, Is.LessThanOrEqualTo(1));
        }

        Assert.That(run.Training.Steps, Is.EqualTo(Choices));
        Assert.That(counts[100..].Max(), Is.LessThanOrEqualTo(counts[..100].Max() + 100), "no more than a choice's updates");
        Assert.That(counts[^1] - run.Built, Is.LessThan(100 * TrainingStep.ChoicesKept), "nodes of a few choices");
    }

    [Test]
    public void A_step_of_an_old_choice_is_that_of_a_step_that_knows_no_other()
    {
        using var run = new Run(new Sgd(0.01f));
        for (int choice = 1; choice <= Choices; choice++)
        {
            using var fresh = new Run(new Sgd(0.01f));
            for (int i = 0; i < run.Parameters.Length; i++)
            {
                fresh.Parameters[i].Set(run.Parameters[i].Value);
            }

            // Every other one has been there before, and may have been dropped since.
            int of = choice % 2 == 0 ? choice / 2 : choice;
            run.Freeze(of);
            fresh.Freeze(of);
            run.Step(inParts: false);
            fresh.Step(inParts: false);
            Assert.That(run.Values, Is.EqualTo(fresh.Values), $"choice {of}");
        }
    }

    [Test]
    public void Nodes_that_somebody_has_asked_for_stay()
    {
        using var run = new Run(new Sgd(0.01f));
        Graph graph = run.Context.Graph;
        run.Step(inParts: false);
        Node stray = graph.Nodes[^1];
        Node gradient = graph.Gradient(run.Cost, graph.Variable(run.Parameters[0]))[0], norm = gradient.Square().Sum();
        run.Training.Watch(norm);
        for (int choice = 1; choice <= Choices; choice++)
        {
            run.Freeze(choice);
            run.Step(inParts: false);
            Assert.That(run.Training[norm].Item, Is.Positive);
        }

        Assert.That(graph.Nodes[gradient.Index], Is.SameAs(gradient));
        Assert.That(graph.Nodes[stray.Index], Is.SameAs(stray), "what stood before it stays too");
        Node late = graph.Nodes[^1];
        for (int choice = 1; choice <= 3 * TrainingStep.ChoicesKept; choice++)
        {
            run.Freeze(choice);
            run.Step(inParts: false);
        }

        Assert.That(() => graph.Add(new Relu(), late), Throws.TypeOf<GraphException>().With.Message.Contains("not in the graph any more"));
        Assert.That(() => graph.Compile([late]), Throws.TypeOf<GraphException>().With.Message.Contains("not in the graph any more"));
    }

    [Test]
    public void Gradients_outlive_the_choice_that_they_were_made_for()
    {
        using var run = new Run(new Sgd(0.01f));
        using var direct = new Run(new Sgd(0.01f));
        run.Freeze(1);
        direct.Freeze(1);
        direct.Step(inParts: true);
        run.Training.Forward();
        run.Training.Backward();
        for (int choice = 2; choice <= 3 * TrainingStep.ChoicesKept; choice++)
        {
            run.Freeze(choice);
            run.Training.Forward();
            Assert.That(run.Training.Update, Throws.InvalidOperationException.With.Message.Contains("frozen or thawed"));
        }

        run.Freeze(1);
        run.Training.Forward();
        run.Training.Update();
        Assert.That(run.Values, Is.EqualTo(direct.Values));
    }

    /// <summary>Eight parameters, of which the bits of a choice say which are trained.</summary>
    private sealed class Run : IDisposable
    {
        public Run(Optimizer optimizer)
        {
            var model = new Sequential(
                new Linear(2, 3), new Tanh(), new Linear(3, 3), new Tanh(), new Linear(3, 3), new Tanh(), new Linear(3, 1));
            Context = new BuildContext(new Graph(), BuildMode.Training, 1);
            Node x = Context.Graph.Input("x", [2, 2]);
            Cost = model.Build(x, Context).Square().Mean();
            Cost = Cost.Graph.SetName(Cost.Sum(), "cost");
            Built = Context.Graph.Nodes.Count;
            Parameters = [.. model.Parameters];
            Training = new TrainingStep(Context, Cost, Parameters, optimizer, new TrainingStepOptions { Threads = 1 });
            Training.Bind(x, [1, -0.5f, 0.25f, 2]);
        }

        public BuildContext Context { get; }

        public Node Cost { get; }

        public Parameter[] Parameters { get; }

        public TrainingStep Training { get; }

        public int Built { get; }

        public float[][] Values => [.. Parameters.Select(parameter => parameter.Value.ToArray())];

        public float[][] Freeze(int choice)
        {
            for (int i = 0; i < Parameters.Length; i++)
            {
                (IsTrained(choice, i) ? (Action)Parameters[i].Thaw : Parameters[i].Freeze)();
            }

            return Values;
        }

        public void Step(bool inParts)
        {
            if (!inParts)
            {
                Training.Run();
                return;
            }

            Training.Forward();
            Training.Backward();
            Training.Update();
        }

        public void AssertTrained(int choice, float[][] before)
        {
            for (int i = 0; i < Parameters.Length; i++)
            {
                bool isSame = Parameters[i].Value.SequenceEqual(before[i]);
                Assert.That(isSame, Is.Not.EqualTo(IsTrained(choice, i)), $"parameter {i} in choice {choice}");
            }
        }

        public void Dispose() => Training.Dispose();

        private static bool IsTrained(int choice, int parameter) => (choice & (1 << parameter)) != 0;
    }
}
