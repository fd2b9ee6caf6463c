using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Differentiation;
using NUnit.Framework;

namespace NativeBackprop.Tests.Optimizers;

public class OptimizerTests
{
    private static readonly float[] Gradients = [0.5f, 0.25f];

    // By hand from w = 1 with the gradients 0.5 and 0.25 and the rate 0.1: w after the first and after the second step.
    private static readonly TestCaseData[] FirstSteps =
    [
        new(new Sgd(0.1f), 0.95, 0.925) { TestName = "sgd" },
        new(new Sgd(0.1f, weightDecay: 0.1f), 0.94, 0.9056) { TestName = "sgd with weight decay" },
        new(new Sgd(0.1f, 0.9f), 0.95, 0.88) { TestName = "momentum" },
        new(new Sgd(0.1f, 0.9f, nesterov: true), 0.905, 0.817) { TestName = "nesterov" },
        new(new AdaGrad(0.1f), 0.9, 0.855278640) { TestName = "adagrad" },
        new(new RmsProp(0.1f), 0.0, -0.449013255) { TestName = "rmsprop" },
        new(new Adam(0.1f), 0.9, 0.806781949) { TestName = "adam" },
        new(new AdamW(0.1f), 0.899, 0.804882949) { TestName = "adamw" },
    ];

    private static readonly Func<Optimizer>[] All =
    [
        () => new Sgd(0.05f, weightDecay: 0.02f),
        () => new Sgd(0.05f, 0.9f, 0.02f),
        () => new Sgd(0.05f, 0.8f, 0.02f, nesterov: true),
        () => new AdaGrad(0.05f, 1e-6f, 0.02f),
        () => new RmsProp(0.01f, 0.95f, 1e-6f, 0.02f),
        () => new Adam(0.01f, 0.8f, 0.99f, 1e-6f, 0.02f),
        () => new AdamW(0.01f, 0.85f, 0.98f, 1e-6f, 0.1f),
    ];

    [TestCaseSource(nameof(FirstSteps))]
    public void The_first_two_steps_are_those_computed_by_hand(Optimizer optimizer, double first, double second)
    {
        var graph = new Graph();
        Node w = graph.Variable("w", [1], 1), g = graph.Input("g", [1]), rate = graph.Input("rate");
        Parameter parameter = ((Variable)w.Op).Parameter;
        using Plan plan = graph.Compile([.. optimizer.AddUpdates([(parameter, g)], rate)]);
        double[] expected = [first, second];
        for (int i = 0; i < 2; i++)
        {
            plan.Bind(g, [Gradients[i]]).Bind(rate, optimizer.LearningRate).Run();
            Assert.That(parameter.Value[0], Is.EqualTo(expected[i]).Within(2e-6));
        }
    }

    [TestCaseSource(nameof(All))]
    public void A_hundred_steps_agree_with_the_reference(Func<Optimizer> create)
    {
        Optimizer optimizer = create();
        var graph = new Graph();
        Node rate = graph.Input("rate");
        Node[] variables = [graph.Variable("w", [37], GraphHarness.Random(37, 1)), graph.Variable("u", [5, 3], GraphHarness.Random(15, 2))];
        Node[] gradients = [.. variables.Select(variable => graph.Input($"d{variable.Name}", variable.Shape))];
        IReadOnlyList<Node> updates = optimizer.AddUpdates(
            [.. variables.Zip(gradients, (variable, gradient) => (((Variable)variable.Op).Parameter, gradient))], rate);
        using Plan plan = graph.Compile([.. updates]);
        var reference = new ReferenceEvaluator(graph);
        foreach (Node node in graph.Nodes.Where(node => node.Op is Variable))
        {
            _ = reference.Leaf(node);
        }

        for (ulong step = 0; step < 100; step++)
        {
            plan.Bind(rate, optimizer.LearningRate);
            reference.Set(rate, [optimizer.LearningRate]);
            for (int i = 0; i < variables.Length; i++)
            {
                float[] values = GraphHarness.Random(variables[i].Shape.Length, (step * 2) + (ulong)i + 10);
                plan.Bind(gradients[i], values);
                reference.Set(gradients[i], values);
            }

            plan.Run();
            reference.Run([.. updates]);
        }

        foreach (Node node in graph.Nodes.Where(node => node.Op is Variable))
        {
            Assert.That(
                GraphHarness.Distance<float>(((Variable)node.Op).Parameter.Value, reference.Leaf(node)), Is.LessThan(1e-5), node.Name);
        }
    }

    [Test]
    public void Adam_counts_one_step_for_all_parameters()
    {
        var graph = new Graph();
        Node rate = graph.Input("rate");
        Parameter[] parameters = [.. Enumerable.Range(0, 3).Select(i => ((Variable)graph.Variable($"w{i}", [2], 1, 2).Op).Parameter)];
        var adam = new Adam();
        IReadOnlyList<Node> updates = adam.AddUpdates([.. parameters.Select(p => (p, graph.Constant(1, [2])))], rate);
        using Plan plan = graph.Compile([.. updates]);
        plan.Bind(rate, 0.1f).Run();
        plan.Run();
        Assert.That(adam.State["w0.step"].Value[0], Is.EqualTo(2));
        Assert.That(graph.Nodes.Count(node => node.Op is AdamCorrections), Is.EqualTo(1));
        Assert.That(
            Enumerable.Range(0, 6).Where(updates[0].Op.Updates),
            Is.EqualTo(new[] { 0, 3, 4 }),
            "parameter and moments change, gradient, rate and corrections are read");
    }

    [TestCase(1, 16777214f, 0f, 16777215f, 0f)]
    [TestCase(1, 16777215f, 0f, 16777215f, 0f)]
    [TestCase(2, 16777215f, 5f, 0f, 6f)]
    [TestCase(2, 3f, 5f, 4f, 5f)]
    public void The_count_of_steps_carries(int digits, float low, float high, float expectedLow, float expectedHigh)
    {
        var graph = new Graph();
        Node counter = graph.Variable("counter", [2], low, high), count = graph.Add(new Counter(digits), counter);
        double[] reference = new GraphHarness(graph).Reference([count])[0];
        using Plan plan = graph.Compile([count]);
        plan.Run();
        Assert.That(plan[count].ToArray(), Is.EqualTo(new[] { expectedLow, expectedHigh }));
        Assert.That(((Variable)counter.Op).Parameter.Value.ToArray(), Is.EqualTo(new[] { expectedLow, expectedHigh }));
        Assert.That(reference, Is.EqualTo(new double[] { expectedLow, expectedHigh }));
    }

    [Test]
    public void Parameters_of_one_name_have_states_of_their_own()
    {
        var adam = new Adam();
        var graph = new Graph();
        Parameter small = ((Variable)graph.Variable("w", [2], 1, 2).Op).Parameter;
        Parameter large = ((Variable)graph.Variable("w", [3], 1, 2, 3).Op).Parameter;
        Node rate = graph.Input("rate");
        adam.AddUpdates([(small, graph.Constant(1, [2]))], rate);
        adam.AddUpdates([(large, graph.Constant(1, [3]))], rate);
        Assert.That(States(adam, small).Select(state => state.Shape), Is.EqualTo(new Shape[] { [2], [2], [1] }));
        Assert.That(States(adam, large).Select(state => state.Shape), Is.EqualTo(new Shape[] { [3], [3], [1] }));
        Assert.That(States(adam, small).Intersect(States(adam, large)), Is.Empty);
    }

    [Test]
    public void State_follows_a_parameter_into_another_graph_and_under_another_name()
    {
        var adam = new Adam();
        Graph first = new(), second = new();
        Parameter w = ((Variable)first.Variable("w", [2], 1, 2).Op).Parameter;
        adam.AddUpdates([(w, first.Constant(1, [2]))], first.Input("rate"));
        Parameter[] before = States(adam, w);
        adam.AddUpdates([(w, second.Constant(1, [2]))], second.Input("rate"));
        Assert.That(States(adam, w), Is.EqualTo(before));
        Assert.That(
            adam.StateOf([("head.weight", w)]).Entries.Select(entry => entry.Name),
            Is.EqualTo(new[] { "head.weight.first_moment", "head.weight.second_moment", "head.weight.step" }));
    }

    [Test]
    public void A_parameter_that_pauses_counts_its_own_steps()
    {
        var adam = new Adam();
        Parameter[] parameters = [.. Enumerable.Range(0, 3).Select(i => ((Variable)new Graph().Variable($"w{i}", [1], 1).Op).Parameter)];
        Step(0, 1);
        Step(0, 1);
        Step(0, 2);
        Step(0, 1, 2);
        Assert.That(parameters.Select(Count), Is.EqualTo(new float[] { 4, 3, 2 }));
        Assert.That(
            adam.StateOf([.. parameters.Select(p => (p.Name, p))]).Entries
                .Select(entry => entry.Name).Where(name => name.EndsWith("step", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "w0.step", "w1.step", "w2.step" }));

        void Step(params int[] which)
        {
            var graph = new Graph();
            Node rate = graph.Input("rate");
            using Plan plan = graph.Compile([.. adam.AddUpdates([.. which.Select(i => (parameters[i], graph.Constant(1, [1])))], rate)]);
            plan.Bind(rate, 0.1f).Run();
        }

        float Count(Parameter parameter) => States(adam, parameter).Single(state => state.Name == "step").Value[0];
    }

    [Test]
    public void Whatever_has_no_memory_of_a_parameter_has_no_state()
    {
        var sgd = new Sgd(0.1f);
        var graph = new Graph();
        Parameter w = ((Variable)graph.Variable("w", [2], 1, 2).Op).Parameter;
        sgd.AddUpdates([(w, graph.Constant(1, [2]))], graph.Input("rate"));
        Assert.That(sgd.State, Is.Empty);
    }

    private static Parameter[] States(Optimizer optimizer, Parameter parameter) => [.. optimizer.StateOf([("w", parameter)])];

    [Test]
    public void Options_outside_their_domain_are_errors()
    {
        Assert.That(() => new Adam(0), Throws.TypeOf<OptionException>());
        Assert.That(() => new Adam(float.NaN), Throws.TypeOf<OptionException>());
        Assert.That(() => new Adam(beta1: 1), Throws.TypeOf<OptionException>().With.Message.EqualTo("beta1 must lie in [0, 1), got 1"));
        Assert.That(() => new AdamW(weightDecay: -1), Throws.TypeOf<OptionException>());
        Assert.That(() => new AdaGrad(epsilon: -1), Throws.TypeOf<OptionException>());
        Assert.That(() => new RmsProp(alpha: float.NaN), Throws.TypeOf<OptionException>());
        Assert.That(() => new Sgd(0.1f, 1), Throws.TypeOf<OptionException>());
    }
}
