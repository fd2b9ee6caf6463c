using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Graphs;

[TestFixture]
public sealed class ParameterTests
{
    [Test]
    public unsafe void Parameters_own_aligned_memory_that_nobody_else_has()
    {
        Parameter[] parameters = [new("a", [3]), new("b", [2, 5]), new("c", [0]), new("d", Shape.Scalar)];
        for (int i = 0; i < parameters.Length; i++)
        {
            Assert.That(parameters[i].IsInitialized, Is.False);
            parameters[i].Set(Enumerable.Repeat(i + 1f, parameters[i].Shape.Length).ToArray());
            Assert.That((nuint)parameters[i].Tensor.Pointer % 64, Is.EqualTo((nuint)0));
        }

        for (int i = 0; i < parameters.Length; i++)
        {
            Assert.That(parameters[i].IsInitialized);
            Assert.That(parameters[i].Value.ToArray(), Is.All.EqualTo(i + 1f));
        }
    }

    [Test]
    public void A_parameter_refuses_what_it_cannot_hold()
    {
        Assert.That(() => new Parameter(null!, [1]), Throws.ArgumentNullException);
        Assert.That(() => new Parameter("", [1]), Throws.TypeOf<OptionException>());
        Assert.That(() => new Parameter("a", [Shape.Batch]), Throws.TypeOf<ShapeException>().With.Message.Contains("[B]"));
        var parameter = new Parameter("a", [2]);
        parameter.Set([1, 2]);
        Assert.That(
            () => parameter.Set([1, 2, 3]),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("parameter a of shape [2] needs 2 values, got 3"));
        Assert.That(() => parameter.Set([1, float.NaN]), Throws.TypeOf<DataException>().With.Message.Contains("value 1 is NaN"));
        Assert.That(parameter.Value.ToArray(), Is.EqualTo(new float[] { 1, 2 }), "a refused call leaves it as it was");
    }

    [Test]
    public void A_parameter_freezes_and_thaws()
    {
        var parameter = new Parameter("a", [2]);
        Assert.That(parameter.IsFrozen, Is.False);
        parameter.Freeze();
        Assert.That(parameter.IsFrozen);
        parameter.Thaw();
        Assert.That(parameter.IsFrozen, Is.False);
    }

    [Test]
    public void A_set_counts_a_shared_parameter_once_and_finds_it_by_each_of_its_names()
    {
        Parameter shared = new("weight", [2, 3]), other = new("bias", [3]);
        var set = new ParameterSet([("a.weight", shared), ("a.bias", other), ("b.weight", shared)]);
        Assert.That(set, Is.EqualTo(new[] { shared, other }));
        Assert.That(set.Count, Is.EqualTo(2));
        Assert.That(set.Size, Is.EqualTo(9));
        Assert.That(set.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "a.weight", "a.bias", "b.weight" }));
        Assert.That(set["b.weight"], Is.SameAs(shared));
        Assert.That(set["a.weight"], Is.SameAs(set[0]));
        Assert.That(set.NameOf(shared), Is.EqualTo("a.weight"));
    }

    [Test]
    public void A_set_says_what_it_does_not_have()
    {
        var set = new ParameterSet([("a", new Parameter("a", [1])), ("b", new Parameter("b", [1]))]);
        Assert.That(set.TryGet("c", out _), Is.False);
        Assert.That(() => set.TryGet(null!, out _), Throws.ArgumentNullException);
        Assert.That(() => set["c"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("named c").And.Message.Contains("a, b"));
        Assert.That(() => set[2], Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => set[-1], Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => set.NameOf(new Parameter("a", [1])), Throws.TypeOf<KeyNotFoundException>());
    }

    [Test]
    public void Parameter_without_values_says_so()
    {
        var parameter = new Parameter("w", [2]);
        Assert.That(() => parameter.Value.Length, Throws.InvalidOperationException.With.Message.Contains("w has no values yet"));
        var graph = new Graph();
        Assert.That(
            () => graph.Compile([graph.Variable(parameter)]),
            Throws.InvalidOperationException.With.Message.Contains("w has no values yet"));
    }

    [Test]
    public void A_variable_takes_as_many_values_as_its_shape_has()
    {
        var graph = new Graph();
        Assert.That(() => graph.Variable("w", [2, 2], 1, 2, 3),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("parameter w of shape [2, 2] needs 4 values, got 3"));
        Assert.That(() => graph.Constant([2], 1, 2, 3),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("a constant of shape [2] needs 2 values, got 3"));
    }
}
