using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>Every binary op over pairs of shapes that broadcast, values and gradients, against the reference.</summary>
[TestFixtureSource(typeof(OpTable), nameof(OpTable.BinaryRows))]
internal sealed class BroadcastTests(OpRow row)
{
    private const int B = Shape.Batch;

    public static IEnumerable<TestCaseData> Pairs()
    {
        static TestCaseData Pair(int[] a, int[] b) =>
            new TestCaseData(a, b).SetArgDisplayNames($"[{string.Join(", ", a)}]", $"[{string.Join(", ", b)}]");

        yield return Pair([], []);
        yield return Pair([], [7]);
        yield return Pair([7], []);
        yield return Pair([1], [7]);
        yield return Pair([3, 7], [7]);
        yield return Pair([3, 7], [1, 7]);
        yield return Pair([3, 7], [3, 1]);
        yield return Pair([3, 1], [1, 7]);
        yield return Pair([1, 7], [3, 1]);
        yield return Pair([B, 7], [7]);
        yield return Pair([B, 7], [B, 1]);
        yield return Pair([B, 1], [7]);
        yield return Pair([B, 1], [1, 33]);
        yield return Pair([2, 1, 5], [4, 1]);
        yield return Pair([2, 3, 4, 5], [3, 1, 5]);
        yield return Pair([1, 3, 1, 5], [2, 1, 4, 1]);
        yield return Pair([1, 1, 1], [2]);
        yield return Pair([0], [1]);
        yield return Pair([3, 0], [3, 1]);
        yield return Pair([2, 40], [2, 40]);
    }

    [TestCaseSource(nameof(Pairs))]
    public void Broadcasting_agrees_with_the_reference(int[] a, int[] b)
    {
        var example = new OpCase(row with { Operands = [row.Operands[0] with { Shape = _ => [.. a] },
            row.Operands[1] with { Shape = _ => [.. b] }] }, 0, 3);
        Node[] nodes = example.All;
        ReferenceEvaluator reference = example.Reference().Run(nodes);
        foreach (int threads in (int[])[1, 2])
        {
            float[][] actual = example.Run(nodes, new PlanOptions { Threads = threads, ExactThreads = true });
            Assert.Multiple(() =>
            {
                for (int i = 0; i < nodes.Length; i++)
                {
                    Assert.That(Norms.Error(actual[i], reference[nodes[i]]), Is.LessThanOrEqualTo(1e-5), $"{nodes[i]} {nodes[i].Shape}");
                }
            });
        }

        Assert.That(example.Gradients.Select(node => node.Shape), Is.EqualTo(example.Smooth.Select(node => node.Shape)));
    }
}
