using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Graphs;

[TestFixture]
public sealed class ParameterTests
{
    [Test]
    public unsafe void Set_LaysItsParametersOut_AlignedAndApart()
    {
        Parameter[] parameters = [new("a", [3]), new("b", [2, 5]), new("c", [0]), new("d", Shape.Scalar)];
        var set = new ParameterSet(parameters);
        Assert.That(set.Size, Is.EqualTo(14));
        Assert.That(set.Select(parameter => parameter.Name), Is.EqualTo(new[] { "a", "b", "c", "d" }));
        for (int i = 0; i < set.Count; i++)
        {
            Assert.That((nuint)set[i].Tensor.Pointer % 64, Is.EqualTo((nuint)0));
            Assert.That(set[i].Value.ToArray(), Is.All.Zero);
            set[i].Value.Fill(i + 1);
        }

        for (int i = 0; i < set.Count; i++)
        {
            Assert.That(set[i].Value.ToArray(), Is.All.EqualTo(i + 1f));
        }
    }

    [Test]
    public void Set_RefusesWhatItCannotHold()
    {
        Assert.That(() => new ParameterSet([new("a", [1]), new("a", [2])]),
            Throws.TypeOf<GraphException>().With.Message.Contains("two parameters are named a"));
        var taken = new Parameter("a", [1]);
        _ = new ParameterSet([taken]);
        Assert.That(() => new ParameterSet([taken]), Throws.TypeOf<GraphException>().With.Message.Contains("belongs to a set already"));
        Assert.That(() => new Parameter("a", [Shape.Batch]), Throws.TypeOf<ShapeException>().With.Message.Contains("[B]"));
    }

    [Test]
    public void Set_IsSearchedByName()
    {
        var set = new ParameterSet([new("a", [1]), new("b", [1])]);
        Assert.That(set["b"], Is.SameAs(set[1]));
        Assert.That(set.TryGet("c", out _), Is.False);
        Assert.That(() => set["c"], Throws.TypeOf<GraphException>().With.Message.Contains("named c").And.Message.Contains("a, b"));
    }

    [Test]
    public void Parameter_WithoutMemoryOrGradient_SaysSo()
    {
        var parameter = new Parameter("w", [2]);
        Assert.That(() => parameter.Value.Length, Throws.TypeOf<GraphException>().With.Message.Contains("w has no memory"));
        Assert.That(() => parameter.Gradient.Length, Throws.TypeOf<GraphException>().With.Message.Contains("w has no gradient"));
        var graph = new Graph();
        Assert.That(() => graph.Compile([graph.Variable(parameter)]), Throws.TypeOf<GraphException>().With.Message.Contains("w has no memory"));
    }

    [Test]
    public void Variable_TakesAsManyValuesAsItsShapeHas()
    {
        var graph = new Graph();
        Assert.That(() => graph.Variable("w", [2, 2], 1, 2, 3),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("w of shape [2, 2] needs 4 values, got 3"));
        Assert.That(() => graph.Constant([2], 1, 2, 3),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("a constant of shape [2] needs 2 values, got 3"));
    }
}
