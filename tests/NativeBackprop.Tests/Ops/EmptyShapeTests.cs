using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>Shapes without elements: there is nothing to read, and nothing to write.</summary>
[TestFixture]
internal sealed class EmptyShapeTests
{
    /// <summary>The outer extent of a reduction was taken for 1 where it is 0.</summary>
    [Test]
    public void Reduction_without_results_does_no_work()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 0, 5]);
        using Plan plan = graph.Compile([x.Sum(axis: 2), x.Mean(axis: 2), x.Max(axis: 2)]);
        plan.Bind(x, []).Run();
        Assert.That(plan.Kernels.Select(scheduled => scheduled.Kernel.Units), Is.Not.Empty.And.All.Zero);
    }
}
