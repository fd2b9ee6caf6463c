using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Differentiation;

public class CheckpointTests
{
    [Test]
    public void ViewOfAValueKeepsItFromBeingFusedAway()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 2]), w = graph.Variable("w", [2, 4], GraphHarness.Random(8, 1)), b = graph.Variable("b", [4], 1, 2, 3, 4);
        Node product = x.MatMul(w), y = (product + b).Tanh(), view = product.Reshape([4, 3]).Square();
        var harness = new GraphHarness(graph).Set(x, GraphHarness.Random(6, 2));
        double[][] expected = harness.Reference([y, view]);
        float[][] actual = harness.Run([y, view]);
        Assert.That(GraphHarness.Distance<float>(actual[0], expected[0]), Is.LessThan(1e-5));
        Assert.That(GraphHarness.Distance<float>(actual[1], expected[1]), Is.LessThan(1e-5));
    }
}
