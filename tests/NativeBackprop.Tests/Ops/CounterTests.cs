using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

[TestFixture]
internal sealed class CounterTests
{
    private const float Last = (1 << 24) - 1;

    [TestCase(1, new[] { 0f }, new[] { 3f })]
    [TestCase(1, new[] { Last }, new[] { Last })]
    [TestCase(1, new[] { 5f, 7f }, new[] { 8f, 7f })]
    [TestCase(2, new[] { Last - 1, 0f, 9f }, new[] { 1f, 1f, 9f })]
    [TestCase(2, new[] { Last, Last, 9f }, new[] { Last, Last, 9f })]
    public void A_counter_counts_as_the_reference_and_carries(int places, float[] start, float[] afterThree)
    {
        var graph = new Graph();
        Node state = graph.Variable("state", [start.Length], start), counter = graph.Add(new Counter(places), state);
        using Plan plan = graph.Compile([counter]);
        var reference = new ReferenceEvaluator(graph);
        reference.Leaf(state);
        for (int run = 0; run < 3; run++)
        {
            plan.Run();
            reference.Run(counter);
            Assert.That(plan[counter].ToArray(), Is.EqualTo(Array.ConvertAll(reference[counter], x => (float)x)));
            Assert.That(((Variable)state.Op).Parameter.Value.ToArray(), Is.EqualTo(plan[counter].ToArray()));
        }

        Assert.That(plan[counter].ToArray(), Is.EqualTo(afterThree));
    }

    [Test]
    public void A_counter_asked_for_twice_counts_once()
    {
        var graph = new Graph();
        Node state = graph.Variable("state", [1], 0), first = graph.Add(new Counter(), state), second = graph.Add(new Counter(), state);
        Assert.That(second, Is.SameAs(first));
        Assert.That(
            () => graph.Add(new Counter(2), state),
            Throws.TypeOf<ShapeException>().With.Message.Contains("2 digits").And.Message.Contains("[1]"));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void Counter_of_no_digits_is_refused(int places) =>
        Assert.That(() => new Counter(places), Throws.TypeOf<OptionException>().With.Message.Contains($"got {places}"));
}
