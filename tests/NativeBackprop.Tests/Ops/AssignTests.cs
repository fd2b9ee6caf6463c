using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

public class AssignTests
{
    [TestCase(1)]
    [TestCase(257)]
    public void A_variable_takes_the_value_as_the_reference_does(int length)
    {
        var graph = new Graph();
        Node old = graph.Variable("r", [length], new float[length]), x = graph.Input("x", [length]);
        Node assigned = graph.Add(new Assign(), old, (0.5f * old) + x), after = 2 * assigned;
        float[] values = [.. Enumerable.Range(1, length).Select(i => (float)i)];
        var reference = new ReferenceEvaluator(graph);
        using Plan plan = graph.Compile([assigned, after], new PlanOptions { Threads = 2, ExactThreads = true });
        for (int run = 0; run < 3; run++)
        {
            reference.Set(x, values).Run(assigned, after);
            plan.Bind(x, values).Run();
            float[] expected = [.. reference.Leaf(old).Select(value => (float)value)];
            Assert.That(((Variable)old.Op).Parameter.Value.ToArray(), Is.EqualTo(expected), $"run {run}");
            Assert.That(plan[after].ToArray(), Is.EqualTo(reference[after].Select(value => (float)value)));
        }

        Assert.That(((Variable)old.Op).Parameter.Value[0], Is.EqualTo(1.75f));
    }

    [Test]
    public void Shapes_must_agree_and_there_is_no_gradient()
    {
        var graph = new Graph();
        Node r = graph.Variable("r", [2], 1, 2), x = graph.Input("x", [2]), batch = graph.Input("b", [Shape.Batch, 2]);
        Assert.That(() => graph.Add(new Assign(), r, batch), Throws.TypeOf<ShapeException>());
        Node assigned = graph.Add(new Assign(), r, x);
        Assert.That(() => graph.Gradient(assigned.Sum(), x), Throws.TypeOf<GraphException>().With.Message.Contains("no gradient"));
    }
}
